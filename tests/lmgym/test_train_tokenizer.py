"""Tokenizers trained on the texts of a task: any text comes back, the same texts give the same tokens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.conversation import Message, write_conversation
from lmgym.errors import InvalidValueError
from lmgym.tokenization import HFTokenizer, train_tokenizer

TEXTS = [f"Please tell me about the garden, the weather and {n} trees.\n" for n in range(200)]
TOKENIZER = train_tokenizer(TEXTS, 300)
ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
def test_any_text_comes_back(text):
    shown = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == shown


def test_what_occurs_often_takes_few_tokens():
    text = TEXTS[7]
    assert TOKENIZER.vocab_size <= 300
    assert 3 * len(TOKENIZER.encode(text)) < len(text)
    assert len(TOKENIZER.encode("12345")) == 5


def test_special_tokens_typed_as_text_stay_text():
    assert not {TOKENIZER.pad_id, TOKENIZER.end_id} & set(TOKENIZER.encode("<|pad|><|end|>"))


def test_marks_are_not_learnt():
    messages = [Message("user", "garden"), Message("assistant", "garden")]
    chats = [write_conversation(messages)] * 50
    assert (
        train_tokenizer(chats, 280).fingerprint == train_tokenizer(["garden", "garden"] * 50, 280).fingerprint
    )


def test_other_processes_and_threads_make_the_same_tokenizer():
    program = (
        "from lmgym.tokenization import train_tokenizer\n"
        "texts = [f'Please tell me about the garden, the weather and {n} trees.\\n' for n in range(200)]\n"
        "print(train_tokenizer(texts, 300).fingerprint)"
    )
    for threads in ("1", "4"):
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        assert done.stdout.strip() == TOKENIZER.fingerprint


def test_saved_and_loaded_it_is_the_same(tmp_path):
    TOKENIZER.save(tmp_path)
    again = HFTokenizer(tmp_path)
    assert again.fingerprint == TOKENIZER.fingerprint
    assert again.encode(TEXTS[3]) == TOKENIZER.encode(TEXTS[3])


@pytest.mark.parametrize("vocab_size", [257, 0, -1, 300.0, True])
def test_a_vocabulary_without_room_for_every_byte_is_an_error(vocab_size):
    with pytest.raises(InvalidValueError, match="at least 258"):
        train_tokenizer(TEXTS, vocab_size)
