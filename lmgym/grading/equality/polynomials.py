"""Polynomials and rational functions over Q in any number of atoms, in one canonical form, with budgets.

An atom is a pair (kind, key). ``("v", "x")`` is a variable, ``("c", "pi")``, ``("c", "e")`` and
``("c", "i")`` are constants, ``("p", 2)`` is a prime that carries a fractional exponent (so ``sqrt(12)`` is
2 * 3^(1/2)). Other kinds belong to ``canonical``. A monomial is a sorted tuple of (atom, exponent); a
polynomial is a dict from monomials to non-zero rationals. Two rules keep it canonical: exponents of primes
stay in [0, 1) (what is whole moves into the coefficient), and i^2 is -1. Products of radicals of primes, with
or without i, are linearly independent over Q, so two polynomials in variables, radicals, i and pi are equal
exactly if their dicts are.

A rational function is a pair of polynomials, compared by cross-multiplication: x/x equals 1.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import NamedTuple

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.values import Number, UndefinedError, num_bits, reduce

Atom = tuple[str, str | int]
Monomial = tuple[tuple[Atom, Number], ...]
Polynomial = dict[Monomial, Number]

UNIT: Monomial = ()
IMAGINARY: Atom = ("c", "i")
_WORK_PER_TERM = 10
_WEIGHT_OF_FRACTIONS = 4
_FEW = 16
_ONE: Polynomial = {UNIT: 1}


class Work:
    """What one comparison has spent on polynomials; refuses as "limit" what is beyond the budgets."""

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        self.is_suspect = False
        """a divisor or argument may be zero in disguise: equality must not be concluded from the forms"""
        self._left = _WORK_PER_TERM * budgets.max_terms
        self._max_bits = 4 * budgets.max_digits

    def spend(self, num_products: int) -> None:
        """Counts products of terms before they are computed."""
        self._left -= num_products
        if self._left < 0:
            raise Refusal("limit", "too many products of terms")

    def check(self, poly: Polynomial) -> Polynomial:
        """Returns ``poly`` if its size is within the budgets."""
        if len(poly) > self.budgets.max_terms:
            raise Refusal("limit", f"a polynomial of more than {self.budgets.max_terms} terms")
        for value in poly.values():
            if num_bits(value) > self._max_bits:
                raise Refusal("limit", f"a coefficient of more than {self.budgets.max_digits} digits")
        return poly


def constant(value: Number) -> Polynomial:
    """Returns the polynomial of one rational."""
    return {UNIT: value} if value else {}


def add(left: Polynomial, right: Polynomial, work: Work) -> Polynomial:
    """Returns the sum."""
    work.spend(len(right))
    total = dict(left)
    for monomial, value in right.items():
        _add_term(total, monomial, value)
    return work.check(total)


def scale(poly: Polynomial, factor: Number) -> Polynomial:
    """Returns ``poly`` times a rational."""
    return {monomial: reduce(value * factor) for monomial, value in poly.items()} if factor else {}


def multiply(left: Polynomial, right: Polynomial, work: Work) -> Polynomial:
    """Returns the product."""
    num_products = len(left) * len(right)
    if num_products > _FEW and (_has_fraction(left) or _has_fraction(right)):
        num_products *= _WEIGHT_OF_FRACTIONS
    work.spend(num_products)
    if left == _ONE or right == _ONE:
        return right if left == _ONE else left
    total: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            monomial, factor = multiply_monomials(a, b)
            _add_term(total, monomial, reduce(x * y * factor))
    return work.check(total)


def _has_fraction(poly: Polynomial) -> bool:
    """Returns whether some exponent is a fraction, which makes products several times as dear."""
    return any(isinstance(exponent, Fraction) for monomial in poly for _, exponent in monomial)


def raise_to(poly: Polynomial, exponent: int, work: Work) -> Polynomial:
    """Returns ``poly`` to a power that is not negative."""
    if exponent == 0:
        return constant(1)
    limit = work.budgets.max_exponent if len(poly) < 2 else work.budgets.max_degree
    largest = max((num_bits(value) for value in poly.values()), default=1)
    if exponent > limit or (largest - 1) * exponent > 4 * work.budgets.max_digits:
        raise Refusal("limit", f"a polynomial to the power {exponent}")
    if len(poly) == 1:
        ((monomial, value),) = poly.items()
        raised, factor = raise_monomial(monomial, exponent)
        return work.check({raised: reduce(value**exponent * factor)})
    total = poly
    for _ in range(exponent - 1):
        total = multiply(total, poly, work)
    return total


def multiply_monomials(left: Monomial, right: Monomial) -> tuple[Monomial, Number]:
    """Returns the product of two monomials and the rational that has moved out of it."""
    if not left:
        return right, 1
    if not right:
        return left, 1
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return make_monomial(exponents)


def raise_monomial(monomial: Monomial, exponent: Number) -> tuple[Monomial, Number]:
    """Returns a power of a monomial and the rational that has moved out of it."""
    return make_monomial({atom: reduce(power * exponent) for atom, power in monomial})


def make_monomial(exponents: dict[Atom, Number]) -> tuple[Monomial, Number]:
    """Returns the canonical monomial and the rational that has moved out of it."""
    factor: Number = 1
    kept = []
    for atom, exponent in exponents.items():
        if atom[0] == "p":
            whole = floor(exponent)
            base = atom[1]
            assert isinstance(base, int)
            factor = factor * (base**whole if whole >= 0 else Fraction(1, base**-whole)) if whole else factor
            exponent = exponent - whole
        elif atom == IMAGINARY:
            if exponent % 4 >= 2:
                factor = -factor
            exponent = exponent % 2
        if exponent:
            kept.append((atom, reduce(exponent)))
    kept.sort()
    return tuple(kept), reduce(factor)


def _add_term(total: Polynomial, monomial: Monomial, value: Number) -> None:
    value = total.get(monomial, 0) + value
    if value:
        total[monomial] = reduce(value)
    else:
        total.pop(monomial, None)


class Ratio(NamedTuple):
    """A rational function; the denominator is never the zero polynomial."""

    top: Polynomial
    bottom: Polynomial


def ratio(value: Number) -> Ratio:
    """Returns a rational as a Ratio."""
    return Ratio(constant(value), _ONE)


def atom_ratio(atom: Atom, exponent: Number = 1) -> Ratio:
    """Returns a power of one atom."""
    monomial, factor = make_monomial({atom: exponent if exponent >= 0 else -exponent})
    if exponent >= 0:
        return Ratio({monomial: factor}, _ONE)
    return Ratio(_ONE, {monomial: factor})


def add_ratios(left: Ratio, right: Ratio, work: Work) -> Ratio:
    """Returns the sum."""
    if left.bottom == right.bottom:
        return Ratio(add(left.top, right.top, work), left.bottom)
    top = add(multiply(left.top, right.bottom, work), multiply(right.top, left.bottom, work), work)
    return Ratio(top, multiply(left.bottom, right.bottom, work))


def scale_ratio(value: Ratio, factor: Number) -> Ratio:
    """Returns the product with a rational."""
    return Ratio(scale(value.top, factor), value.bottom)


def multiply_ratios(left: Ratio, right: Ratio, work: Work) -> Ratio:
    """Returns the product."""
    bottom = left.bottom if right.bottom == _ONE else multiply(left.bottom, right.bottom, work)
    return Ratio(multiply(left.top, right.top, work), bottom)


def invert_ratio(value: Ratio, work: Work) -> Ratio:
    """Returns 1/value; UndefinedError if it is zero. Radicals and i leave a denominator of one term."""
    if not value.top:
        raise UndefinedError
    bottom, factor = value.top, value.bottom
    if len(bottom) == 1:
        ((monomial, number),) = bottom.items()
        fixed = {atom: -power for atom, power in monomial if atom[0] == "p" or atom == IMAGINARY}
        moved, outside = make_monomial(fixed)
        rest = tuple(pair for pair in monomial if pair[0] not in fixed)
        factor = multiply(factor, {moved: reduce(Fraction(outside) / number)}, work)
        bottom = {rest: 1}
    return Ratio(factor, bottom)


def raise_ratio(value: Ratio, exponent: int, work: Work) -> Ratio:
    """Returns an integer power; UndefinedError for 0 to a power that is not positive."""
    if exponent <= 0 and not value.top:
        raise UndefinedError
    if exponent < 0:
        return raise_ratio(invert_ratio(value, work), -exponent, work)
    bottom = value.bottom if value.bottom == _ONE else raise_to(value.bottom, exponent, work)
    return Ratio(raise_to(value.top, exponent, work), bottom)


def difference(left: Ratio, right: Ratio, work: Work) -> Polynomial:
    """Returns the numerator of left - right: the zero polynomial exactly if the two are equal."""
    if left.bottom == right.bottom:
        return add(left.top, scale(right.top, -1), work)
    crossed = multiply(right.top, left.bottom, work)
    return add(multiply(left.top, right.bottom, work), scale(crossed, -1), work)


def rational_value(value: Ratio) -> Number | None:
    """Returns the rational that ``value`` is, None if it is none."""
    if not value.top:
        return 0
    if value.bottom == _ONE:
        return value.top.get(UNIT) if len(value.top) == 1 else None
    first = next(iter(value.bottom))
    if first not in value.top or len(value.top) != len(value.bottom):
        return None
    quotient = Fraction(value.top[first]) / value.bottom[first]
    return reduce(quotient) if scale(value.bottom, quotient) == value.top else None


def atoms_of(*polys: Polynomial) -> set[Atom]:
    """Returns every atom that occurs."""
    return {atom for poly in polys for monomial in poly for atom, _ in monomial}
