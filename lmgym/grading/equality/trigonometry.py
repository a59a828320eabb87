"""Exact values of sine at multiples of 15 degrees; the other functions follow from it."""

from __future__ import annotations

from fractions import Fraction

from lmgym.grading.equality.polynomials import UNIT, Polynomial, Ratio
from lmgym.grading.equality.values import Number

_HALF = Fraction(1, 2)
_QUARTER = Fraction(1, 4)
_SQRT2 = ((("p", 2), _HALF),)
_SQRT3 = ((("p", 3), _HALF),)
_SQRT6 = ((("p", 2), _HALF), (("p", 3), _HALF))

_FIRST_QUADRANT: tuple[Polynomial, ...] = (
    {},
    {_SQRT6: _QUARTER, _SQRT2: -_QUARTER},
    {UNIT: _HALF},
    {_SQRT2: _HALF},
    {_SQRT3: _HALF},
    {_SQRT6: _QUARTER, _SQRT2: _QUARTER},
    {UNIT: 1},
)
"""sin(k * 15°)"""


def sine(half_turns: Number) -> Ratio | None:
    """Returns sin(half_turns * pi) exactly, None if it is no multiple of 15 degrees."""
    steps = half_turns * 12
    if steps.denominator != 1:
        return None
    step = int(steps) % 24
    sign = 1 if step < 12 else -1
    step %= 12
    poly = _FIRST_QUADRANT[min(step, 12 - step)]
    return Ratio({monomial: sign * value for monomial, value in poly.items()}, {UNIT: 1})


def angle_of(argument: Ratio) -> Number | None:
    """Returns q where ``argument`` is q * pi, None if it is not of that form."""
    if not argument.top:
        return 0
    if argument.bottom != {UNIT: 1} or len(argument.top) != 1:
        return None
    ((monomial, value),) = argument.top.items()
    return value if monomial == ((("c", "pi"), 1),) else None
