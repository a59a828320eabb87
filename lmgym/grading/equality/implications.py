"""Whether a line of a derivation follows from the line before: the same, or implied."""

from __future__ import annotations

from fractions import Fraction

from lmgym.grading.budgets import Budgets
from lmgym.grading.equality.numeric import variables_of
from lmgym.grading.equality.real_sets import NotRealSetError, cells_of_both
from lmgym.grading.equality.relations import find_conditions
from lmgym.grading.equality.scalars import Context, UndecidedError
from lmgym.grading.equality.solutions import Solutions, find_solutions
from lmgym.grading.equality.structures import check_shape, equal, spread
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

_STATEMENTS = frozenset(("relation", "either", "list"))
_RULES = Rules(must_be_solved=False)

Row = dict[str, Fraction]
"""A linear equation: a coefficient for each name, and "" for the constant term."""


def follows(before: Node, after: Node, budgets: Budgets) -> bool | None:
    """Returns whether ``after`` follows from ``before``; None if that is not decided here.

    An expression follows from an equal one. A statement in one real variable follows if every solution of
    ``before`` is one of ``after``; if ``before`` has none, only another statement without solutions does.
    Linear equations follow if they are combinations of those before. What always holds (x = x) never follows.

    Raises:
        Refusal: "limit".
    """
    check_shape(before, budgets)
    check_shape(after, budgets)
    before, after = _as_alternatives(spread(before)), _as_alternatives(spread(after))
    context = Context(_RULES, budgets)
    try:
        is_equal = equal(before, after, context)
    except (UndecidedError, UndefinedError):
        is_equal = None
    if is_equal or before.head not in _STATEMENTS or after.head not in _STATEMENTS:
        return is_equal
    if not variables_of(after):  # 0 = 0, 6 = 7
        return False
    try:
        if len(variables_of(before) | variables_of(after)) == 1:
            return _is_implied(find_solutions(before, context), find_solutions(after, context), context)
        return _is_combination(_rows(before, context), _rows(after, context))
    except (UndecidedError, NotRealSetError):
        return None
    except UndefinedError:  # a line that always or never holds, such as x = x
        return False


def _as_alternatives(node: Node) -> Node:
    """Returns "x = 1, x = 2" as alternatives: a list of values of one variable."""
    if node.head != "list":
        return node
    names = {
        arg.args[0] for arg in node.args if arg.head == "relation" and arg.value == ("=",) and _is_value(arg)
    }
    is_alternatives = len(names) == 1 and all(arg.head == "relation" and _is_value(arg) for arg in node.args)
    return Node("either", node.args) if is_alternatives else node


def _is_value(relation: Node) -> bool:
    return relation.args[0].head == "variable" and not any(map(variables_of, relation.args[1:]))


def _is_implied(before: Solutions, after: Solutions, context: Context) -> bool:
    cells = cells_of_both(before.values, after.values, context)
    assert cells is not None  # values carry no name
    if not any(cells[0]):
        return not any(cells[1])
    return all(later or not earlier for earlier, later in zip(*cells, strict=True))


def _rows(node: Node, context: Context) -> list[Row]:
    """Returns linear equations.

    Raises:
        UndecidedError: something else.
    """
    rows = []
    for relation in node.args if node.head == "list" else (node,):
        if relation.head != "relation" or set(relation.value) != {"="}:
            raise UndecidedError
        for condition in find_conditions(relation, context):
            rows.append(_row(condition.form.top, condition.form.bottom))
    return rows


def _row(top: dict, bottom: dict) -> Row:  # type: ignore[type-arg]
    if set(bottom) != {()}:
        raise UndecidedError
    row: Row = {}
    for monomial, value in top.items():
        if monomial and (len(monomial) > 1 or monomial[0][0][0] != "v" or monomial[0][1] != 1):
            raise UndecidedError
        row[monomial[0][0][1] if monomial else ""] = Fraction(value)
    return row


def _is_combination(before: list[Row], after: list[Row]) -> bool:
    """Returns whether every row of ``after`` is a combination of those of ``before``."""
    basis: list[tuple[str, Row]] = []
    for row in before:
        rest = _reduce(row, basis)
        names = sorted(name for name in rest if name)
        if names:
            basis.append((names[0], rest))
        elif rest:  # 0 = 1: no solutions
            return False
    return not any(_reduce(row, basis) for row in after)


def _reduce(row: Row, basis: list[tuple[str, Row]]) -> Row:
    rest = dict(row)
    for pivot, other in basis:
        factor = rest.get(pivot, Fraction(0)) / other[pivot]
        for name, value in other.items():
            rest[name] = rest.get(name, Fraction(0)) - factor * value
    return {name: value for name, value in rest.items() if value}
