"""Numbers of the form (p + q √d) / r, the roots of quadratic polynomials with integer coefficients."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt
from typing import NamedTuple

from lmgym.grading.exact import Number, simplify
from lmgym.tasks.algebra.polynomials import Polynomial


class Surd(NamedTuple):
    """The number (p + q √d) / r in lowest terms with r > 0; d is square-free, 1 where q is 0."""

    p: int
    q: int
    d: int
    r: int

    @property
    def text(self) -> str:
        """The canonical text: ``3``, ``-1/2``, ``2sqrt(3)``, ``(1-sqrt(5))/2``."""
        if not self.q:
            return str(self.rational)
        root = f"sqrt({self.d})" if abs(self.q) == 1 else f"{abs(self.q)}sqrt({self.d})"
        sign = "-" if self.q < 0 else "+" if self.p else ""
        head = f"{self.p or ''}{sign}{root}"
        return head if self.r == 1 else f"({head})/{self.r}" if self.p else f"{head}/{self.r}"

    @property
    def rational(self) -> Number:
        """The value where q is 0."""
        return simplify(Fraction(self.p, self.r))

    @property
    def size(self) -> float:
        """The value as a float, good enough to put different roots in order."""
        return float((self.p + self.q * self.d**0.5) / self.r)


def as_surd(value: Number) -> Surd:
    """Returns a rational number as a surd."""
    return Surd(value.numerator, 0, 1, value.denominator)


def quadratic_roots(part: Polynomial) -> tuple[Surd, ...]:
    """Returns every real root of a quadratic polynomial once, ascending; its coefficients are integers."""
    c, b, a = map(int, part)
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return ()
    outside, inside = _split_square(discriminant)
    if inside <= 1:
        pair = {simplify(Fraction(-b + sign * outside * inside, 2 * a)) for sign in (-1, 1)}
        return tuple(as_surd(root) for root in sorted(pair))
    common = gcd(b, outside, 2 * a) * (1 if a > 0 else -1)
    p, q, r = -b // common, abs(outside // common), 2 * a // common
    return Surd(p, -q, inside, r), Surd(p, q, inside, r)


def _split_square(number: int) -> tuple[int, int]:
    """Returns (m, d) with m² d = number and d square-free; (1, 0) for 0."""
    if number and isqrt(number) ** 2 == number:
        return isqrt(number), 1
    outside, inside, factor = 1, number, 2
    while factor * factor <= inside:
        if inside % (factor * factor):
            factor += 1
        else:
            outside, inside = outside * factor, inside // (factor * factor)
    return outside, inside
