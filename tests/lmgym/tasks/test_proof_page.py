"""The page of proofs, and playing one in the terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from lmgym.cli import main
from lmgym.records import Problem
from lmgym.tasks.proof import Proof
from lmgym.tasks.proof.source import MAX_LEVEL

PAGE = Path(__file__).parents[3] / "docs" / "environments" / "proof.md"


def inline(problem: Problem) -> str:
    return "`" + problem.prompt.rstrip("\n").replace("\n", " ; ").replace("|", "\\|") + "`"


LONG = (8, 9, 10)
"""Levels whose problems take seconds to draw."""
LEVELS = [
    pytest.param(level, marks=[pytest.mark.slow] * (level in LONG)) for level in range(1, MAX_LEVEL + 1)
]


@pytest.mark.parametrize("level", LEVELS)
def test_the_table_of_levels_is_true(level: int) -> None:
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| {level} |"))
    assert row.endswith(f" {inline(Proof(level=level).problem('train', 3))} |")


def test_the_examples_of_splits_and_of_a_proof_are_true() -> None:
    page, task = PAGE.read_text(), Proof(level=2)
    for split in task.splits:
        assert f"| {inline(task.problem(split, 1))} |" in page
    task = Proof(level=11)
    problem = task.problem("train", 3)
    (proof,) = task.demonstrations(problem, np.random.default_rng(0))
    for head, text in (("prompt  ", problem.prompt.rstrip()), ("agent   ", proof)):
        assert head + text.replace("\n", "\n        ") in page


def test_playing_is_by_lines_with_the_proof_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(text: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8"))
        assert main(["play", "lmgym/Proof-v0", "--level", "11", "--episodes", "1", "--seed", "4"]) == 0
        return capsys.readouterr().out

    said = list[str]()
    for _ in range(20):
        out = play("\n".join([*said, "hint"]))
        if "hint: " not in out:
            break
        said.append(out.split("hint: ")[1].splitlines()[0])
        assert said[-1] not in out.split("hint: ")[0]
    assert "1 of 1 right" in out and all(line in out for line in said[:-1])
    refused = play("3. nonsense\nhint\n")
    assert "refused (syntax): " in refused and "left)" in refused
