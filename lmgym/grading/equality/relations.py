"""Equations and inequalities: the same up to a constant factor and the order of their sides."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from lmgym.grading.equality.canonical import canonical, is_decided
from lmgym.grading.equality.numeric import find_ball, sample_point, variables_of
from lmgym.grading.equality.polynomials import Atom, Monomial, Polynomial, Ratio, multiply
from lmgym.grading.equality.scalars import Context, UndecidedError, equal_values, every, some
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.tree import Node, number


class Assignment(NamedTuple):
    """A name and the bare value that a relation gives it."""

    name: str
    """"" for a chain of equal numbers such as 12*34 = 408"""
    value: Node


def find_assignment(node: Node, context: Context) -> Assignment | None:
    """Returns what ``x = 5``, ``5 = x``, ``x = 3 + 4 = 7`` or ``3 + 4 = 7`` gives; None for all else.

    A chain whose sides are not all equal gives nothing: 6 = 7 is not 7. The value is the last side.

    Raises:
        UndecidedError: whether the sides are equal takes the slow part.
    """
    if node.head != "relation" or set(node.value) != {"="}:
        return None
    sides = list(node.args)
    name = ""
    for position in (0, -1):
        if _is_name(sides[position]):
            name = _name(sides.pop(position))
            break
    named = frozenset(name.split(","))
    if any(variables_of(side) & named for side in sides):
        return None
    if len(sides) > 1:
        if not name and any(variables_of(side) for side in sides):
            return None
        outcome = every(equal_values(side, sides[-1], context) for side in sides[:-1])
        if outcome is None:
            raise UndecidedError
        if not outcome:
            return None
    elif not name:
        return None
    return Assignment(name, sides[-1])


def _is_name(node: Node) -> bool:
    if node.head == "tuple":
        return all(arg.head == "variable" for arg in node.args)
    return node.head == "variable"


def _name(node: Node) -> str:
    return ",".join(arg.value for arg in node.args) if node.head == "tuple" else str(node.value)


class Condition(NamedTuple):
    """left op right, as a difference compared with zero."""

    operator: str
    """"=", "!=", ">" or ">=" """
    side: Node
    """the difference, compared with zero"""
    form: Ratio
    is_suspect: bool
    """a divisor may be zero in disguise"""


def find_conditions(node: Node, context: Context) -> list[Condition]:
    """Returns the conditions of a chain.

    Raises:
        UndefinedError: one of them holds always or never whatever the variables, or is none of expressions.
    """
    found = []
    for operator, left, right in zip(node.value, node.args, node.args[1:], strict=False):
        if operator == "in":
            raise UndefinedError
        if operator in ("<", "<="):
            left, right = right, left
            operator = ">" if operator == "<" else ">="
        side = Node("sum", (left, Node("negate", (right,))))
        context.work.is_suspect = False
        form = canonical(side, context.work)
        if not form.top or not variables_of(side) or _is_constant(form):
            raise UndefinedError
        found.append(Condition(operator, side, form, context.work.is_suspect))
    return found


def equal_relations(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two relations say the same up to constant factors and the order of conditions."""
    try:
        first, second = find_conditions(left, context), find_conditions(right, context)
    except UndefinedError:
        return False
    if len(first) != len(second):
        return False
    forth = every(some(_equal_conditions(a, b, context) for b in second) for a in first)
    return every((forth, every(some(_equal_conditions(a, b, context) for a in first) for b in second)))


def _equal_conditions(left: Condition, right: Condition, context: Context) -> bool | None:
    if left.operator != right.operator or variables_of(left.side) != variables_of(right.side):
        return False
    is_proportional = _are_proportional(left, right, context)
    if not is_proportional or left.operator in ("=", "!="):
        return is_proportional
    sign = _sign_of_quotient(left.side, right.side)
    return None if sign is None else sign > 0


def _are_proportional(left: Condition, right: Condition, context: Context) -> bool | None:
    """Returns whether left / right is a constant other than zero."""
    work = context.work
    first = multiply(left.form.top, right.form.bottom, work)
    second = multiply(right.form.top, left.form.bottom, work)
    parts, others = _by_variables(first), _by_variables(second)
    if parts.keys() == others.keys():
        key = min(parts)
        mine, theirs = multiply(others[key], first, work), multiply(parts[key], second, work)
        if mine == theirs and not (left.is_suspect or right.is_suspect):
            return True
    if is_decided(left.form, right.form) and not (left.is_suspect or right.is_suspect):
        return False
    if context.decide is None:
        return None
    return _ask(left.side, right.side, context)


def _ask(left: Node, right: Node, context: Context) -> bool:
    """Returns whether left(x) right(p) is right(x) left(p) for a fixed point p."""
    assert context.decide is not None
    point = sample_point(sorted(variables_of(left)), 0)
    at_left, at_right = _substitute(left, point), _substitute(right, point)
    return context.decide(Node("product", (left, at_right)), Node("product", (right, at_left)))


def _substitute(node: Node, point: dict[str, Fraction]) -> Node:
    if node.head == "variable":
        return number(point[node.value])
    return node._replace(args=tuple(_substitute(arg, point) for arg in node.args)) if node.args else node


def _sign_of_quotient(left: Node, right: Node) -> int | None:
    """Returns the sign of a constant left / right, read off at some point where both are clear of zero."""
    names = sorted(variables_of(left))
    for index in range(4):
        point = sample_point(names, index)
        balls = find_ball(left, point), find_ball(right, point)
        signs = []
        for ball in balls:
            if ball is not None and isinstance(ball.mid, float) and abs(ball.mid) > 2 * ball.radius:
                signs.append(1 if ball.mid > 0 else -1)
        if len(signs) == 2:
            return signs[0] * signs[1]
    return None


def _has_variable(atom: Atom) -> bool:
    return atom[0] == "v" or (atom[0] in "fx" and str(atom[1]).endswith("*"))


def _by_variables(poly: Polynomial) -> dict[Monomial, Polynomial]:
    """Returns the constant coefficient of each monomial in variables."""
    parts: dict[Monomial, Polynomial] = {}
    for monomial, value in poly.items():
        key = tuple(pair for pair in monomial if _has_variable(pair[0]))
        rest = tuple(pair for pair in monomial if not _has_variable(pair[0]))
        parts.setdefault(key, {})[rest] = value
    return parts


def _is_constant(form: Ratio) -> bool:
    return not any(_has_variable(atom) for poly in form for monomial in poly for atom, _ in monomial)
