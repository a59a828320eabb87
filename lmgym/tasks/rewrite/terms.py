"""Expressions in x as small trees of monomials, sums, products and powers.

Sums of sums and products of products are flat, a sign belongs to a number, and what is divided by a number is
multiplied by its inverse: differences in writing that are no step of a simplification do not exist here. The
order of terms and factors is kept for writing and ignored by ``key_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from lmgym.grading.exact import Number, simplify
from lmgym.grading.tree import Node
from lmgym.tasks.algebra.polynomials import Polynomial, add, multiply, polynomial, sum_text, term_text

MAX_EXPONENT = 9
MAX_DEGREE = 12
MAX_BITS = 400


class Monomial(NamedTuple):
    """c·x^n; numbers have n = 0."""

    c: Number
    n: int = 0


class Sum(NamedTuple):
    """Two terms or more, none of them a sum or 0."""

    terms: tuple[Expression, ...]
    kind: str = "sum"
    """Tells named tuples of equal parts apart: 2+3 is not 2·3."""


class Product(NamedTuple):
    """Two factors or more, none of them a product or 1."""

    factors: tuple[Expression, ...]
    kind: str = "product"


class Power(NamedTuple):
    """A power of a sum or product, or of a number or monomial that is to be raised; exponent 2 or more."""

    base: Expression
    exponent: int
    kind: str = "power"


Expression = Monomial | Sum | Product | Power
ONE, ZERO = Monomial(1), Monomial(0)


class UnreadableError(Exception):
    """A tree that is no expression of this kind, or too large. Stays inside the task."""


def make_sum(terms: Iterable[Expression]) -> Expression:
    """Returns the sum, flat and without zeros."""
    flat: list[Expression] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Sum) else [term])
    kept = [term for term in flat if not (isinstance(term, Monomial) and not term.c)]
    return ZERO if not kept else kept[0] if len(kept) == 1 else Sum(tuple(kept))


def make_product(factors: Iterable[Expression]) -> Expression:
    """Returns the product, flat and without ones; signs, divisors and coefficients stand in monomials."""
    flat: list[Expression] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Product) else [factor])
    kept = _join_coefficients([factor for factor in flat if factor != ONE])
    for at, factor in enumerate(kept):
        if len(kept) > 1 and _is_free(factor):
            return _merge(factor, [*kept[:at], *kept[at + 1 :]])
    return ONE if not kept else kept[0] if len(kept) == 1 else Product(tuple(kept))


def _join_coefficients(factors: list[Expression]) -> list[Expression]:
    """Returns the factors with a number before a bare power of x as one: 3·x is 3x, 2·3x stays a product.

    x·3 is 3x too if there is no third factor, to whose side the number might belong.
    """
    if len(factors) == 2 and _is_coefficient(factors[1], factors[0]):
        factors = factors[::-1]
    joined: list[Expression] = []
    for factor in factors:
        if joined and _is_coefficient(joined[-1], factor):
            joined[-1] = _multiply_monomials(joined[-1], factor)
        else:
            joined.append(factor)
    return joined if len(joined) == len(factors) else _join_coefficients(joined)


def _is_coefficient(one: Expression, other: Expression) -> bool:
    if not isinstance(one, Monomial) or not isinstance(other, Monomial):
        return False
    return one.n == 0 and abs(other.c) == 1 and other.n > 0


def _multiply_monomials(one: Expression, other: Expression) -> Monomial:
    assert isinstance(one, Monomial) and isinstance(other, Monomial), (one, other)
    return times(one, other)


def make_power(base: Expression, exponent: int) -> Expression:
    """Returns a power, exponent 2 or more; a power of x is a monomial."""
    return Monomial(1, exponent) if base == (1, 1) else Power(base, exponent)


def _is_free(factor: Expression) -> bool:
    """Whether to multiply by it is no step: a sign, or a division by a number."""
    return isinstance(factor, Monomial) and factor.n == 0 and (factor.c == -1 or factor.c.denominator > 1)


def _merge(number: Expression, rest: list[Expression]) -> Expression:
    """Returns ``rest`` with ``number`` multiplied into its first monomial; in front if there is none."""
    assert isinstance(number, Monomial), number
    for at, factor in enumerate(rest):
        if isinstance(factor, Monomial):
            return make_product((*rest[:at], times(number, factor), *rest[at + 1 :]))
    return Product((number, *rest))


def scale(by: Number, part: Expression) -> Expression:
    """Returns ``by`` times ``part``, multiplied into its first number if it begins with one."""
    if isinstance(part, Monomial):
        return Monomial(simplify(part.c * by), part.n)
    if isinstance(part, Product) and isinstance(part.factors[0], Monomial):
        return make_product((times(Monomial(by), part.factors[0]), *part.factors[1:]))
    return make_product((Monomial(by), part))


def times(left: Monomial, right: Monomial) -> Monomial:
    """Returns the product of two monomials."""
    c = simplify(left.c * right.c)
    return Monomial(c, left.n + right.n if c else 0)


def is_goal(part: Expression) -> bool:
    """Returns whether nothing is left to do: a sum of monomials with different powers of x."""
    terms = part.terms if isinstance(part, Sum) else (part,)
    powers = [term.n for term in terms if isinstance(term, Monomial)]
    return len(powers) == len(terms) == len(set(powers))


def text_of(part: Expression) -> str:
    """Returns the expression as it is written: ``2(x+3)-4*5``."""
    if isinstance(part, Monomial):
        return term_text(part.c, part.n) if part.c else "0"
    if isinstance(part, Sum):
        return sum_text([text_of(term) for term in part.terms])
    if isinstance(part, Power):
        return f"{_atom_text(part.base)}^{part.exponent}"
    first, *rest = part.factors
    top, bottom = first, 1
    if isinstance(first, Monomial) and not any(isinstance(factor, Monomial) for factor in rest):
        top, bottom = Monomial(first.c.numerator, first.n), first.c.denominator
    head = _head_text(top)
    for factor in rest:
        text = _factor_text(factor)
        is_apart = isinstance(factor, Monomial) or text[0].isdigit()
        head += f"*{text}" if is_apart and head not in ("", "-") else text
    return f"{head}/{bottom}" if bottom > 1 else head


def _head_text(first: Expression) -> str:
    if isinstance(first, Monomial) and first.n == 0 and abs(first.c) == 1:
        return "-" if first.c < 0 else ""
    return text_of(first) if isinstance(first, Monomial | Power) else f"({text_of(first)})"


def _factor_text(factor: Expression) -> str:
    if isinstance(factor, Monomial):
        is_bare = factor.c > 0 and factor.c.denominator == 1
        return text_of(factor) if is_bare else f"({text_of(factor)})"
    return text_of(factor) if isinstance(factor, Power) else f"({text_of(factor)})"


def _atom_text(base: Expression) -> str:
    is_bare = isinstance(base, Monomial) and base.n == 0 and base.c >= 0 and base.c.denominator == 1
    return text_of(base) if is_bare else f"({text_of(base)})"


def key_of(part: Expression) -> str:
    """Returns one text for all orders of terms and factors."""
    if isinstance(part, Monomial):
        return f"{part.c}x{part.n}"
    if isinstance(part, Sum):
        return f"({'+'.join(sorted(map(key_of, part.terms)))})"
    if isinstance(part, Product):
        return f"[{'*'.join(sorted(map(key_of, part.factors)))}]"
    return f"{key_of(part.base)}^{part.exponent}"


def expand(part: Expression) -> Polynomial:
    """Returns the polynomial that ``part`` is.

    Raises:
        UnreadableError: its degree or a coefficient would be too large.
    """
    if isinstance(part, Monomial):
        return polynomial((*([0] * part.n), part.c))
    if isinstance(part, Sum):
        return add(*map(expand, part.terms))
    if isinstance(part, Product):
        return _checked_product(list(map(expand, part.factors)))
    return _checked_product([expand(part.base)] * part.exponent)


def _checked_product(factors: Sequence[Polynomial]) -> Polynomial:
    degree = sum(max(len(factor) - 1, 0) for factor in factors)
    bits = sum(max(map(_num_bits, factor), default=0) + len(factor) for factor in factors)
    if degree > MAX_DEGREE or bits > MAX_BITS:
        raise UnreadableError("too large")
    return multiply(*factors)


def _num_bits(value: Number) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def read(node: Node) -> Expression:
    """Returns the expression that ``node`` writes.

    Raises:
        UnreadableError: it holds more than numbers, x, + - *, small powers and division by numbers.
    """
    head, args = node.head, node.args
    if head == "number":
        return Monomial(node.value)
    if head == "variable" and node.value == "x":
        return Monomial(1, 1)
    if head == "sum":
        return make_sum(map(read, args))
    if head == "negate":
        return scale(-1, read(args[0]))
    if head == "product":
        return make_product(map(read, args))
    if head == "divide":
        bottom = read(args[1])
        if isinstance(bottom, Monomial) and bottom.n == 0 and bottom.c:
            return scale(simplify(Fraction(1) / bottom.c), read(args[0]))
    if head == "power":
        return _read_power(read(args[0]), args[1])
    raise UnreadableError(head)


def _read_power(base: Expression, exponent: Node) -> Expression:
    value = exponent.value if exponent.head == "number" else None
    if not isinstance(value, int) or not 0 < value <= MAX_EXPONENT:
        raise UnreadableError("an exponent that is no small natural number")
    return base if value == 1 else make_power(base, value)
