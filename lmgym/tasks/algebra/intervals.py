"""Sets of real numbers as intervals, how they are written, and reading them from an expression tree."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from lmgym.errors import LmgymError
from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.values import exact_value
from lmgym.grading.exact import Number, number_text
from lmgym.grading.tree import Node

EVERYTHING = "all"
NOTHING = "none"


class Interval(NamedTuple):
    """The numbers between two bounds; None is the infinity of that side."""

    low: Number | None
    high: Number | None
    has_low: bool
    """Whether ``low`` itself belongs to it."""
    has_high: bool

    @property
    def text(self) -> str:
        """As a statement on x: ``x<5``, ``2≤x<3``, ``x=4``."""
        if self.low is not None and self.low == self.high:
            return f"x={number_text(self.low)}"
        if self.low is None:
            return "" if self.high is None else f"x{'≤' if self.has_high else '<'}{number_text(self.high)}"
        if self.high is None:
            return f"x{'≥' if self.has_low else '>'}{number_text(self.low)}"
        low, high = number_text(self.low), number_text(self.high)
        return f"{low}{'≤' if self.has_low else '<'}x{'≤' if self.has_high else '<'}{high}"


ALL = Interval(None, None, False, False)
Intervals = tuple[Interval, ...]


def intervals_text(intervals: Intervals) -> str:
    """Returns the canonical text: ``x<2 or x>3``, "all" or "none"."""
    if intervals == (ALL,):
        return EVERYTHING
    return " or ".join(interval.text for interval in intervals) or NOTHING


class _Unreadable(LmgymError):
    """A tree that is no set of intervals with exact bounds."""


def read_intervals(node: Node, budgets: Budgets) -> Intervals | None:
    """Returns the set that ``node`` says, its parts as they were written, in ascending order.

    Relations on x, "or", intervals, unions, sets of numbers and R are read. None for anything else, for
    parts that overlap or touch (they are not a simplest form), and for bounds that are not rational.
    """
    try:
        parts = sorted(_read(node, budgets), key=_order)
    except (_Unreadable, Refusal):
        return None
    for one, other in itertools.pairwise(parts):
        if not _is_apart(one, other):
            return None
    return tuple(parts)


def _order(part: Interval) -> tuple[bool, Number]:
    return part.low is not None, 0 if part.low is None else part.low


def _is_apart(one: Interval, other: Interval) -> bool:
    """Whether ``other`` begins behind the end of ``one`` with a number between them, or excluded by both."""
    if one.high is None or other.low is None:
        return False
    return one.high < other.low or (one.high == other.low and not one.has_high and not other.has_low)


def _read(node: Node, budgets: Budgets) -> list[Interval]:
    head = node.head
    if head in ("either", "union"):
        return [part for arg in node.args for part in _read(arg, budgets)]
    if head == "relation":
        return _read_relation(node, budgets)
    if head == "interval" or (head == "tuple" and len(node.args) == 2):
        brackets = node.value if head == "interval" else "()"
        low, high = (_read_bound(arg, budgets, place) for place, arg in enumerate(node.args))
        return _checked(Interval(low, high, brackets[0] == "[", brackets[1] == "]"))
    if head == "set":
        values = [_read_number(arg, budgets) for arg in node.args]
        return [Interval(value, value, True, True) for value in values]
    if head in ("named_set", "variable") and node.value == "R":
        return [ALL]
    if head == "empty_set":
        return []
    raise _Unreadable(head)


def _checked(part: Interval) -> list[Interval]:
    if (part.low is None and part.has_low) or (part.high is None and part.has_high):
        raise _Unreadable("a closed infinity")
    if part.low is not None and part.high is not None:
        is_point = part.low == part.high and part.has_low and part.has_high
        if part.low >= part.high and not is_point:
            raise _Unreadable("an empty part")
    return [part]


def _read_relation(node: Node, budgets: Budgets) -> list[Interval]:
    places = [place for place, arg in enumerate(node.args) if arg.head == "variable"]
    if len(places) != 1 or node.args[places[0]].value != "x" or not 0 < len(node.value) < 3:
        raise _Unreadable("a relation that is not about x")
    place, signs = places[0], node.value
    if signs == ("in",) and place == 0:
        return _read(node.args[1], budgets)
    if signs in (("=",), ("!=",)):
        value = _read_number(node.args[1 - place], budgets)
        if signs == ("=",):
            return [Interval(value, value, True, True)]
        return [Interval(None, value, False, False), Interval(value, None, False, False)]
    if len(signs) == 2 and (place != 1 or signs[0][0] != signs[1][0]):
        raise _Unreadable("a chain that does not point one way")
    low, high, has_low, has_high = None, None, False, False
    for at, sign in enumerate(signs):
        if sign[0] not in "<>":
            raise _Unreadable(sign)
        is_upper = (sign[0] == "<") == (at == place)  # x < b, b > x
        value = _read_number(node.args[at + 1 if at == place else at], budgets)
        if is_upper:
            high, has_high = value, sign.endswith("=")
        else:
            low, has_low = value, sign.endswith("=")
    return _checked(Interval(low, high, has_low, has_high))


def _read_bound(node: Node, budgets: Budgets, place: int) -> Number | None:
    sign, inner = (-1, node.args[0]) if node.head == "negate" else (1, node)
    if inner.head == "constant" and inner.value == "infinity":
        if sign != (-1, 1)[place]:
            raise _Unreadable("an infinity on the wrong side")
        return None
    return _read_number(node, budgets)


def _read_number(node: Node, budgets: Budgets) -> Number:
    from lmgym.grading.equality.forms import is_solved

    value = exact_value(node, budgets) if is_solved(node) else None
    if value is None:
        raise _Unreadable("not a rational number in simplest form")
    return value
