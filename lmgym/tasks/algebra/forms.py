"""Rewriting without solving: expanding, factoring and simplifying."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

from lmgym.grading.exact import Number
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct, nonzero, pick
from lmgym.tasks.algebra.linear import Part, side_text, spread_text, term
from lmgym.tasks.algebra.polynomials import (
    Polynomial,
    add,
    content,
    multiply,
    polynomial_text,
    product_text,
    scale,
    sum_text,
    term_text,
)
from lmgym.tasks.stream import Words

Factors = list[tuple[Polynomial, int]]


class Factored(NamedTuple):
    """A number times powers of different irreducible polynomials with coprime integer coefficients."""

    factor: Number
    factors: tuple[tuple[Polynomial, int], ...]
    whole: Polynomial


class Ratio(NamedTuple):
    """A quotient of polynomials in lowest terms."""

    top: Polynomial
    bottom: Polynomial


def draw_expand(shape: Shape, words: Words) -> Exercise | None:
    """Returns a product of polynomials."""
    factor, factors = _draw_product(shape, words)
    if factor == 1 and len(factors) == 1 and factors[0][1] == 1:
        return None
    parts = [part for part, power in factors for _ in range(power)]
    factors = _gather([*parts, *((nonzero(words, min(9, shape.size)), 1) for _ in range(shape.extra))])
    whole = scale(factor, multiply(*(part for part, power in factors for _ in range(power))))
    question, answer = product_text(factor, factors), polynomial_text(whole)
    lines = distinct((question, *_expand_lines(factor, factors)))[1:]
    key = product_text(factor, sorted(factors))
    return Exercise("expand", question, answer, lines, whole, key)


def _draw_product(shape: Shape, words: Words) -> tuple[int, Factors]:
    level, size = shape.level, shape.size

    def linear(lead: int = 1) -> Polynomial:
        return (nonzero(words, size), below(words, 1, lead))

    if level == 1:
        return below(words, 2, size), [(linear(), 1)]
    if level == 2:
        if words.below(2):
            return 1, [((0, 1), 1), (linear(size), 1)]
        return nonzero(words, size), [(linear(size), 1)]
    if level == 3:
        return 1, _gather([linear(), linear()])
    if level == 4:
        return 1, [(linear(size), 2)] if words.below(3) == 0 else _gather([linear(size), linear()])
    if level == 5:
        return 1, [(linear(size), 2)] if words.below(3) == 0 else _gather([linear(size), linear(size)])
    if level == 6:
        return 1, [(linear(4), 1), ((nonzero(words, size), nonzero(words, size), 1), 1)]
    if level == 7:
        return 1, [(linear(), 3)] if words.below(3) == 0 else _gather([linear() for _ in range(3)])
    return 1, [(linear(5), 3)] if words.below(3) == 0 else _gather([linear(5) for _ in range(3)])


def _gather(parts: Sequence[Polynomial]) -> Factors:
    """Returns the parts with equal ones as powers."""
    return [(part, parts.count(part)) for part in dict.fromkeys(parts)]


def _expand_lines(factor: int, factors: Factors) -> list[str]:
    """Returns one product at a time, first multiplied out term by term and then collected."""
    rest = [part for part, power in factors for _ in range(power)]
    lines = [product_text(factor, [(part, 1) for part in rest])]
    while len(rest) > 1:
        others = [(part, 1) for part in rest[2:]]
        if factor == 1 and not others:
            lines.append(sum_text(_products(rest[0], rest[1])))
        rest[:2] = [multiply(rest[0], rest[1])]
        lines.append(product_text(factor, [(rest[0], 1), *others]) if others or factor != 1 else "")
    return [*filter(None, lines), polynomial_text(scale(factor, rest[0]))]


def _products(left: Polynomial, right: Polynomial) -> list[str]:
    return [
        term_text(left[one] * right[other], one + other)
        for one in range(len(left) - 1, -1, -1)
        for other in range(len(right) - 1, -1, -1)
        if left[one] and right[other]
    ]


def draw_factor(shape: Shape, words: Words) -> Exercise | None:
    """Returns a polynomial that has a factorisation over the rationals."""
    drawn = _draw_factors(shape, words)
    if drawn is None:
        return None
    factor, parts = drawn
    parts += [(nonzero(words, min(9, shape.size)), 1) for _ in range(shape.extra)]
    factors = sorted(_gather(parts), key=lambda one: (one[0] != (0, 1), len(one[0]), one[0][::-1]))
    whole = scale(factor, multiply(*parts))
    question, answer = polynomial_text(whole), product_text(factor, factors)
    lines = distinct((question, *_factor_lines(factor, factors, whole), answer))[1:]
    return Exercise("factor", question, answer, lines, Factored(factor, tuple(factors), whole), question)


def _draw_factors(shape: Shape, words: Words) -> tuple[int, list[Polynomial]] | None:
    level, size = shape.level, shape.size

    def linear(lead: int = 1) -> Polynomial:
        last, first = nonzero(words, size), below(words, 1, lead)
        common = gcd(last, first)
        return (last // common, first // common)

    if level == 1:
        return below(words, 2, size), [linear(size)]
    if level == 2:
        return below(words, 1, size), [(0, 1), linear(size)]
    if level == 3:
        return 1, [linear(), linear()]
    if level == 4:
        root = below(words, 1, size)
        return 1, [(root, 1), (-root, 1)] if words.below(3) == 0 else [linear(), linear()]
    if level == 5:
        return pick(words, (-3, -2, -1, 2, 3, 4, 5)), [linear(), linear()]
    if level == 6:
        return 1, [linear(5), linear(5)]
    if level == 7:
        return below(words, 1, 3), [pick(words, ((0, 1), linear())), linear(), linear(3)]
    if words.below(2):
        return 1, [(below(words, 1, size), 0, 1), linear(3)]
    return 1, [linear(3), linear(3), linear(3)]


def _factor_lines(factor: int, factors: Factors, whole: Polynomial) -> list[str]:
    """Returns the content taken out, then one factor after the other split off."""
    parts = [part for part, power in factors for _ in range(power)]
    lines = [product_text(factor, [(multiply(*parts), 1)])] if factor != 1 else []
    if factor == 1 and len(parts) == 2 and len(whole) == 3 and whole[0] and whole[1]:
        one, other = parts
        lines.append(sum_text([*_products(one, other)]))
        inner = [product_text(one[1], [((0, 1), 1), (other, 1)]), product_text(one[0], [(other, 1)])]
        lines.append(sum_text(inner))
    for done in range(1, len(parts) - 1):
        head = _gather(parts[:done])
        lines.append(product_text(factor, [*head, (multiply(*parts[done:]), 1)]))
    return lines


def draw_simplify(shape: Shape, words: Words) -> Exercise | None:
    """Returns an expression that is not in simplest form: a sum of terms and brackets, or a quotient."""
    if shape.level < 6:
        return _draw_sum(shape, words)
    if shape.level == 8:
        return _draw_sum_of_fractions(shape, words)
    return _draw_quotient(shape, words)


def _draw_sum(shape: Shape, words: Words) -> Exercise | None:
    level, size = shape.level, shape.size
    powers = {1: (1, 1), 2: (1, 0, 1, 0), 3: (2, 1, 2, 1), 4: (1,), 5: ()}[level]
    values = [below(words, 1, size) if level == 1 else nonzero(words, size) for _ in powers]
    side = [term(value, power) for value, power in zip(values, powers, strict=True)]
    if level == 1 and words.below(2):
        side.insert(words.below(3), term(below(words, 1, size), 0))
    for _ in range(max(0, level - 3)):
        factor = below(words, 2, 9) * (1 if level == 4 else pick(words, (1, -1)))
        side.append(Part(factor, (nonzero(words, size), 1 if level == 4 else below(words, 1, 5))))
    side += [term(nonzero(words, size), (1, 0)[extra % 2]) for extra in range(shape.extra)]
    whole = add(*(scale(part.factor, part.inside) for part in side))
    if not whole:
        return None
    question, answer = side_text(tuple(side)), polynomial_text(whole)
    lines = distinct((question, spread_text(tuple(side)), answer))[1:]
    key = "+".join(sorted(part.text for part in side))
    return Exercise("simplify", question, answer, lines, Ratio(whole, (1,)), key)


def ratio_text(ratio: Ratio) -> str:
    """Returns the quotient of expanded polynomials: ``x-1``, ``(x+1)/(x-2)``, ``3x/2``."""
    top, bottom = polynomial_text(ratio.top), polynomial_text(ratio.bottom)
    if bottom == "1":
        return top
    is_single = sum(map(bool, ratio.top)) == 1
    head = top if is_single else f"({top})"
    return f"{head}/{bottom}" if bottom.isdigit() or bottom == "x" else f"{head}/({bottom})"


def _draw_quotient(shape: Shape, words: Words) -> Exercise | None:
    """Returns a quotient whose common factor of degree 1 (and more for longer problems) cancels."""
    size = shape.size
    common: Polynomial = (nonzero(words, size), 1)
    for _ in range(shape.extra):
        common = multiply(common, (nonzero(words, min(size, 9)), 1))
    top: Polynomial = (below(words, -size, size), 1)
    bottom: Polynomial = (1,) if shape.level == 6 else (below(words, -size, size), 1)
    if shape.level == 6:
        top = scale(below(words, 1, 5), top)
    if top == bottom:
        return None
    whole_top, whole_bottom = multiply(top, common), multiply(bottom, common)
    question = ratio_text(Ratio(whole_top, whole_bottom))
    factored = _quotient_text(
        product_text(content(top), _gather([scale_down(top), common])), _gather([bottom, common])
    )
    answer = ratio_text(Ratio(top, bottom))
    return Exercise(
        "simplify", question, answer, distinct((question, factored, answer))[1:], Ratio(top, bottom), question
    )


def scale_down(part: Polynomial) -> Polynomial:
    """Returns ``part`` divided by its content: coprime integer coefficients."""
    by = content(part)
    return tuple(value // by for value in part)


def _quotient_text(top: str, bottom: Factors) -> str:
    below_line = product_text(1, [factor for factor in bottom if factor[0] != (1,)])
    is_single = below_line == "x" or (below_line.startswith("(") and below_line.count("(") == 1)
    return f"{top}/{below_line}" if is_single else f"{top}/({below_line})"


def _draw_sum_of_fractions(shape: Shape, words: Words) -> Exercise | None:
    """Returns a/(x+b)+c/(x+d), whose sum is in lowest terms; plus a number for longer problems."""
    size = shape.size
    (a, b), (c, d) = ((nonzero(words, size), below(words, -size, size)) for _ in range(2))
    left, right = (b, 1), (d, 1)
    if b == d:
        return None
    number = nonzero(words, size) if shape.extra else 0
    bottom = multiply(left, right)
    top = add(scale(a, right), scale(c, left), scale(number, bottom))
    if not top or not any(top):
        return None
    texts = [
        ratio_text(Ratio((a,), left)),
        ratio_text(Ratio((c,), right)),
        *([str(number)] if number else []),
    ]
    question = sum_text(texts)
    both = [(part, 1) for part in sorted((left, right), key=lambda part: part != (0, 1))]
    product = product_text(1, both)
    parts = [product_text(a, [(right, 1)]), product_text(c, [(left, 1)])]
    parts += [product_text(number, both)] if number else []
    answer = ratio_text(Ratio(top, bottom))
    lines = (question, f"({sum_text(parts)})/({product})", f"({polynomial_text(top)})/({product})", answer)
    key = "+".join(sorted(texts))
    return Exercise("simplify", question, answer, distinct(lines)[1:], Ratio(top, bottom), key)
