"""Solution sets of equations and inequalities in one real variable, as exact nodes.

Comes in: a relation or alternatives. Goes out: a node of ``real_sets``: points and intervals whose ends are
rationals or quadratic surds. In reach are rational functions over Q whose numerator and denominator split
into rational roots and one quadratic factor, and a variable against any constant.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise
from typing import NamedTuple

from lmgym.grading.equality.numeric import find_ball, variables_of
from lmgym.grading.equality.real_sets import NotRealSetError, bounds_of
from lmgym.grading.equality.relations import Condition, find_conditions
from lmgym.grading.equality.scalars import Context, Scalar, UndecidedError, infinity_sign, order
from lmgym.grading.equality.univariate import (
    Coefficients,
    coefficients_of,
    divide,
    multiply,
    rational_roots,
    value_at,
)
from lmgym.grading.tree import Node, number

_PLUS_INFINITY = Node("constant", (), "infinity")
_MINUS_INFINITY = Node("negate", (_PLUS_INFINITY,))


class Solutions(NamedTuple):
    """The variable and a node that describes its values."""

    name: str
    values: Node


def find_solutions(node: Node, context: Context) -> Solutions:
    """Returns the set of real solutions.

    Raises:
        UndecidedError: not in reach.
        UndefinedError: a condition that always or never holds, whatever the variables.
    """
    names = variables_of(node)
    if len(names) != 1:
        raise UndecidedError
    (name,) = names
    return Solutions(name, _solve(node, name, context))


def _solve(node: Node, name: str, context: Context) -> Node:
    if node.head == "either":
        return Node("union", tuple(_solve(arg, name, context) for arg in node.args))
    if node.head != "relation":
        raise UndecidedError
    if _is_bound(node):
        return node
    parts = tuple(_solve_condition(part, name, context) for part in find_conditions(node, context))
    return parts[0] if len(parts) == 1 else Node("intersection", parts)


def _is_bound(node: Node) -> bool:
    """Returns whether a relation is between the variable and constants alone."""
    try:
        return not any(variables_of(bound) for _, _, bound in bounds_of(node))
    except NotRealSetError:
        return False


def _solve_condition(condition: Condition, name: str, context: Context) -> Node:
    top = coefficients_of(condition.form.top, name)
    bottom = coefficients_of(condition.form.bottom, name)
    if top is None or bottom is None:
        raise UndecidedError
    zeros, poles = _roots(top), _roots(bottom)
    if condition.operator == "=":
        return Node("difference", (Node("set", tuple(zeros)), Node("set", tuple(poles))))
    everything = Node("named_set", (), "R")
    if condition.operator == "!=":
        return Node("difference", (everything, Node("set", (*zeros, *poles))))
    product = multiply(top, bottom)  # of the same sign as the quotient
    pieces = _where_positive(product, [*zeros, *poles], context)
    if condition.operator == ">=":
        pieces.append(Node("difference", (Node("set", tuple(zeros)), Node("set", tuple(poles)))))
    return Node("union", (Node("empty_set"), *pieces))


def _where_positive(coefficients: Coefficients, roots: list[Node], context: Context) -> list[Node]:
    """Returns the open intervals between the roots where a polynomial is positive."""

    def compare(left: Scalar, right: Scalar) -> int:
        return order(left, right, context)

    points = sorted(map(context.scalar, roots), key=cmp_to_key(compare))
    pieces = []
    for low, high in pairwise([_MINUS_INFINITY, *(point.node for point in points), _PLUS_INFINITY]):
        point = _between(low, high)
        if point is not None and value_at(coefficients, point) > 0:
            pieces.append(Node("interval", (low, high), "()"))
    return pieces


def _between(low: Node, high: Node) -> Fraction | None:
    """Returns a rational between two ends; None if the gap is empty."""
    balls = [None if infinity_sign(node) else find_ball(node, {}) for node in (low, high)]
    ends = [None if ball is None else Fraction(ball.mid.real) for ball in balls]
    if ends[0] is None:
        return Fraction(0) if ends[1] is None else ends[1] - 1
    if ends[1] is None:
        return ends[0] + 1
    return (ends[0] + ends[1]) / 2 if ends[0] != ends[1] else None


def _roots(coefficients: Coefficients) -> list[Node]:
    """Returns the real roots, each once."""
    found = rational_roots(coefficients)
    if found is None:
        raise UndecidedError
    rest = coefficients
    for root in found:
        while len(rest) > 1 and value_at(rest, root) == 0:
            rest = divide(rest, [-root, Fraction(1)])[0]
    nodes = [number(root) for root in found]
    if len(rest) == 3:
        return nodes + _quadratic_roots(rest)
    if len(rest) > 3:
        raise UndecidedError
    return nodes


def _quadratic_roots(coefficients: Coefficients) -> list[Node]:
    """Returns the irrational real roots of a quadratic."""
    c, b, a = coefficients
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return []
    middle = number(-b / (2 * a))
    distance = Node("root", (number(discriminant / (4 * a * a)), number(2)))
    return [Node("sum", (middle, distance)), Node("sum", (middle, Node("negate", (distance,))))]
