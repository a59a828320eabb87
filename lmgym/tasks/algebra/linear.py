"""Linear equations and inequalities in one unknown: sides of terms and brackets, drawn and worked."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import NamedTuple

from lmgym.grading.exact import Number, number_text, simplify
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct, nonzero, pick
from lmgym.tasks.algebra.polynomials import (
    Polynomial,
    add,
    polynomial,
    polynomial_text,
    scale,
    sum_text,
    term_text,
    value_at,
)
from lmgym.tasks.stream import Words

FLIPPED = {"=": "=", "<": ">", ">": "<", "≤": "≥", "≥": "≤"}


class Part(NamedTuple):
    """A term, or a factor before a bracket."""

    factor: Number
    inside: Polynomial

    @property
    def terms(self) -> list[str]:
        """The part multiplied out, highest power first."""
        spread = scale(self.factor, self.inside)
        return [term_text(spread[power], power) for power in range(len(spread) - 1, -1, -1) if spread[power]]

    @property
    def text(self) -> str:
        """The part as it stands: ``3x``, ``-2(x+1)``, ``(x-1)/4``."""
        if sum(map(bool, self.inside)) < 2 or self.factor == 1:
            return sum_text(self.terms)
        top, bottom = self.factor.numerator, self.factor.denominator
        head = "" if top == 1 else "-" if top == -1 else str(top)
        return f"{head}({polynomial_text(self.inside)})" + (f"/{bottom}" if bottom > 1 else "")


Side = tuple[Part, ...]


def side_text(side: Side) -> str:
    """Returns the parts joined by their signs; parts that are 0 are left out."""
    return sum_text([part.text for part in side if part.inside and part.factor])


def spread_text(side: Side) -> str:
    """Returns the side with every bracket multiplied out and nothing collected."""
    return sum_text([term for part in side for term in part.terms])


def collect(side: Side) -> Polynomial:
    """Returns the side as one polynomial."""
    return add(*(scale(part.factor, part.inside) for part in side))


def term(coefficient: Number, power: int) -> Part:
    """Returns a part that is one term."""
    return Part(1, polynomial((*([0] * power), coefficient)))


def draw_linear(shape: Shape, words: Words) -> Exercise | None:
    """Returns an equation with one solution."""
    left, right = draw_sides(shape, words)
    slope = _slope(left, right)
    if not slope:
        return None
    root = _solution(left, right)
    if root.denominator > 1 and (shape.level < 5 or root.denominator > 99):
        return None
    return Exercise(
        "linear",
        f"{side_text(left)}={side_text(right)}",
        number_text(root),
        solve_lines(left, "=", right),
        root,
        side_key(left, right, "="),
    )


def draw_sides(shape: Shape, words: Words) -> tuple[Side, Side]:
    """Returns two sides of the level's kind, with an integral solution below level 5."""
    size, root = shape.size, below(words, -shape.size, shape.size)
    left, right = _draw_left(shape, words), list[Part]()
    for extra in range(shape.extra):
        left.append(term(nonzero(words, size), extra % 2))
    if shape.level >= 4 and shape.level != 8:
        right.append(term(nonzero(words, size), 1))
    if shape.level < 5:
        if shape.level == 1:
            root = abs(root)
        missing = simplify(value_at(collect(tuple(left)), root) - value_at(collect(tuple(right)), root))
        right.append(term(missing, 0))
    else:
        right.append(term(below(words, -size, size), 0))
    return tuple(left), tuple(right)


def _draw_left(shape: Shape, words: Words) -> list[Part]:
    level, size = shape.level, shape.size
    if level == 1:
        parts = [term(1, 1), term(nonzero(words, size), 0)]
        return parts if parts[1].inside[0] < 0 or words.below(2) else parts[::-1]
    if level == 2:
        return [term(below(words, 2, size), 1), *_constant(shape, words)]
    if level < 6:
        return [term(nonzero(words, size), 1), term(nonzero(words, size), 0)]
    brackets = [
        Part(_factor(shape, words), (nonzero(words, size), 1 if level == 6 else below(words, 1, 4)))
        for _ in range(1 if level == 6 else 2)
    ]
    return brackets


def _constant(shape: Shape, words: Words) -> list[Part]:
    """Returns a constant, half of the time none; always one where a longer side is wanted."""
    return [term(nonzero(words, shape.size), 0)] if shape.extra or words.below(2) else []


def _factor(shape: Shape, words: Words) -> Number:
    if shape.level == 8:
        return Fraction(1, below(words, 2, 9))
    value = below(words, 2, min(9, shape.size))
    return value * pick(words, (1, 1, -1))


def solve_lines(left: Side, sign: str, right: Side) -> tuple[str, ...]:
    """Returns the working of ``left sign right``: denominators, brackets, collecting, moving, dividing."""
    lines = [f"{side_text(left)}{sign}{side_text(right)}"]
    bottom = lcm(*(part.factor.denominator for part in (*left, *right)))
    if bottom > 1:
        left, right = (
            tuple(Part(simplify(part.factor * bottom), part.inside) for part in side)
            for side in (left, right)
        )
        lines.append(f"{side_text(left)}{sign}{side_text(right)}")
    lines.append(f"{spread_text(left)}{sign}{spread_text(right)}")
    if any(map(_has_like_terms, (left, right))):
        lines.append(f"{polynomial_text(collect(left))}{sign}{polynomial_text(collect(right))}")
    slope, root = _slope(left, right), _solution(left, right)
    lines.append(f"{term_text(slope, 1)}{sign}{number_text(simplify(slope * root))}")
    lines.append(f"x{FLIPPED[sign] if slope < 0 else sign}{number_text(root)}")
    return distinct(lines)[1:]


def _has_like_terms(side: Side) -> bool:
    return sum(len(part.terms) for part in side) > sum(map(bool, collect(side)))


def _slope(left: Side, right: Side) -> Number:
    rest = add(collect(left), scale(-1, collect(right)))
    return rest[1] if len(rest) > 1 else 0


def _solution(left: Side, right: Side) -> Number:
    rest = add(collect(left), scale(-1, collect(right)))
    return simplify(Fraction(-rest[0]) / rest[1])


def side_key(left: Side, right: Side, sign: str) -> str:
    """Returns the same text for sides whose parts stand in another order, and for sides swapped."""
    texts = ["+".join(sorted(part.text for part in side if part.inside)) for side in (left, right)]
    if sign == "=":
        return "=".join(sorted(texts))
    return f"{texts[0]}{sign}{texts[1]}" if sign in "<≤" else f"{texts[1]}{FLIPPED[sign]}{texts[0]}"
