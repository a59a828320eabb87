"""The single steps of a simplification, and shortest ways through them.

A step is one use of one rule, anywhere in the expression:

- *combine*: two like terms of a sum become one, 2x+3x → 5x, 4-1 → 3; two monomials of a product, 2·3x → 6x
- *distribute*: one factor over a sum that it stands beside, 2(x+3) → 2x+6, (x+1)(x+2) → x(x+2)+(x+2)
- *unfold*: a power of a sum by one factor, (x+1)^3 → (x+1)(x+1)^2; a power of a monomial, (2x)^2 → 4x^2

No rule undoes another, so every way ends, and it ends in the expanded polynomial.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lmgym.tasks.rewrite.terms import (
    Expression,
    Monomial,
    Power,
    Product,
    Sum,
    is_goal,
    key_of,
    make_power,
    make_product,
    make_sum,
    scale,
    times,
)


def rewrites(part: Expression) -> Iterator[Expression]:
    """Yields what one step can make of ``part``; inner steps first, combining before distributing.

    The first is what a careful solver would do next.
    """
    if isinstance(part, Sum):
        yield from _rewrite_sum(part)
    elif isinstance(part, Product):
        yield from _rewrite_product(part)
    elif isinstance(part, Power):
        yield from _rewrite_power(part)


def _rewrite_sum(part: Sum) -> Iterator[Expression]:
    terms = part.terms
    for at, term in enumerate(terms):
        for inner in rewrites(term):
            yield make_sum((*terms[:at], inner, *terms[at + 1 :]))
    for at, one in enumerate(terms):
        for later in range(at + 1, len(terms)):
            other = terms[later]
            if isinstance(one, Monomial) and isinstance(other, Monomial) and one.n == other.n:
                joined = scale(1, Monomial(one.c + other.c, one.n))
                yield make_sum((*terms[:at], joined, *terms[at + 1 : later], *terms[later + 1 :]))


def _rewrite_product(part: Product) -> Iterator[Expression]:
    factors = part.factors
    for at, factor in enumerate(factors):
        for inner in rewrites(factor):
            yield make_product((*factors[:at], inner, *factors[at + 1 :]))
    pairs = [(one, other) for one in range(len(factors)) for other in range(one + 1, len(factors))]
    for at, later in pairs:
        one, other = factors[at], factors[later]
        if isinstance(one, Monomial) and isinstance(other, Monomial):
            yield _replace_pair(part, at, later, times(one, other))
    for at, later in pairs:
        one, other = factors[at], factors[later]
        if isinstance(other, Sum):
            yield _replace_pair(part, at, later, _distribute(one, other))
        if isinstance(one, Sum):
            yield _replace_pair(part, at, later, _distribute(other, one))


def _replace_pair(part: Product, at: int, later: int, new: Expression) -> Expression:
    factors = part.factors
    return make_product((*factors[:at], new, *factors[at + 1 : later], *factors[later + 1 :]))


def _distribute(factor: Expression, over: Sum) -> Expression:
    """Returns the sum of the products; a sum as factor goes term by term before the other one."""
    if isinstance(factor, Sum):
        return make_sum(_multiply(term, over) for term in factor.terms)
    return make_sum(_multiply(factor, term) for term in over.terms)


def _multiply(factor: Expression, term: Expression) -> Expression:
    if isinstance(factor, Monomial) and isinstance(term, Monomial):
        return times(factor, term)
    if isinstance(factor, Monomial) and factor.n == 0:
        return scale(factor.c, term)
    return make_product((factor, term))


def _rewrite_power(part: Power) -> Iterator[Expression]:
    base, exponent = part.base, part.exponent
    for inner in rewrites(base):
        yield make_power(inner, exponent)
    if isinstance(base, Monomial):
        yield Monomial(base.c**exponent, base.n * exponent)
    elif isinstance(base, Product):
        yield make_product(make_power(factor, exponent) for factor in base.factors)
    elif isinstance(base, Power):
        yield make_power(base.base, base.exponent * exponent)
    else:
        yield make_product((base, base if exponent == 2 else Power(base, exponent - 1)))


def solve(part: Expression) -> list[Expression]:
    """Returns the steps of the careful solver, the last one the goal; [] if there is nothing to do."""
    steps = list[Expression]()
    while not is_goal(part):
        part = next(rewrites(part))
        steps.append(part)
    return steps


@lru_cache(maxsize=1 << 14)
def num_careful_steps(part: Expression) -> int:
    """Returns the number of steps of the careful solver."""
    return len(solve(part))


@lru_cache(maxsize=1 << 14)
def successors(part: Expression) -> dict[str, Expression]:
    """Returns what one step can make of ``part``, by key; each key's first writing."""
    found: dict[str, Expression] = {}
    for new in rewrites(part):
        found.setdefault(key_of(new), new)
    return found


@lru_cache(maxsize=1 << 12)
def distance(part: Expression, max_states: int) -> int | None:
    """Returns the least number of steps to the goal, by breadth-first search.

    None if more than ``max_states`` expressions would have to be looked at.
    """
    level, seen, steps = [part], {key_of(part)}, 0
    while level:
        if any(map(is_goal, level)):
            return steps
        following = list[Expression]()
        for one in level:
            for key, new in successors(one).items():
                if key not in seen:
                    seen.add(key)
                    following.append(new)
            if len(seen) > max_states:
                return None
        level, steps = following, steps + 1
    raise AssertionError(f"no way from {part!r}: every expression has one")
