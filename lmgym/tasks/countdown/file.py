"""Countdown problems from a CSV file, such as the 1,362 puzzles of the game of 24.

Comes in: a file with a header and a column ``Puzzles`` (or ``Numbers``): integers with spaces between. A
column ``Target`` names targets, a column ``Rank`` ranks; a row without is ranked by its place, from 1. Other
columns are not read. Goes out: puzzles by split. A puzzle that has no solution is an error when it is loaded.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.countdown.draw import CountdownReference, Puzzle, key_of
from lmgym.tasks.countdown.knobs import Knobs
from lmgym.tasks.countdown.solver import solver_of

PUBLISHED = "published"
"""The split of the rows whose rank lies in the published range."""
MAX_NUMBERS = 6


def load_puzzles(
    path: str | Path, knobs: Knobs, published_ranks: tuple[int, int] | None
) -> Mapping[str, list[Puzzle]]:
    """Returns the puzzles of each split that has any, in the order of the file, each once.

    Args:
        path: the file.
        knobs: ``use_all`` and ``fractions`` are the rules, ``max_target`` the target of rows that name none.
        published_ranks: first and last rank of the split "published"; those puzzles are in no other split.
            None, or a range without a row: there is no such split.

    Raises:
        InvalidValueError: the file can't be read, a row is malformed or has no solution.
        EmptyProblemSetError: no puzzle falls to the split "train".
    """
    ranked = _read_rows(Path(path), knobs)
    first, last = published_ranks or (1, 0)
    published = {key: puzzle for key, (rank, puzzle) in ranked.items() if first <= rank <= last}
    splits: dict[str, list[Puzzle]] = {split: [] for split in HASHED_SPLITS}
    for key, (_, puzzle) in ranked.items():
        if key not in published:
            splits[split_of(key)].append(puzzle)
    if not splits["train"]:
        raise EmptyProblemSetError(
            f"split 'train' of {path} holds none of its {len(ranked)} puzzles; give more puzzles."
        )
    splits[PUBLISHED] = list(published.values())
    return {split: puzzles for split, puzzles in splits.items() if puzzles}


def _read_rows(path: Path, knobs: Knobs) -> dict[str, tuple[int, Puzzle]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidValueError(f"problems_file {str(path)!r} can't be read as CSV: {error}") from error
    ranked: dict[str, tuple[int, Puzzle]] = {}
    for place, row in enumerate(rows, 1):
        cells = {(name or "").strip().lower(): value or "" for name, value in row.items() if name}
        where = f"row {place} of {path}"
        text = cells.get("puzzles", cells.get("numbers"))
        if text is None:
            raise InvalidValueError(f"{where} has no column Puzzles or Numbers; it has {sorted(cells)}.")
        numbers = [_integer(piece, where, 10_000) for piece in text.split()]
        if not 2 <= len(numbers) <= MAX_NUMBERS:
            raise InvalidValueError(f"{where} must hold 2 to {MAX_NUMBERS} numbers, got {text!r}.")
        target = _integer(cells["target"], where, 10_000) if cells.get("target") else knobs.max_target
        rank = _integer(cells["rank"], where, 10**9) if cells.get("rank") else place
        ranked.setdefault(key_of(numbers, target), (rank, _solved(numbers, target, knobs, where)))
    return ranked


def _integer(text: str, where: str, high: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= high):
        raise InvalidValueError(f"{where} must hold integers in [1, {high}], got {text!r}.")
    return int(text)


def _solved(numbers: list[int], target: int, knobs: Knobs, where: str) -> Puzzle:
    ascending = tuple(sorted(numbers))
    tree = solver_of(ascending, knobs.fractions).find(ascending, target, knobs.use_all)
    if tree is None:
        raise InvalidValueError(f"{where} has no solution: {target} from {numbers}; take it out.")
    return Puzzle(numbers, CountdownReference(target, ascending, tree), key_of(numbers, target))
