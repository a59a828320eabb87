"""Sets of real numbers, however written: intervals, unions, inequalities in one variable, finite sets.

Two descriptions are compared exactly: all end points that occur in either are sorted, and each set becomes
one truth value for every end point and every gap between them. So (-inf, 1) u [1, 2) is (-inf, 2), x >= 2 is
[2, inf), and a missing part shows.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import NamedTuple

from lmgym.grading.equality.scalars import Context, Scalar, infinity_sign, order
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.tree import Node

Cells = tuple[bool, ...]
"""Whether (-inf, p1), {p1}, (p1, p2), {p2}, ... and (pn, inf) are in the set."""

_COMBINED = frozenset(("union", "intersection", "difference", "either"))


class NotRealSetError(Exception):
    """The node does not describe a set of real numbers with constant ends. Stays inside the grader."""


class _Line(NamedTuple):
    """The sorted end points."""

    points: list[Scalar]
    context: Context

    def cell_of(self, node: Node) -> int:
        """Returns the cell of the point ``node``."""
        scalar = self.context.scalar(node)
        for k, point in enumerate(self.points):
            if order(point, scalar, self.context) == 0:
                return 2 * k + 1
        raise AssertionError(node)


def equal_real_sets(left: Node, right: Node, context: Context) -> bool:
    """Returns whether two nodes describe the same set of real numbers.

    Raises:
        NotRealSetError: one of them does not describe such a set.
        UndecidedError: two end points are too near to tell.
    """
    cells = cells_of_both(left, right, context)
    return cells is not None and cells[0] == cells[1]


def cells_of_both(left: Node, right: Node, context: Context) -> tuple[Cells, Cells] | None:
    """Returns both sets as cells of one line; None if they are conditions on different variables.

    Raises:
        NotRealSetError: one of them does not describe such a set.
        UndecidedError: two end points are too near to tell.
    """
    first, second = _collect(left, context), _collect(right, context)
    if len(first.names) > 1 or len(second.names) > 1:
        raise NotRealSetError
    if first.names and second.names and first.names != second.names:
        return None
    try:
        line = _Line(_sort(first.points + second.points, context), context)
    except UndefinedError:
        raise NotRealSetError from None
    return _cells(left, line), _cells(right, line)


class _Found(NamedTuple):
    points: list[Node]
    names: set[str]


def _collect(node: Node, context: Context) -> _Found:
    """Returns the finite end points and the names of variables."""
    found = _Found([], set())
    if node.head == "empty_set" or (node.head == "named_set" and node.value == "R"):
        return found
    if node.head == "relation":
        for operator, name, bound in bounds_of(node):
            found.names.add(name)
            if operator == "in":
                inner = _collect(bound, context)
                found.points.extend(inner.points)
                found.names.update(inner.names)
            elif not infinity_sign(bound):
                _collect_end(bound, context, found)
        return found
    if node.head in ("interval", "tuple"):
        _check_interval(node)
    elif node.head not in _COMBINED and node.head != "set":
        raise NotRealSetError
    for arg in node.args:
        if node.head in _COMBINED:
            inner = _collect(arg, context)
            found.points.extend(inner.points)
            found.names.update(inner.names)
        elif node.head == "set" or not infinity_sign(arg):
            _collect_end(arg, context, found)
    return found


def _check_interval(node: Node) -> None:
    """Raises NotRealSetError for ends in the wrong order at infinity, or an infinity as a member."""
    if len(node.args) != 2:
        raise NotRealSetError
    low, high = map(infinity_sign, node.args)
    brackets = node.value if node.head == "interval" else "()"
    if low > 0 or high < 0 or (low and brackets[0] == "[") or (high and brackets[1] == "]"):
        raise NotRealSetError


def _collect_end(node: Node, context: Context, found: _Found) -> None:
    scalar = context.scalar(node)
    if scalar.kind in ("undefined", "infinite") or not _is_real_constant(node):
        raise NotRealSetError
    found.points.append(node)


def _is_real_constant(node: Node) -> bool:
    if node.head in ("variable", "quantity", "degrees", "text"):
        return False
    return not (node.head == "constant" and node.value == "i") and all(map(_is_real_constant, node.args))


def bounds_of(node: Node) -> list[tuple[str, str, Node]]:
    """Returns the conditions of a chain as (operator, name, bound), the name on the left.

    Raises:
        NotRealSetError: one of them is not between a variable and something else.
    """
    found = []
    for operator, left, right in zip(node.value, node.args, node.args[1:], strict=False):
        if left.head == "variable":
            found.append((operator, left.value, right))
        elif right.head == "variable" and operator != "in":
            found.append((_SWAPPED[operator], right.value, left))
        else:
            raise NotRealSetError
    return found


_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def _sort(nodes: list[Node], context: Context) -> list[Scalar]:
    def compare(left: Scalar, right: Scalar) -> int:
        return order(left, right, context)

    scalars = sorted(map(context.scalar, nodes), key=cmp_to_key(compare))
    points: list[Scalar] = []
    for scalar in scalars:
        if not points or order(points[-1], scalar, context) != 0:
            points.append(scalar)
    return points


def _cells(node: Node, line: _Line) -> Cells:
    size = 2 * len(line.points) + 1
    if node.head == "empty_set":
        return (False,) * size
    if node.head == "named_set":
        return (True,) * size
    if node.head == "set":
        members = {line.cell_of(arg) for arg in node.args}
        return tuple(k in members for k in range(size))
    if node.head == "relation":
        return _all_of([_bound_cells(operator, bound, line) for operator, _, bound in bounds_of(node)])
    if node.head in ("interval", "tuple"):
        brackets = node.value if node.head == "interval" else "()"
        low = _bound_cells(">=" if brackets[0] == "[" else ">", node.args[0], line)
        inside = _all_of([low, _bound_cells("<=" if brackets[1] == "]" else "<", node.args[1], line)])
        if not any(inside):  # (2, 1): a point, or a mistake, and no part of a union
            raise NotRealSetError
        return inside
    parts = [_cells(arg, line) for arg in node.args]
    if node.head == "intersection":
        return _all_of(parts)
    if node.head == "difference":
        return tuple(inside and not outside for inside, outside in zip(*parts, strict=True))
    return tuple(any(cell) for cell in zip(*parts, strict=True))


def _all_of(parts: list[Cells]) -> Cells:
    return tuple(all(cell) for cell in zip(*parts, strict=True))


def _bound_cells(operator: str, bound: Node, line: _Line) -> Cells:
    size = 2 * len(line.points) + 1
    if operator == "in":
        return _cells(bound, line)
    sign = infinity_sign(bound)
    if sign:
        # x < inf holds everywhere; x <= inf, x = inf say something of infinity itself and hold nowhere here
        return (operator == ("<" if sign > 0 else ">"),) * size
    position = line.cell_of(bound)
    return tuple(_holds(operator, k, position) for k in range(size))


def _holds(operator: str, left: int, right: int) -> bool:
    if operator in ("=", "!="):
        return (left == right) == (operator == "=")
    if left == right:
        return operator.endswith("=")
    return (left < right) == operator.startswith("<")
