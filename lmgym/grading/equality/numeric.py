"""Floating-point values of trees with bounds on their error: enough to be sure that two things differ.

Comes in: a tree and values of its variables. Goes out: a ``Ball`` that surely holds the value, or None where
no bound is known (near a pole, on a branch cut, beyond the range of floats). Never proves that two things are
equal. Real arithmetic stays real: a ``float`` midpoint means a value on the real line.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from lmgym.grading.budgets import Budgets
from lmgym.grading.equality.values import UndefinedError, based_value
from lmgym.grading.tree import Node

_BUDGETS = Budgets()
_EPSILON = 4e-16
_TINY = 1e-300


class _NoBoundError(Exception):
    """No bound is known."""


class Ball(NamedTuple):
    """All numbers within ``radius`` of ``mid``."""

    mid: float | complex
    radius: float


def find_ball(node: Node, point: Mapping[str, Fraction], *, is_angle: bool = False) -> Ball | None:
    """Returns a ball around the value of ``node`` where its variables are as ``point`` says."""
    try:
        return _ball(node, point, is_angle)
    except (_NoBoundError, OverflowError, ZeroDivisionError, ValueError, KeyError, UndefinedError):
        return None


def surely_differ(left: Ball, right: Ball) -> bool:
    """Returns whether the balls are disjoint."""
    return abs(left.mid - right.mid) > 2 * (left.radius + right.radius)


def variables_of(node: Node) -> frozenset[str]:
    """Returns the names of all variables."""
    if node.head == "variable":
        return frozenset((node.value,))
    return frozenset().union(*(variables_of(arg) for arg in node.args))


def differ_somewhere(left: Node, right: Node, *, num_points: int = 4) -> bool:
    """Returns whether the two surely differ at one of a few fixed points; False says nothing."""
    names = sorted(variables_of(left) | variables_of(right))
    for index in range(num_points if names else 1):
        point = sample_point(names, index)
        first = find_ball(left, point)
        second = find_ball(right, point) if first is not None else None
        if first is not None and second is not None and surely_differ(first, second):
            return True
    return False


def sample_point(names: list[str], index: int) -> dict[str, Fraction]:
    """Returns the ``index``-th test point: small rationals of both signs, a pure function of the names."""
    rng = random.Random(f"{index} {names}")
    sign = 1 if index % 2 else -1
    return {
        name: (sign if k == 0 else rng.choice((1, -1))) * Fraction(rng.randrange(30, 300), 97)
        for k, name in enumerate(names)
    }


def _ball(node: Node, point: Mapping[str, Fraction], is_angle: bool) -> Ball:
    head, args, value = node
    if head == "number":
        return _rounded(float(value))
    if head == "variable":
        return _rounded(float(point[value]))
    if head == "constant":
        return Ball(1j, 0.0) if value == "i" else _rounded(_CONSTANTS[value])
    if head == "based":
        return _rounded(float(based_value(value, _BUDGETS)))
    if head in ("power", "root"):
        balls = [_ball(arg, point, is_angle) for arg in args]
        return _power(balls, args[1]) if head == "power" else _root(node, balls)
    if head == "degrees" and is_angle:
        return _multiply(_ball(args[0], point, is_angle), _rounded(math.pi / 180))
    if head == "function":
        found = _FUNCTIONS.get(value)
        if found is None:
            raise _NoBoundError
        return found(*(_ball(arg, point, value in _CIRCULAR) for arg in args))
    operation = _OPERATIONS.get(head)
    if operation is None:
        raise _NoBoundError
    return operation([_ball(arg, point, is_angle) for arg in args])


def _rounded(mid: float | complex, radius: float = 0.0) -> Ball:
    size = abs(mid)
    if not math.isfinite(size) or not math.isfinite(radius):
        raise _NoBoundError
    return Ball(mid, radius + size * _EPSILON + _TINY)


def _add(balls: list[Ball]) -> Ball:
    total = balls[0]
    for ball in balls[1:]:
        total = _rounded(total.mid + ball.mid, total.radius + ball.radius)
    return total


def _multiply(a: Ball, b: Ball) -> Ball:
    radius = abs(a.mid) * b.radius + abs(b.mid) * a.radius + a.radius * b.radius
    return _rounded(a.mid * b.mid, radius + abs(a.mid * b.mid) * _EPSILON)


def _product(balls: list[Ball]) -> Ball:
    total = balls[0]
    for ball in balls[1:]:
        total = _multiply(total, ball)
    return total


def _invert(a: Ball) -> Ball:
    size = abs(a.mid)
    if size <= 4 * a.radius:
        raise _NoBoundError
    return _rounded(1 / a.mid, a.radius / (size * (size - a.radius)))


def _exp(a: Ball) -> Ball:
    mid = cmath.exp(a.mid) if isinstance(a.mid, complex) else math.exp(a.mid)
    return _rounded(mid, abs(mid) * (math.expm1(a.radius) + _EPSILON))


def _ln(a: Ball) -> Ball:
    size = abs(a.mid)
    if size <= 4 * a.radius:
        raise _NoBoundError
    if isinstance(a.mid, complex):
        if a.mid.real < 0 and abs(a.mid.imag) <= 2 * a.radius:
            raise _NoBoundError  # on the branch cut
        mid: float | complex = cmath.log(a.mid)
    else:
        mid = math.log(a.mid) if a.mid > 0 else complex(math.log(-a.mid), math.pi)
    return _rounded(mid, a.radius / (size - a.radius) + _EPSILON)


def _power(balls: list[Ball], exponent: Node) -> Ball:
    base, index = balls
    if isinstance(index.mid, float) and index.mid == int(index.mid) and exponent.head in ("number", "negate"):
        return _integer_power(base, int(index.mid))
    if isinstance(base.mid, float) and base.mid < 0:
        fraction = _literal_fraction(exponent)
        if fraction is not None and fraction.denominator % 2:
            size = _exp(_multiply(index, _ln(Ball(-base.mid, base.radius))))
            return size if fraction.numerator % 2 == 0 else Ball(-size.mid, size.radius)
        if variables_of(exponent) == frozenset() and fraction is None and exponent.head != "constant":
            raise _NoBoundError  # it may be a fraction with an odd denominator in disguise
    return _exp(_multiply(index, _ln(base)))


def _literal_fraction(node: Node) -> Fraction | None:
    if node.head == "number":
        return Fraction(node.value)
    if node.head == "negate":
        inner = _literal_fraction(node.args[0])
        return None if inner is None else -inner
    if node.head == "divide":
        top, bottom = (_literal_fraction(arg) for arg in node.args)
        return None if top is None or not bottom else top / bottom
    return None


def _integer_power(base: Ball, exponent: int) -> Ball:
    if abs(exponent) > 10_000:
        raise _NoBoundError
    if exponent < 0:
        return _invert(_integer_power(base, -exponent))
    total = Ball(1.0, 0.0)
    while exponent:
        if exponent & 1:
            total = _multiply(total, base)
        base, exponent = _multiply(base, base) if exponent > 1 else base, exponent >> 1
    return total


def _root(node: Node, balls: list[Ball]) -> Ball:
    index = node.args[1]
    if index.head != "number":
        raise _NoBoundError
    return _power([balls[0], _invert(balls[1])], Node("number", (), Fraction(1) / index.value))


def _sine(a: Ball, shift: int) -> Ball:
    wave: Callable[[complex], complex] = cmath.cos if shift else cmath.sin
    mid: float | complex = wave(a.mid)
    growth = 1.0
    if isinstance(a.mid, complex):
        growth = math.cosh(abs(a.mid.imag) + a.radius)
    else:
        mid = mid.real
    return _rounded(mid, growth * (a.radius + _EPSILON))


def _absolute(a: Ball) -> Ball:
    return _rounded(abs(a.mid), a.radius)


def _whole(a: Ball, step: Callable[[float], int]) -> Ball:
    if isinstance(a.mid, complex) or step(a.mid - 2 * a.radius) != step(a.mid + 2 * a.radius):
        raise _NoBoundError
    return _rounded(float(step(a.mid)))


def _real_function(a: Ball, function: Callable[[float], float]) -> Ball:
    """A function of the whole real line whose slope is at most 1."""
    if isinstance(a.mid, complex):
        raise _NoBoundError
    return _rounded(function(a.mid), a.radius + _EPSILON)


def _quotient(a: Ball, b: Ball) -> Ball:
    return _multiply(a, _invert(b))


_CONSTANTS = {"pi": math.pi, "e": math.e}
_CIRCULAR = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))

_OPERATIONS: dict[str, Callable[[list[Ball]], Ball]] = {
    "sum": _add,
    "mixed": _add,
    "negate": lambda balls: Ball(-balls[0].mid, balls[0].radius),
    "product": _product,
    "divide": lambda balls: _quotient(balls[0], balls[1]),
    "percent": lambda balls: _multiply(balls[0], _rounded(0.01)),
    "absolute": lambda balls: _absolute(balls[0]),
    "floor": lambda balls: _whole(balls[0], math.floor),
    "ceiling": lambda balls: _whole(balls[0], math.ceil),
}

_FUNCTIONS: dict[str, Callable[..., Ball]] = {
    "sin": lambda a: _sine(a, 0),
    "cos": lambda a: _sine(a, 1),
    "tan": lambda a: _quotient(_sine(a, 0), _sine(a, 1)),
    "cot": lambda a: _quotient(_sine(a, 1), _sine(a, 0)),
    "sec": lambda a: _invert(_sine(a, 1)),
    "csc": lambda a: _invert(_sine(a, 0)),
    "exp": _exp,
    "ln": _ln,
    "log": lambda a, base: _quotient(_ln(a), _ln(base)),
    "arctan": lambda a: _real_function(a, math.atan),
    "tanh": lambda a: _real_function(a, math.tanh),
}
