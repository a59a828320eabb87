"""What an algebra problem is made of, and the small draws that every family needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from lmgym.grading.exact import Number
from lmgym.tasks.stream import Words

Item = TypeVar("Item")

_DIGITS = re.compile(r"[0-9]+")


class Shape(NamedTuple):
    """What a draw has to make."""

    level: int
    """In [1, 8]."""
    size: int
    """Drawn numbers lie in [-size, size], or [1, size]."""
    extra: int = 0
    """0, or for longer problems than the level has: one more term, factor, degree or unknown."""


class Exercise(NamedTuple):
    """A problem of one family before it has a prompt."""

    family: str
    question: str
    """The mathematics alone: ``3x+5=20``."""
    answer: str
    """The canonical answer."""
    lines: tuple[str, ...]
    """Working, one transformation a line; the last line is an accepted answer."""
    truth: Any
    """What answers of the family are checked against, an immutable value."""
    key: str
    """Canonical text of the question: equal for questions that differ in the order of their parts alone."""


def below(words: Words, low: int, high: int) -> int:
    """Returns an integer in [low, high]."""
    return low + words.below(high - low + 1)


def nonzero(words: Words, size: int) -> int:
    """Returns an integer in [-size, size] that is not 0."""
    value = words.below(2 * size)
    return value - size if value < size else value - size + 1


def pick(words: Words, items: Sequence[Item]) -> Item:
    """Returns one of the items, each as likely."""
    return items[words.below(len(items))]


def largest_number(text: str) -> int:
    """Returns the largest integer that is written in ``text``, 0 if there is none."""
    return max(map(int, _DIGITS.findall(text)), default=0)


def distinct(lines: Sequence[str]) -> tuple[str, ...]:
    """Returns the lines without those that repeat the line before."""
    return tuple(line for place, line in enumerate(lines) if place == 0 or line != lines[place - 1])


def signs(value: Number) -> int:
    """Returns 1, 0 or -1."""
    return (value > 0) - (value < 0)
