"""Which numbers a step of a word problem may have: those that keep its result a natural number in bounds.

Comes in: the value that a step starts from. Goes out: every number that its sentence may state, and what it
leads to. For fractions a number is a pair (denominator, numerator).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from types import MappingProxyType

Number = int | tuple[int, int]
Choices = Callable[[int, int, int], Sequence[Number]]
"""From a value, the greatest number that is added or taken away, and the greatest result."""

_PERCENTAGES = (10, 20, 25, 30, 40, 50, 60, 75, 80)
_FRACTIONS = [(n, top) for n in (3, 4, 5, 6, 8) for top in range(2, n) if gcd(n, top) == 1]


def _added(x: int, most: int, limit: int) -> Sequence[int]:
    return range(1, min(most, limit - x) + 1)


def _taken(x: int, most: int, limit: int) -> Sequence[int]:
    return range(1, min(most, x - 1) + 1)


def _multiplied(low: int, high: int) -> Choices:
    return lambda x, most, limit: range(low, min(high, limit // x) + 1)


def _divided(high: int, least: int) -> Choices:
    return lambda x, most, limit: [n for n in range(2, min(high, x // least) + 1) if x % n == 0]


def _fractions(x: int, most: int, limit: int) -> Sequence[tuple[int, int]]:
    return [pair for pair in _FRACTIONS if x % pair[0] == 0]


def _percent_more(x: int, most: int, limit: int) -> Sequence[int]:
    return [n for n in _PERCENTAGES if x * n % 100 == 0 and x + x * n // 100 <= limit]


def _percent_fewer(x: int, most: int, limit: int) -> Sequence[int]:
    return [n for n in _PERCENTAGES if x * n % 100 == 0]


CHOICES: Mapping[str, Choices] = MappingProxyType(
    {
        "more": _added,
        "fewer": _taken,
        "gain": _added,
        "lose": _taken,
        "times": _multiplied(2, 5),
        "part": _divided(5, 1),
        "pack": _divided(12, 2),
        "hold": _multiplied(2, 12),
        "sell": _multiplied(2, 12),
        "buy": _divided(12, 2),
        "produce": _multiplied(2, 12),
        "earn": _multiplied(5, 20),
        "lose_part": _divided(5, 1),
        "fraction": _fractions,
        "percent_more": _percent_more,
        "percent_fewer": _percent_fewer,
        "lose_percent": _percent_fewer,
    }
)
"""The numbers of every kind of step that has one, by kind."""


def result(kind: str, x: int, n: int, top: int) -> int:
    """Returns what a step of ``kind`` makes of ``x``."""
    if kind in ("more", "gain"):
        return x + n
    if kind in ("fewer", "lose"):
        return x - n
    if kind in ("times", "hold", "sell", "produce", "earn"):
        return x * n
    if kind in ("part", "pack", "buy", "fraction"):
        return x // n * top
    if kind == "lose_part":
        return x - x // n
    return x + x * n // 100 if kind == "percent_more" else x - x * n // 100
