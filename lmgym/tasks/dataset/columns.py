"""What the columns of a data set mean, with presets for well-known ones.

Comes in: a row. Goes out: prompt, answer, solution, difficulty as texts. Left out: grading and splits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.tasks.dataset.rows import Row

_HOLE = re.compile(r"\{([^{}]+)\}")
_CALCULATION = re.compile(r"<<[^<>]*>>")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Item(NamedTuple):
    """A row as a task needs it."""

    prompt: str
    answer: str
    solution: str | None
    """A worked solution, None if the data set has none."""
    difficulty: float
    key: str
    """The question without the words that the prompt puts around it, lower case, white space collapsed."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How a row becomes an item."""

    prompt: str
    """the prompt's text; {name} stands for the text of a column, {choices} for the lettered choices"""
    answer: str
    """column of the answer; with choices: a letter, a place from 0, or the text of a choice"""
    solution: str | None = None
    """column of a worked solution"""
    choices: str | None = None
    """column of a list of choices"""
    levels: str | None = None
    """column of a whole number from 1 that says how hard the row is"""
    policy: str = "final"
    """how the final answer is found in a response, see lmgym.grading"""
    clean: Callable[[dict[str, Any]], None] | None = None
    """brings a row into the form that the other fields speak of"""

    def read(self, row: Row, place: int) -> Item:
        """Returns the item of ``row``.

        Raises:
            InvalidValueError: a column is missing or a cell empty; the message names the row and the columns.
        """
        cells = dict(row)
        if self.clean is not None:
            self.clean(cells)
        choices = None if self.choices is None else _check_choices(_cell(cells, self.choices, place), place)
        if choices is not None:
            cells["choices"] = "\n".join(
                f"{letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False)
            )
        answer = _text(_cell(cells, self.answer, place))
        if choices is not None:
            answer = _letter_of(_cell(cells, self.answer, place), choices, place)
        asked = {name: _text(_cell(cells, name, place)) for name in _HOLE.findall(self.prompt)}
        prompt = _HOLE.sub(lambda hole: asked[hole[1]], self.prompt)
        if not prompt.strip() or not answer.strip():
            raise InvalidValueError(f"row {place} of the data set has an empty prompt or answer: {row!r}.")
        solution = None if self.solution is None else _text(_cell(cells, self.solution, place)).strip()
        key = " ".join(" ".join(asked.values()).casefold().split())
        return Item(prompt, answer.strip(), solution or None, self._difficulty(cells, place), key)

    def _difficulty(self, cells: Mapping[str, Any], place: int) -> float:
        if self.levels is None:
            return 1.0
        given = _text(_cell(cells, self.levels, place))
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:4]) <= 1000):
            raise InvalidValueError(
                f"row {place} of the data set: column {self.levels!r} must hold a number from 1 to 1000, "
                f"got {given!r}."
            )
        return float(given)


def _cell(cells: Mapping[str, Any], column: str, place: int) -> Any:
    if column in cells and (cells[column] is None or cells[column] != cells[column]):  # not a number
        raise InvalidValueError(
            f"row {place} of the data set has nothing in column {column!r}; leave the row out."
        )
    if column not in cells:
        raise InvalidValueError(
            f"row {place} of the data set has no column {column!r}; it has {', '.join(map(repr, cells))}. "
            "Name the columns with prompt=, answer=, solution=, choices= and levels=."
        )
    return cells[column]


def _text(cell: Any) -> str:
    """Returns a cell as text; 51.0 is 51, a list has one entry a line."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, list | tuple):
        return "\n".join(map(_text, cell))
    return str(cell)


def _check_choices(given: Any, place: int) -> list[str]:
    if isinstance(given, Mapping) and "text" in given:  # the way several published sets keep them
        given = given["text"]
    if not isinstance(given, Sequence) or isinstance(given, str) or not 2 <= len(given) <= len(LETTERS):
        raise InvalidValueError(
            f"row {place} of the data set must have a list of 2 to {len(LETTERS)} choices, got {given!r}."
        )
    return [_text(choice) for choice in given]


def _letter_of(answer: Any, choices: Sequence[str], place: int) -> str:
    text = _text(answer).strip()
    letters = LETTERS[: len(choices)]
    if len(text) == 1 and text.upper() in letters:
        return text.upper()
    if choices.count(text) == 1:
        return letters[choices.index(text)]
    if text.isascii() and text.isdigit() and int(text[:4]) < len(choices):
        return letters[int(text)]
    raise InvalidValueError(
        f"row {place} of the data set: the answer {text!r} is no letter of {letters}, no place from 0 to "
        f"{len(choices) - 1}, and no text of exactly one of {list(choices)!r}."
    )


def _clean_gsm8k(cells: dict[str, Any]) -> None:
    worked, _, answer = str(cells.get("answer", "")).rpartition("####")
    cells["worked"] = _CALCULATION.sub("", worked).strip() + "\n#### " + answer.strip()
    cells["answer"] = answer.strip()


def _clean_svamp(cells: dict[str, Any]) -> None:
    body = str(cells.get("Body", "")).strip()
    cells["Body"] = body if body.endswith((".", "?", "!")) else body + "."


PRESETS: Mapping[str, Columns] = {
    "sample": Columns(prompt="{question}\n", answer="answer", solution="solution", levels="level"),
    "gsm8k": Columns(
        prompt="{question}\nWork step by step. Write the result alone on the last line, after ####.\n",
        answer="answer", solution="worked", policy="marker", clean=_clean_gsm8k,
    ),
    "svamp": Columns(prompt="{Body} {Question}\n", answer="Answer", clean=_clean_svamp),
    "math500": Columns(
        prompt="{problem}\nWork step by step. Put the final answer in \\boxed{}.\n",
        answer="answer", solution="solution", levels="level", policy="boxed",
    ),
    "choice": Columns(
        prompt="{question}\n{choices}\nAnswer with a letter.\n",
        answer="answer", choices="choices", policy="choice",
    ),
}  # fmt: skip
"""The columns of data sets that many people use, by the name for ``preset=``."""
