"""Whether two expressions are identical, with the help of sympy: the slow part.

First numbers, then proof. The difference is evaluated at several rational points, of both signs, that depend
on the two expressions alone; a point where it is surely not zero (up to several hundred digits are tried)
decides "different". Only then is the difference simplified, or shown to be zero as an algebraic number. What
cannot be confirmed exactly is different: agreement at points alone is never enough. Variables are real
numbers, functions have their principal values, so ln(x^2) differs from 2 ln(x) (at negative x), and sqrt(x^2)
is |x| and not x.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product
from typing import Any

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.sympy_bridge import to_sympy
from lmgym.grading.tree import Node

_NUM_POINTS = 5
_DIGITS = 30
_MAX_DIGITS = 400
_MAX_SIGNED = 2


def are_identical(left: Node, right: Node, budgets: Budgets) -> bool:
    """Returns whether two expressions are equal for all real values of their variables.

    May be slow, or never end: runs where it can be killed.

    Raises:
        Refusal: "limit".
    """
    try:
        # in one order, so that nothing that sympy does can depend on which side is the gold one
        first, second = sorted((to_sympy(left, budgets), to_sympy(right, budgets)), key=str)
        difference = first - second
        if difference.is_zero:
            return True
        return _agree_at_points(first, second) and _is_zero(difference)
    except Refusal:
        raise
    except Exception:  # UndefinedError, and sympy's own failures, of any type: nothing is shown
        return False


def _agree_at_points(first: Any, second: Any) -> bool:
    """Returns whether both have the same values at some points, and differ at none."""
    import sympy

    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    rng = random.Random("|".join(sorted((str(first), str(second)))))
    num_agreeing = 0
    for index in range(_NUM_POINTS if symbols else 1):
        signs = (1,) if index == 0 else (1, -1)
        point = {
            symbol: sympy.Rational(rng.choice(signs) * rng.randrange(20, 400), 127) for symbol in symbols
        }
        values = [side.subs(point) for side in (first, second)]
        defined = [not value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo) for value in values]
        if defined[0] != defined[1]:
            return False
        if not defined[0]:
            continue
        value = (values[0] - values[1]).evalf(_DIGITS, maxn=_MAX_DIGITS)
        if not value.is_number:
            continue
        if value != 0 and any(_is_certain(part) for part in value.as_real_imag()):
            return False
        num_agreeing += 1
    return num_agreeing > 0


def _is_certain(part: Any) -> bool:
    """Returns whether a computed float is surely not zero: sympy gives lost digits a precision of 1."""
    return bool(part.is_Float and part != 0 and part._prec > 1)


def _is_zero(difference: Any) -> bool:
    """Returns whether an expression is shown to be zero, if need be for each sign of its variables."""
    import sympy

    if _simplifies_to_zero(difference):
        return True
    symbols = sorted(difference.free_symbols, key=str)
    if not 1 <= len(symbols) <= _MAX_SIGNED:
        return False
    positive = [sympy.Dummy(str(symbol), positive=True) for symbol in symbols]
    return all(
        _simplifies_to_zero(
            difference.xreplace({a: s * b for a, b, s in zip(symbols, positive, signs, strict=True)})
        )
        for signs in product((1, -1), repeat=len(symbols))
    )


def _simplifies_to_zero(difference: Any) -> bool:
    import sympy

    steps: tuple[Callable[[], Any], ...] = (
        lambda: sympy.expand(difference),
        lambda: sympy.radsimp(sympy.sqrtdenest(sympy.expand(difference))),
        lambda: sympy.simplify(difference),
        lambda: sympy.simplify(difference.rewrite(sympy.exp)),
        lambda: sympy.simplify(sympy.expand_log(_factor_radicands(difference))),
    )
    for step in steps:
        try:
            if step() == 0:
                return True
        except Exception:  # sympy's own failures, of any type: this way shows nothing
            continue
    try:
        return difference.equals(0) is True
    except Exception:  # as above
        return False


def _factor_radicands(expression: Any) -> Any:
    import sympy

    return expression.replace(
        lambda part: part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer,
        lambda part: sympy.factor(part.base) ** part.exp,
    )
