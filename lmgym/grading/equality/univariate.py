"""Polynomials in one variable over Q as lists of coefficients, lowest first: gcd, rational roots, factors."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

from lmgym.grading.equality.polynomials import Polynomial
from lmgym.grading.equality.values import Number, factorize

Coefficients = list[Fraction]

_MAX_DIVISORS = 400


def coefficients_of(poly: Polynomial, name: str) -> Coefficients | None:
    """Returns the coefficients in ``name``; None if anything else occurs or a power is no whole number."""
    found: dict[int, Number] = {}
    for monomial, value in poly.items():
        power: Number = 0
        if monomial:
            if len(monomial) > 1 or monomial[0][0] != ("v", name):
                return None
            power = monomial[0][1]
        if not isinstance(power, int):
            return None
        found[power] = value
    degree = max(found, default=-1)
    return [Fraction(found.get(k, 0)) for k in range(degree + 1)]


def value_at(coefficients: Coefficients, point: Number) -> Fraction:
    """Returns the value at a point."""
    total = Fraction(0)
    for coefficient in reversed(coefficients):
        total = total * point + coefficient
    return total


def multiply(left: Coefficients, right: Coefficients) -> Coefficients:
    """Returns the product."""
    total = [Fraction(0)] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            total[i + j] += a * b
    return total


def divide(top: Coefficients, bottom: Coefficients) -> tuple[Coefficients, Coefficients]:
    """Returns quotient and remainder; ``bottom`` is not zero and has no leading zeros."""
    rest = list(top)
    quotient = [Fraction(0)] * max(len(top) - len(bottom) + 1, 0)
    for shift in reversed(range(len(quotient))):
        factor = rest[shift + len(bottom) - 1] / bottom[-1]
        quotient[shift] = factor
        for k, coefficient in enumerate(bottom):
            rest[shift + k] -= factor * coefficient
    return quotient, _trim(rest)


def greatest_common_divisor(left: Coefficients, right: Coefficients) -> Coefficients:
    """Returns the monic greatest common divisor of two polynomials that are not both zero."""
    while right:
        left, right = right, divide(left, right)[1]
        right = [coefficient / right[-1] for coefficient in right]
    return [coefficient / left[-1] for coefficient in left]


def is_irreducible(coefficients: Coefficients) -> bool | None:
    """Returns whether a polynomial of degree 1 or more has no factors over Q; None if that is not in reach.

    By Kronecker's method: a factor of degree d takes divisors of the polynomial's values at d + 1 points.
    """
    integers = primitive(coefficients)
    degree = len(integers) - 1
    if degree < 2:
        return True
    if integers[0] == 0:
        return False
    for size in range(1, degree // 2 + 1):
        choices = []
        for point in _points(integers, size + 1):
            value = int(value_at(integers, point))
            if value == 0:
                return False
            divisors = _divisors(abs(value))
            if divisors is None:
                return None
            choices.append((point, divisors))
        if math.prod(2 * len(divisors) for _, divisors in choices) > 5 * _MAX_DIVISORS:
            return None
        if _has_factor(integers, choices):
            return False
    return True


def rational_roots(coefficients: Coefficients) -> list[Fraction] | None:
    """Returns every rational root once, in rising order; None if that is not in reach."""
    integers = primitive(coefficients)
    found = set()
    while integers and integers[0] == 0:
        found.add(Fraction(0))
        integers = integers[1:]
    if len(integers) < 2:
        return sorted(found)
    if len(integers) == 2:
        return sorted(found | {-integers[0] / integers[1]})
    tops, bottoms = (_divisors(abs(int(integers[k]))) for k in (0, -1))
    if tops is None or bottoms is None or len(tops) * len(bottoms) > _MAX_DIVISORS:
        return None
    candidates = {Fraction(sign * top, bottom) for top in tops for bottom in bottoms for sign in (1, -1)}
    return sorted(found | {point for point in candidates if value_at(integers, point) == 0})


def primitive(coefficients: Coefficients) -> Coefficients:
    """Returns the multiple whose coefficients are integers without a common factor, the first positive."""
    scale = math.lcm(*(value.denominator for value in coefficients))
    integers = [int(value * scale) for value in coefficients]
    common = math.gcd(*integers) or 1
    return [Fraction(value // common) for value in integers]


def _points(integers: Coefficients, count: int) -> list[int]:
    """Returns the points near zero at which the value is smallest."""
    points = sorted(range(-4, 5), key=lambda point: (abs(value_at(integers, point)), point))
    return points[:count]


def _divisors(value: int) -> list[int] | None:
    primes = factorize(value)
    if primes is None or math.prod(count + 1 for _, count in primes) > _MAX_DIVISORS:
        return None
    found = [1]
    for prime, count in primes:
        found = [divisor * prime**k for divisor in found for k in range(count + 1)]
    return found


def _has_factor(integers: Coefficients, choices: list[tuple[int, list[int]]]) -> bool:
    points = [point for point, _ in choices]
    # the sign of a factor is free: its first value is taken as positive
    signed = [choices[0][1]] + [[*divisors, *(-value for value in divisors)] for _, divisors in choices[1:]]
    for values in product(*signed):
        factor = _interpolate(points, values)
        if 1 < len(factor) < len(integers) and not divide(integers, factor)[1]:
            return True
    return False


def _interpolate(points: list[int], values: tuple[int, ...]) -> Coefficients:
    total = [Fraction(0)] * len(points)
    for k, (point, value) in enumerate(zip(points, values, strict=True)):
        basis = [Fraction(value)]
        for j, other in enumerate(points):
            if j != k:
                basis = [
                    (low - other * high) / (point - other)
                    for low, high in zip([Fraction(0), *basis], [*basis, Fraction(0)], strict=True)
                ]
        total = [left + right for left, right in zip(total, basis, strict=True)]
    return _trim(total)


def _trim(coefficients: Coefficients) -> Coefficients:
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    return coefficients
