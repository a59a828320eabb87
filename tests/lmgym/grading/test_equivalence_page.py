"""The tables of docs/equivalence.md, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmgym.grading.budgets import Budgets
from lmgym.grading.equality.equivalence import compare, compare_slowly, follows
from lmgym.grading.notation.parser import parse

PAGE = Path(__file__).parents[3] / "docs" / "equivalence.md"
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| `")
]
FOLLOWS = {"yes": True, "no": False, "undecided": None}


def test_there_are_tables():
    assert len(ROWS) > 80


@pytest.mark.parametrize(("gold", "given", "verdict"), [row for row in ROWS if row[2] not in FOLLOWS])
def test_comparisons(gold, given, verdict):
    trees = parse(gold), parse(given)
    found = compare(*trees) or compare_slowly(*trees)
    assert found == ((True, "") if verdict == "equal" else (False, verdict))


@pytest.mark.parametrize(("before", "after", "verdict"), [row for row in ROWS if row[2] in FOLLOWS])
def test_derivations(before, after, verdict):
    assert follows(parse(before), parse(after), Budgets()) is FOLLOWS[verdict]
