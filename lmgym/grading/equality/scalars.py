"""Whether two expressions have the same value: what every comparison of structures comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Literal, NamedTuple

from lmgym.grading.budgets import Budgets
from lmgym.grading.equality.canonical import canonical, is_decided
from lmgym.grading.equality.numeric import Ball, differ_somewhere, find_ball, surely_differ
from lmgym.grading.equality.polynomials import Ratio, Work, difference, ratio, rational_value
from lmgym.grading.equality.values import NotRationalError, Number, UndefinedError, evaluate
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

_WORK_OF_NUMBERS = 40
Decide = Callable[[Node, Node], bool]
_DEGREES = frozenset(("degree", "degrees", "deg", "\N{DEGREE SIGN}"))


class UndecidedError(Exception):
    """The fast part cannot tell. Stays inside the grader."""


class Scalar(NamedTuple):
    """What is known of the value of one expression."""

    node: Node
    kind: Literal["rational", "ratio", "infinite", "undefined"]
    value: Number = 0
    """of a rational; the sign of an infinity"""
    form: Ratio | None = None
    """of a ratio"""
    is_suspect: bool = False
    """a divisor may be zero in disguise"""


_UNDEFINED = Scalar(Node("text"), "undefined")


class Context:
    """One comparison: its rules, what it has spent, and the values that it has found."""

    def __init__(self, rules: Rules, budgets: Budgets, decide: Decide | None = None) -> None:
        """Starts a comparison.

        Args:
            rules: what counts as the same.
            budgets: limits.
            decide: asked about expressions that the fast part cannot compare; None leaves them undecided.
        """
        self.rules = rules
        self.budgets = budgets
        self.decide = decide
        self.work = Work(budgets)
        self.has_other_unit = False
        """two values were equal but for their units"""
        self._scalars: dict[int, Scalar] = {}

    def scalar(self, node: Node) -> Scalar:
        """Returns what is known of the value of ``node``; found once for each node."""
        found = self._scalars.get(id(node))
        if found is None or found.node is not node:
            found = self._scalars[id(node)] = self._evaluate(node)
        return found

    def _evaluate(self, node: Node) -> Scalar:
        sign = infinity_sign(node)
        if sign:
            return Scalar(node, "infinite", sign)
        try:
            return Scalar(node, "rational", evaluate(node, self.budgets))
        except NotRationalError:
            pass
        except UndefinedError:
            return _UNDEFINED._replace(node=node)
        self.work.is_suspect = False
        try:
            form = canonical(node, self.work)
        except UndefinedError:
            return _UNDEFINED._replace(node=node)
        value = None if self.work.is_suspect else rational_value(form)
        if value is not None:
            return Scalar(node, "rational", value)
        return Scalar(node, "ratio", 0, form, self.work.is_suspect)


def infinity_sign(node: Node) -> int:
    """Returns 1 for infinity, -1 for minus infinity, 0 for anything else."""
    if node.head == "constant" and node.value == "infinity":
        return 1
    return -infinity_sign(node.args[0]) if node.head == "negate" else 0


def equal_values(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two values with or without units and percent signs are the same by the rules."""
    left, first = split_unit(left)
    right, second = split_unit(right)
    if context.rules.percent == "optional" and (left.head == "percent") != (right.head == "percent"):
        left, right = (node.args[0] if node.head == "percent" else node for node in (left, right))
    is_equal = equal_scalars(left, right, context)
    both = first is not None and second is not None
    if first != second and (both or context.rules.units == "required"):
        context.has_other_unit = context.has_other_unit or is_equal is not False
        return False
    return is_equal


def split_unit(node: Node) -> tuple[Node, str | None]:
    """Returns the bare value and its unit; degrees count as a unit."""
    if node.head == "quantity":
        return node.args[0], "degree" if node.value in _DEGREES else node.value
    if node.head == "degrees":
        return node.args[0], "degree"
    if node.head == "negate":
        inner, unit = split_unit(node.args[0])
        return (Node("negate", (inner,)), unit) if unit is not None else (node, None)
    return node, None


def equal_scalars(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two expressions have the same value; an undefined one never has."""
    a, b = context.scalar(left), context.scalar(right)
    if a.kind == "undefined" or b.kind == "undefined":
        return False
    if a.kind == "infinite" or b.kind == "infinite":
        return a.kind == b.kind and a.value == b.value
    if context.rules.decimals is not None:
        rounded = _equal_rounded(a, b, context.rules.decimals)
        if rounded is not None:
            return rounded
    if a.kind == b.kind == "rational":
        return a.value == b.value
    first, second = (scalar.form or ratio(scalar.value) for scalar in (a, b))
    is_suspect = a.is_suspect or b.is_suspect
    if not is_suspect:
        if not difference(first, second, context.work):
            return True
        if is_decided(first, second):
            return False
    context.work.spend(_WORK_OF_NUMBERS)
    if differ_somewhere(left, right):
        return False
    return context.decide(left, right) if context.decide is not None else None


def _equal_rounded(a: Scalar, b: Scalar, places: int) -> bool | None:
    """Returns whether two real numbers round to the same decimal, None if a rounding is not certain."""
    rounded = [_round(scalar, places) for scalar in (a, b)]
    return None if None in rounded else rounded[0] == rounded[1]


def _round(scalar: Scalar, places: int) -> int | None:
    """Returns the value in units of the last decimal, halves away from zero."""
    if scalar.kind == "rational":
        return _round_half_up(Fraction(scalar.value), places)
    ball = find_ball(scalar.node, {})
    if ball is None or isinstance(ball.mid, complex):
        return None
    low, high = (
        _round_half_up(Fraction(ball.mid) + side * Fraction(ball.radius), places) for side in (-1, 1)
    )
    return low if low == high else None


def _round_half_up(value: Fraction, places: int) -> int:
    size = int(abs(value) * 10**places + Fraction(1, 2))
    return -size if value < 0 else size


def order(left: Scalar, right: Scalar, context: Context) -> int:
    """Returns -1, 0 or 1 as a real number is below, at or above another.

    Raises:
        UndecidedError: they are too near to tell.
        UndefinedError: one is no real number.
    """
    if left.kind == right.kind == "rational" or "infinite" in (left.kind, right.kind):
        first, second = (_rank(scalar) for scalar in (left, right))
        return (first > second) - (first < second)
    balls = [_real_ball(scalar) for scalar in (left, right)]
    if surely_differ(*balls):
        return -1 if balls[0].mid.real < balls[1].mid.real else 1
    is_equal = equal_scalars(left.node, right.node, context)
    if is_equal is not True:
        raise UndecidedError
    return 0


def _rank(scalar: Scalar) -> tuple[int, Number]:
    """Returns a pair in the order of the extended real line, where finite values need not be compared."""
    return (int(scalar.value), 0) if scalar.kind == "infinite" else (0, scalar.value)


def _real_ball(scalar: Scalar) -> Ball:
    ball = find_ball(scalar.node, {})
    if ball is None:
        raise UndecidedError
    if isinstance(ball.mid, complex):
        raise UndefinedError
    return ball


def every(outcomes: Iterable[bool | None]) -> bool | None:
    """Returns False if one is, else None if one is, else True."""
    is_undecided = False
    for outcome in outcomes:
        if outcome is False:
            return False
        is_undecided = is_undecided or outcome is None
    return None if is_undecided else True


def some(outcomes: Iterable[bool | None]) -> bool | None:
    """Returns True if one is, else None if one is, else False."""
    is_undecided = False
    for outcome in outcomes:
        if outcome:
            return True
        is_undecided = is_undecided or outcome is None
    return None if is_undecided else False
