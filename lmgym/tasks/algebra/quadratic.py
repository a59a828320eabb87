"""Quadratic equations: rational and surd roots, no real root; cubic ones where longer problems are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

from lmgym.grading.exact import Number, simplify
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct, nonzero, pick
from lmgym.tasks.algebra.polynomials import (
    Polynomial,
    add,
    multiply,
    polynomial,
    polynomial_text,
    product_text,
    root_factor,
    scale,
)
from lmgym.tasks.algebra.surds import Surd, as_surd, quadratic_roots
from lmgym.tasks.stream import Words

NO_SOLUTION = "none"

_KINDS = {
    1: ("product", "square"),
    2: ("monic", "no constant"),
    3: ("monic",),
    4: ("scaled",),
    5: ("rational",),
    6: ("surd", "monic"),
    7: ("surd", "scaled surd", "no root"),
    8: ("rational", "scaled surd", "no root", "surd"),
}


class Quadratic(NamedTuple):
    """What answers are checked against."""

    roots: tuple[Surd, ...]
    """Every real root once, in ascending order."""
    equation: Polynomial
    """What is 0 at the roots."""


def draw_quadratic(shape: Shape, words: Words) -> Exercise | None:
    """Returns an equation of degree 2, or of degree 2 + extra with rational roots."""
    kind, size = pick(words, _KINDS[shape.level]), shape.size
    if kind in ("surd", "scaled surd", "no root") and not shape.extra:
        whole = _draw_without_rational_roots(kind, size, words)
        if whole is None:
            return None
        return _exercise(whole, quadratic_roots(whole), 0, _draw_right(shape, words))
    if kind == "square" and not shape.extra:
        root = below(words, 1, 2 * size)
        return _exercise((-root * root, 0, 1), quadratic_roots((-root * root, 0, 1)), 1, (root * root,))
    top, bottom = (size, 1) if kind != "rational" else (size, 5)
    roots = [simplify(Fraction(below(words, -top, top), below(words, 1, bottom))) for _ in range(2)]
    if kind == "no constant":
        roots[0] = 0
    roots += [below(words, -min(size, 9), min(size, 9)) for _ in range(shape.extra)]
    lead = nonzero(words, 4) if kind == "scaled" else 1
    whole = scale(lead, multiply(*(root_factor(root) for root in roots)))
    found = tuple(map(as_surd, sorted(set(roots))))
    if kind != "product":
        return _exercise(whole, found, lead, _draw_right(shape, words))
    question = f"{factored_text(lead, sorted(roots))}=0"
    lines = (_either(_cases(found)), _either(_solutions(found)))
    return Exercise("quadratic", question, _answer(found), distinct(lines), Quadratic(found, whole), question)


def _draw_right(shape: Shape, words: Words) -> Polynomial:
    if shape.level < 8:
        return ()
    return polynomial((below(words, -shape.size, shape.size), below(words, -shape.size, shape.size)))


def _draw_without_rational_roots(kind: str, size: int, words: Words) -> Polynomial | None:
    shift = below(words, -size, size)
    if kind == "no root":
        height = below(words, 1, size)
        return scale(below(words, 1, 3), (shift * shift + height, 2 * shift, 1))
    if kind == "surd":
        square = below(words, 2, 2 * size + 2)
        return None if isqrt(square) ** 2 == square else polynomial((shift * shift - square, 2 * shift, 1))
    a, c = below(words, 2, 5), nonzero(words, size)
    discriminant = shift * shift - 4 * a * c
    is_surd = discriminant > 0 and isqrt(discriminant) ** 2 != discriminant
    return (c, shift, a) if is_surd else None


def _exercise(whole: Polynomial, roots: tuple[Surd, ...], lead: Number, right: Polynomial) -> Exercise:
    left = add(whole, right)
    question = f"{polynomial_text(left)}={polynomial_text(right)}"
    lines = [question]
    if roots and not any(root.q for root in roots) and (len(left) != 3 or any(left[:2]) or not right):
        repeated = [root.rational for root in roots for _ in range(_multiplicity(whole, root.rational))]
        lines += [
            f"{polynomial_text(whole)}=0",
            f"{factored_text(lead, repeated)}=0",
            _either(_cases(roots)),
        ]
    else:
        lines += _square_lines(whole)
    lines.append(_either(_solutions(roots)) or NO_SOLUTION)
    key = "=".join(sorted((polynomial_text(left), polynomial_text(right))))
    return Exercise("quadratic", question, _answer(roots), distinct(lines)[1:], Quadratic(roots, whole), key)


def _square_lines(whole: Polynomial) -> list[str]:
    """Returns the completed square, unless the equation is one already."""
    monic = scale(Fraction(1, int(whole[2])), whole)
    shift = simplify(Fraction(monic[1]) / 2)
    square = simplify(shift * shift - monic[0])
    if not shift:
        return [f"x^2={square}"]
    return [
        f"{polynomial_text(whole)}=0",
        f"{polynomial_text(monic)}=0",
        f"({polynomial_text((shift, 1))})^2={square}",
    ]


def _multiplicity(whole: Polynomial, root: Number) -> int:
    count, rest = 0, whole
    while (rest_or_none := divide_by_root(rest, root)) is not None:
        rest, count = rest_or_none, count + 1
    return count


def divide_by_root(whole: Polynomial, root: Number) -> Polynomial | None:
    """Returns ``whole`` / (x - root), None if ``root`` is no root of it."""
    if len(whole) < 2:
        return None
    quotient, carry = list[Number](), 0 * root
    for value in reversed(whole):
        carry = carry * root + value
        quotient.append(carry)
    return None if quotient.pop() else polynomial(reversed(quotient))


def factored_text(lead: Number, roots: Sequence[Number]) -> str:
    """Returns the polynomial with these roots as a product, x first."""
    powers = {root: roots.count(root) for root in sorted(roots, key=lambda root: (root != 0, root))}
    return product_text(lead, [(root_factor(root), power) for root, power in powers.items()])


def _answer(roots: Sequence[Surd]) -> str:
    return ", ".join(root.text for root in roots) or NO_SOLUTION


def _solutions(roots: Sequence[Surd]) -> list[str]:
    return [f"x={root.text}" for root in roots]


def _cases(roots: Sequence[Surd]) -> list[str]:
    return [f"{polynomial_text(root_factor(root.rational))}=0" for root in roots]


def _either(cases: Sequence[str]) -> str:
    return " or ".join(cases)
