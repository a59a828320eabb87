"""The canonical text of a theorem: the same for those that differ in names and order of hypotheses only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, permutations, product
from math import factorial, prod

from lmgym.logic.metamath import Assertion
from lmgym.logic.metamath.database import Expression

_MAX_ORDERS = 720
"""Where hypotheses of the same shape have more orders than this, they keep the database's."""


def key_of(theorem: Assertion) -> str:
    """Returns the canonical text. Distinct variable conditions are left out: with or without, one key."""
    types = {h.expression[1]: h.expression[0] for h in theorem.active.values() if h.is_floating}

    def shape(expression: Expression) -> tuple[str, ...]:
        return tuple(types.get(symbol, symbol) for symbol in expression)

    hypotheses = sorted((h.expression for h in theorem.logical), key=shape)
    groups = [list(group) for _, group in groupby(hypotheses, shape)]
    if prod(factorial(len(group)) for group in groups) > _MAX_ORDERS:
        orders = [tuple(map(tuple, groups))]
    else:
        orders = list(product(*(permutations(group) for group in groups)))
    return min(
        _renamed([theorem.expression, *(e for group in order for e in group)], types) for order in orders
    )


def _renamed(expressions: Sequence[Expression], types: dict[str, str]) -> str:
    """Returns the expressions as a text in which variables are numbers, in the order of first occurrence."""
    numbers: dict[str, str] = {}
    written = []
    for expression in expressions:
        words = []
        for symbol in expression:
            if symbol in types:
                symbol = numbers.setdefault(symbol, f"{types[symbol]}${len(numbers)}")
            words.append(symbol)
        written.append(" ".join(words))
    return " & ".join(written)
