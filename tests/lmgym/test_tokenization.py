from __future__ import annotations

import json
import random

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, processors

from lmgym.errors import TokenizerError, UnknownNameError
from lmgym.tokenization import UNKNOWN, CharTokenizer, HFTokenizer, TextTokenizer, make_tokenizer

CHAR = CharTokenizer()
BACKEND = CHAR.backend()
# Text with lone surrogates, which hypothesis leaves out by default, and with what looks like special tokens.
ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=())) | st.lists(
    st.sampled_from(["<|end|>", "<|pad|>", "12", "×", "\n", "é", "😀", UNKNOWN, "\x00", "\ud83d", "\ude00"])
).map("".join)


def encode_slowly(text: str) -> list[int]:
    table = CHAR.vocabulary
    return [table.index(c) if c in table and c != UNKNOWN else table.index(UNKNOWN) for c in text]


@given(ANY_TEXT)
def test_char_encoding_is_a_character_a_token_whatever_the_text(text: str) -> None:
    ids = CHAR.encode(text)
    assert ids == encode_slowly(text)
    shown = "".join(c if c in CHAR.vocabulary else UNKNOWN for c in text)
    assert CHAR.decode(ids) == shown


@given(ANY_TEXT)
def test_char_tokenizer_equals_its_library_build(text: str) -> None:
    plain = "".join(UNKNOWN if 0xD800 <= ord(c) < 0xE000 else c for c in text)
    ids = BACKEND.encode(plain, add_special_tokens=False).ids
    assert ids == CHAR.encode(text)
    assert BACKEND.decode(ids, skip_special_tokens=True) == CHAR.decode(ids)


@given(st.lists(ANY_TEXT, max_size=6))
def test_batches_equal_rows(texts: list[str]) -> None:
    for tokenizer in (CHAR, HFTokenizer(BACKEND, end_token="<|end|>", pad_token="<|pad|>")):
        rows = tokenizer.encode_batch(texts)
        assert [row.tolist() for row in rows] == [tokenizer.encode(text) for text in texts]
        assert all(row.dtype == np.int32 for row in rows)
        joined, lengths = tokenizer.encode_joined(texts)
        assert joined.tolist() == [i for text in texts for i in tokenizer.encode(text)]
        assert lengths.tolist() == [len(tokenizer.encode(text)) for text in texts]


def test_decoding_a_batch_equals_decoding_rows_and_drops_special_tokens() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, CHAR.vocab_size, (50, 9))
    lengths = rng.integers(0, 10, 50)
    expected = [
        "".join(CHAR.vocabulary[i] for i in row[:n] if i > 1) for row, n in zip(ids, lengths, strict=True)
    ]
    assert CHAR.decode_batch(ids, lengths) == expected
    assert [CHAR.decode(row[:n]) for row, n in zip(ids, lengths, strict=True)] == expected
    assert CHAR.decode([]) == "" and CHAR.decode_batch(ids[:0], lengths[:0]) == []


def test_char_vocabulary_has_what_tasks_need_once_each() -> None:
    needed = [*map(chr, range(32, 127)), "\n", *"×÷−√≤≥≠∧∨¬→↔⊢∀∃"]
    assert {*needed} <= {*CHAR.vocabulary} and len({*CHAR.vocabulary}) == CHAR.vocab_size
    assert CHAR.pad_id != CHAR.end_id and CHAR.end_ids == (CHAR.end_id,)
    assert isinstance(CHAR, TextTokenizer) and isinstance(
        HFTokenizer(BACKEND, end_token="<|end|>"), TextTokenizer
    )


def test_saved_folder_loads_in_transformers_with_the_same_ids(tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    CHAR.save(tmp_path / "tokenizer")
    auto = transformers.AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert (auto.pad_token_id, auto.eos_token_id, len(auto)) == (CHAR.pad_id, CHAR.end_id, CHAR.vocab_size)
    rng = random.Random(0)
    for _ in range(200):
        text = "".join(rng.choice([*CHAR.vocabulary, "é", "😀"]) for _ in range(rng.randrange(12)))
        assert auto(text, add_special_tokens=False).input_ids == CHAR.encode(text)
        assert auto(text).input_ids == CHAR.encode(text)
    for again in (make_tokenizer(str(tmp_path / "tokenizer")), make_tokenizer(auto)):
        assert again.fingerprint == CHAR.fingerprint
        assert again.encode("7×8=<|end|>") == CHAR.encode("7×8=<|end|>")
        assert (again.pad_id, again.end_id, again.vocab_size) == (CHAR.pad_id, CHAR.end_id, CHAR.vocab_size)


def word_tokenizer() -> tokenizers.Tokenizer:
    """A byte-level BPE with merges, a begin token that it adds itself, and two tokens that end turns."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {char: i for i, char in enumerate(alphabet)}
    vocabulary |= {"12": 256, "Ġthe": 257, "Ġt": 258, "he": 259}
    merges = [("1", "2"), ("Ġ", "t"), ("h", "e"), ("Ġt", "he")]
    library = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens(["<s>", "</s>", "<turn>"])
    library.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 260)])
    return library


def test_any_fast_tokenizer_serves(tmp_path) -> None:
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "</s>"}}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [262, 261]}))
    tokenizer = make_tokenizer(tmp_path)
    assert tokenizer.encode(" the 12") == [257, tokenizer.encode(" ")[0], 256]
    assert tokenizer.decode([257, 261, 256]) == " the12"
    assert tokenizer.end_ids == (261, 262) and tokenizer.prefix_ids == (260,)
    assert tokenizer.pad_id == tokenizer.end_id == 261 and tokenizer.vocab_size == 263
    assert 261 not in tokenizer.encode("</s><s>") and tokenizer.decode(tokenizer.encode("</s>")) == "</s>"
    assert tokenizer.encode("\ud800x") == tokenizer.encode(UNKNOWN + "x")
    tokenizer.save(tmp_path / "again")
    again = make_tokenizer(tmp_path / "again")
    assert again.encode(" the 12é") == tokenizer.encode(" the 12é") and again.end_id == 261


def test_tokenizer_without_an_end_token_is_refused(tmp_path) -> None:
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(TokenizerError, match="no end token"):
        make_tokenizer(tmp_path)
    assert HFTokenizer(tmp_path, end_token="</s>").end_id == 261
    with pytest.raises(TokenizerError, match="'nothing'"):
        HFTokenizer(tmp_path, end_token="nothing")


def test_mistaken_specs_are_refused(tmp_path) -> None:
    with pytest.raises(UnknownNameError, match=r"'chr'.*'char'"):
        make_tokenizer("chr")
    with pytest.raises(TokenizerError, match=r"no tokenizer\.json"):
        make_tokenizer(str(tmp_path))
    with pytest.raises(TokenizerError, match="int is not a fast tokenizer"):
        make_tokenizer(3)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(TokenizerError, match="can't be read"):
        make_tokenizer(str(tmp_path))
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text("[1")
    with pytest.raises(TokenizerError, match="not valid JSON"):
        make_tokenizer(str(tmp_path))


@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"])
def test_endless_files_of_settings_are_refused_unread(name, tmp_path) -> None:
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 33)  # a hole, which takes no room on the disk
    with pytest.raises(TokenizerError, match="too large"):
        make_tokenizer(str(tmp_path))


def test_settings_that_are_nested_without_end_are_refused(tmp_path) -> None:
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"a":' * 10**5)
    with pytest.raises(TokenizerError, match="not valid JSON"):
        make_tokenizer(str(tmp_path))
