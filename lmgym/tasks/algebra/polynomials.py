"""Polynomials in x as tuples of exact coefficients, lowest power first, and how they are written.

``()`` is 0 and the last coefficient is never 0, so equal polynomials are equal tuples. Coefficients are
integers or fractions that are not integral.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm

from lmgym.grading.exact import Number, simplify

Polynomial = tuple[Number, ...]


def polynomial(coefficients: Iterable[Number]) -> Polynomial:
    """Returns the polynomial of the coefficients, lowest power first."""
    kept = [value if type(value) is int else simplify(value) for value in coefficients]
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


def add(*parts: Polynomial) -> Polynomial:
    """Returns the sum."""
    total: list[Number] = [0] * max(map(len, parts), default=0)
    for part in parts:
        for power, value in enumerate(part):
            total[power] += value
    return polynomial(total)


def scale(factor: Number, part: Polynomial) -> Polynomial:
    """Returns ``factor`` times ``part``."""
    return polynomial(factor * value for value in part)


def multiply(*parts: Polynomial) -> Polynomial:
    """Returns the product, 1 of nothing."""
    product: Polynomial = (1,)
    for part in parts:
        if not part or not product:
            return ()
        total: list[Number] = [0] * (len(product) + len(part) - 1)
        for left, one in enumerate(product):
            for right, other in enumerate(part):
                total[left + right] += one * other
        product = polynomial(total)
    return product


def derivative(part: Polynomial) -> Polynomial:
    """Returns the derivative."""
    return polynomial(power * value for power, value in enumerate(part) if power)


def antiderivative(part: Polynomial) -> Polynomial:
    """Returns the antiderivative that is 0 at 0."""
    return polynomial((0, *(Fraction(value) / (power + 1) for power, value in enumerate(part))))


def value_at(part: Polynomial, x: Number) -> Number:
    """Returns the value at ``x``."""
    total: Number = 0
    for value in reversed(part):
        total = total * x + value
    return simplify(total)


def content(part: Polynomial) -> Number:
    """Returns c > 0 such that ``part`` / c has integer coefficients without a common divisor; 1 for 0."""
    if not part:
        return 1
    top = gcd(*(value.numerator for value in part))
    return simplify(Fraction(top, lcm(*(value.denominator for value in part))))


def root_factor(root: Number) -> Polynomial:
    """Returns the linear polynomial with coprime integer coefficients and this root: 2x-3 for 3/2."""
    return (-root.numerator, root.denominator)


def term_text(value: Number, power: int, variable: str = "x") -> str:
    """Returns ``value`` times a power of the variable: ``3x^2``, ``-x/2``, ``5``; ``value`` is not 0."""
    if power == 0:
        return str(value)
    name = variable if power == 1 else f"{variable}^{power}"
    top, bottom = value.numerator, value.denominator
    head = name if top == 1 else f"-{name}" if top == -1 else f"{top}{name}"
    return head if bottom == 1 else f"{head}/{bottom}"


def sum_text(terms: Sequence[str]) -> str:
    """Returns the terms joined by their signs, "0" for none: ``["3x", "-4"]`` is ``3x-4``."""
    if not terms:
        return "0"
    return terms[0] + "".join(term if term[0] == "-" else f"+{term}" for term in terms[1:])


def polynomial_text(part: Polynomial, variable: str = "x") -> str:
    """Returns the expanded polynomial, highest power first: ``x^2-3x+2``."""
    terms = [term_text(part[power], power, variable) for power in range(len(part) - 1, -1, -1) if part[power]]
    return sum_text(terms)


def in_brackets(part: Polynomial) -> str:
    """Returns the polynomial as a factor: ``(x-2)``, but ``x`` and ``5`` alone."""
    text = polynomial_text(part)
    return text if text == "x" or text.isdigit() else f"({text})"


def product_text(factor: Number, factors: Iterable[tuple[Polynomial, int]]) -> str:
    """Returns ``factor`` times powers of polynomials: ``-2x(x-1)^2``; an integral ``factor`` stands first."""
    body = "".join(in_brackets(part) + (f"^{exponent}" if exponent > 1 else "") for part, exponent in factors)
    top, bottom = factor.numerator, factor.denominator
    head = body if top == 1 and body else f"-{body}" if top == -1 and body else f"{top}{body}"
    return head if bottom == 1 else f"{head}/{bottom}"
