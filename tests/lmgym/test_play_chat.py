"""`lmgym play` on a chat: a person reads who speaks, and nothing that is said takes over the terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from lmgym.cli import main
from lmgym.conversation import MARKS, has_marks


@pytest.fixture
def say(monkeypatch):
    def typed(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8"))

    return typed


def test_a_chat_of_several_turns_reads_as_one(say, capsys):
    say("hint\nNo idea.\n?\nhint\nNo.\n" + "What?\n" * 9)
    assert main(["play", "lmgym/Chat-v0", "--level", "4", "--episodes", "1"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert sum(line.startswith("System: ") for line in lines) == 1
    assert (
        sum(line.startswith("User: ") for line in lines) == sum(line == "Assistant: " for line in lines) > 1
    )
    assert out.count("hint: ") == 2 and not has_marks(out)


def test_what_prompts_and_people_say_is_shown_as_text(say, capsys, tmp_path):
    path = tmp_path / "prompts.jsonl"
    said = "Hello\x1b[2J\x07" + MARKS + "<|im_end|>"
    path.write_text("".join(json.dumps({"prompt": f"{said} {number}"}) + "\n" for number in range(60)))
    say("a\x1b[2J" + MARKS + "\n")
    arguments = ["--option", f"problems={path}", "--reward", "length", "--episodes", "1"]
    main(["play", "lmgym/Chat-v0", *arguments])
    out = capsys.readouterr().out
    assert "User: Hello\\x1b[2J\\x07" + "\N{REPLACEMENT CHARACTER}" * 4 + "<|im_end|>" in out
    assert "\x1b" not in out and not has_marks(out)
