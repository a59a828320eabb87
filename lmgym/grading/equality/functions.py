"""Functions of canonical arguments: exact where their values are known, opaque atoms otherwise."""

from __future__ import annotations

from fractions import Fraction

from lmgym.grading.equality.polynomials import (
    UNIT,
    Ratio,
    Work,
    add_ratios,
    atom_ratio,
    invert_ratio,
    multiply_ratios,
    ratio,
    rational_value,
    scale_ratio,
)
from lmgym.grading.equality.powers import E, has_variable, invert, opaque, raise_power
from lmgym.grading.equality.trigonometry import angle_of, sine
from lmgym.grading.equality.values import UndefinedError, evaluate, factorize, reduce
from lmgym.grading.tree import Node

CIRCULAR = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))
_ALWAYS_DEFINED = frozenset(("sin", "cos", "arctan", "sinh", "cosh", "tanh"))
_DEFINED_ON_REALS = frozenset(("absolute", "floor", "ceiling", "min", "max", "sign"))
_FOLDED = frozenset(("binomial", "gcd", "lcm", "min", "max", "mod", "sign"))


def apply_function(name: str, values: list[Ratio], work: Work) -> Ratio:
    """Returns a function of ``tree.FUNCTIONS`` at canonical arguments."""
    if name in CIRCULAR:
        return _trigonometric(name, values[0], work)
    if name == "exp":
        return raise_power(atom_ratio(E), values[0], work)
    if name == "ln":
        return _logarithm(values[0], work)
    if name == "log":
        return multiply_ratios(_logarithm(values[0], work), invert(_logarithm(values[1], work), work), work)
    if name in _FOLDED:
        return fold(Node("function", (), name), values, work)
    if name not in _ALWAYS_DEFINED and not any(map(has_variable, values)):
        work.is_suspect = True
    return opaque(name, tuple(values))


def _trigonometric(name: str, argument: Ratio, work: Work) -> Ratio:
    angle = angle_of(argument)
    if angle is not None:
        sin, cos = sine(angle), sine(angle + Fraction(1, 2))
        if sin is not None and cos is not None:
            parts = {"sin": (sin, None), "cos": (cos, None), "tan": (sin, cos), "cot": (cos, sin)}
            top, bottom = (parts | {"sec": (ratio(1), cos), "csc": (ratio(1), sin)})[name]
            return top if bottom is None else multiply_ratios(top, invert_ratio(bottom, work), work)
    if name not in _ALWAYS_DEFINED and not has_variable(argument):
        work.is_suspect = True
    return opaque(name, (argument,))


def _logarithm(argument: Ratio, work: Work) -> Ratio:
    if not argument.top:
        raise UndefinedError
    value = rational_value(argument)
    if value is not None and value > 0:
        top, bottom = factorize(value.numerator), factorize(value.denominator)
        if top is not None and bottom is not None:
            total = ratio(0)
            for prime, count in (*top, *((prime, -count) for prime, count in bottom)):
                total = add_ratios(total, scale_ratio(atom_ratio(("l", prime)), count), work)
            return total
    for part, sign in ((argument, 1), (Ratio(argument.bottom, argument.top), -1)):
        if part.bottom == {UNIT: 1} and len(part.top) == 1 and UNIT not in part.top:
            ((monomial, number),) = part.top.items()
            if number == 1 and len(monomial) == 1 and monomial[0][0] == E:
                return ratio(reduce(sign * monomial[0][1]))
    if not has_variable(argument):
        work.is_suspect = True
    return opaque("ln", (argument,))


def fold(node: Node, values: list[Ratio], work: Work) -> Ratio:
    """Returns an operation on integers or rationals: computed if they are, opaque otherwise."""
    numbers = [rational_value(value) for value in values]
    if all(number is not None for number in numbers):
        leaves = tuple(Node("number", (), number) for number in numbers)
        return ratio(evaluate(Node(node.head, leaves, node.value), work.budgets))
    name = str(node.value or node.head)
    if name == "mod" and numbers[1] == 0:
        raise UndefinedError
    if name not in _DEFINED_ON_REALS and not any(map(has_variable, values)):
        work.is_suspect = True
    return opaque(name, tuple(values))
