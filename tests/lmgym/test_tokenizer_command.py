"""`lmgym tokenizer` writes a tokenizer that fits an environment."""

from __future__ import annotations

import pytest

from lmgym.cli import main
from lmgym.conversation import Message, write_conversation
from lmgym.envs.make import make_env
from lmgym.tokenization import CharTokenizer, HFTokenizer


def train(*arguments):
    return main(["tokenizer", "--vocab-size", "400", "--num-problems", "200", *map(str, arguments)])


def test_a_tokenizer_of_a_chat_needs_fewer_tokens_than_characters(tmp_path, capsys):
    assert train("--env", "lmgym/Chat-v0", "--out", tmp_path / "bpe") == 0
    assert "400 tokens" in capsys.readouterr().out
    tokenizer = HFTokenizer(tmp_path / "bpe")
    prompt = "User:\nWhich room is Kim in? Warm words, please."
    assert 2 * len(tokenizer.encode(prompt)) < len(CharTokenizer().encode(prompt))
    env = make_env("lmgym.tasks.chat:Chat", tokenizer=str(tmp_path / "bpe"))
    observation, _ = env.reset(seed=0)
    assert env.tokenizer.vocab_size == 400 and observation["input_ids"].any()
    chat = write_conversation([Message("user", "Hi")])
    assert env.tokenizer.encode(chat)[-3:] == env.tokenizer.encode("Assistant:\n")[-3:]


def test_options_are_those_of_the_environment(tmp_path):
    for name, level in (("a", 1), ("b", 4), ("c", 1)):
        out = ("--out", tmp_path / name)
        assert train("--env", "lmgym/WordProblem-v0", "--option", f"level={level}", *out) == 0
    prints = [HFTokenizer(tmp_path / name).fingerprint for name in "abc"]
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "lmgym/Mth-v0"], "lmgym/Math-v0"),
        (["--env", "lmgym/Math-v0", "--option", "level"], "NAME=VALUE"),
        (["--env", "lmgym/Math-v0", "--vocab-size", "100"], "at least 258"),
    ],
)
def test_mistakes_are_told(arguments, message, tmp_path, capsys):
    assert train("--out", tmp_path / "bpe", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "bpe").exists()
