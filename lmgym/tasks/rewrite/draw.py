"""Drawing expressions to simplify, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lmgym.tasks.algebra.exercises import below, nonzero
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.rewrite.rules import solve
from lmgym.tasks.rewrite.terms import (
    Expression,
    Monomial,
    Power,
    Sum,
    is_goal,
    key_of,
    make_product,
    make_sum,
    scale,
    text_of,
)
from lmgym.tasks.stream import Words


class Limits(NamedTuple):
    """The largest problem of a level, over every split."""

    size: int
    """Numbers are drawn up to it."""
    steps: int
    """Steps of the careful solver."""
    chars: int
    """Characters of the expression and of every step of the careful solver."""


LIMITS: Mapping[int, Limits] = {
    1: Limits(9, 3, 10),
    2: Limits(20, 4, 16),
    3: Limits(9, 6, 16),
    4: Limits(9, 5, 16),
    5: Limits(9, 3, 16),
    6: Limits(9, 6, 22),
    7: Limits(9, 5, 22),
    8: Limits(9, 11, 32),
}
LARGER = 4
"""How many times larger the numbers of "ood_coefficients" are."""


class DrawnExpression(NamedTuple):
    """An expression and the canonical text that decides its split."""

    start: Expression
    steps: tuple[Expression, ...]
    """The careful solver's; the last one is the goal."""
    key: str


def draw_expression(level: int, split: str, words: Words) -> DrawnExpression | None:
    """Returns an expression for ``split``, None if what was drawn does not belong there.

    In "ood_coefficients" a number is larger than all those of the level, "ood_length" has a term more.
    """
    limits = LIMITS[level]
    is_larger = split == "ood_coefficients"
    size = limits.size * (LARGER if is_larger else 1)
    start = _draw(level, size, words, int(split == "ood_length"))
    if is_goal(start) or (_largest(start) > limits.size) != is_larger:
        return None
    key = key_of(start)
    if split in HASHED_SPLITS and split_of(key) != split:  # before the dear part
        return None
    steps = tuple(solve(start))
    if len(steps) > limits.steps or max(len(text_of(part)) for part in (start, *steps)) > limits.chars:
        return None
    return DrawnExpression(start, steps, key)


def _largest(part: Expression) -> int:
    """Returns the largest integer that is written as a coefficient or number."""
    if isinstance(part, Monomial):
        return max(abs(part.c.numerator), part.c.denominator)
    if isinstance(part, Power):
        return _largest(part.base)
    return max(map(_largest, part.terms if isinstance(part, Sum) else part.factors))


def _draw(level: int, size: int, words: Words, extra: int) -> Expression:
    def number(low: int = 1) -> Monomial:
        return Monomial(below(words, low, size))

    def signed(power: int = 0) -> Monomial:
        return Monomial(nonzero(words, size), power)

    def bracket(lead: int = 1) -> Expression:
        return make_sum((Monomial(below(words, 1, lead), 1), signed()))

    if level == 1:
        return make_sum(number() for _ in range(4 if extra else 2 + words.below(2)))
    if level == 2:
        return make_sum((number(), *(signed() for _ in range(3 + extra))))
    if level == 3:
        products = [make_product((number(2), number(2))) for _ in range(3 if extra else 1 + words.below(2))]
        return make_sum((*products, signed()))
    if level == 4:
        left = make_product((number(2), make_sum((number(), signed()))))
        right = make_sum((number(2), signed())) if extra else signed()
        return make_sum((left, make_product((number(2), right)) if extra else right))
    if level == 5:
        return make_sum((signed(1), signed(), signed(1), signed(), *(signed(1) for _ in range(extra))))
    if level == 6:
        outside = [make_product((number(2), bracket())) for _ in range(1 + extra)]
        return make_sum((*outside, signed(1), signed()))
    if level == 7:
        if words.below(2):
            product = make_product((bracket(), bracket()))
            return make_sum((product, *(signed(1) for _ in range(extra))))
        left, right = (make_product((number(2), bracket(4))) for _ in range(2))
        return make_sum((left, scale(-1, right), *(signed(1) for _ in range(extra))))
    square = Power(bracket(), 2) if words.below(2) else make_product((bracket(), bracket()))
    other = make_product((number(2), bracket(3)))
    tail = make_product((Monomial(1, 1), bracket())) if words.below(2) else signed(2)
    return make_sum((square, scale(-1, other) if words.below(2) else other, *([tail] * extra)))
