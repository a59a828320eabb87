"""Linear and quadratic inequalities; cubic ones where longer problems are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lmgym.grading.exact import Number, number_text, simplify
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct, nonzero, pick
from lmgym.tasks.algebra.intervals import ALL, Interval, intervals_text
from lmgym.tasks.algebra.linear import FLIPPED, collect, draw_sides, side_key, side_text, solve_lines
from lmgym.tasks.algebra.polynomials import (
    Polynomial,
    add,
    multiply,
    polynomial,
    polynomial_text,
    root_factor,
    scale,
)
from lmgym.tasks.algebra.quadratic import factored_text
from lmgym.tasks.stream import Words

SIGNS = ("<", ">", "≤", "≥")


def draw_inequality(shape: Shape, words: Words) -> Exercise | None:
    """Returns an inequality in x: linear up to level 5, quadratic from level 6."""
    return _draw_linear(shape, words) if shape.level < 6 else _draw_quadratic(shape, words)


def _draw_linear(shape: Shape, words: Words) -> Exercise | None:
    sign = pick(words, SIGNS)
    kind = shape.level if shape.level < 5 else 6  # with a bracket
    left, right = draw_sides(shape._replace(level=kind), words)
    rest = add(collect(left), scale(-1, collect(right)))
    if len(rest) < 2:
        return None
    bound = simplify(Fraction(-rest[0]) / rest[1])
    if bound.denominator > 99:
        return None
    found = FLIPPED[sign] if rest[1] < 0 else sign
    is_closed = found in "≤≥"
    truth = (
        Interval(None, bound, False, is_closed) if found in "<≤" else Interval(bound, None, is_closed, False),
    )
    return Exercise(
        "inequality",
        f"{side_text(left)}{sign}{side_text(right)}",
        f"x{found}{number_text(bound)}",
        solve_lines(left, sign, right),
        truth,
        side_key(left, right, sign),
    )


def _draw_quadratic(shape: Shape, words: Words) -> Exercise | None:
    size, sign = shape.size, pick(words, SIGNS)
    bottom = 1 if shape.level == 6 else 3
    lead = 1 if shape.level == 6 else nonzero(words, 3)
    if shape.level > 6 and not shape.extra and words.below(6) == 0:
        shift = below(words, -size, size)
        whole: Polynomial = scale(lead, polynomial((shift * shift + below(words, 1, size), 2 * shift, 1)))
        roots = list[Number]()
    else:
        roots = [simplify(Fraction(below(words, -size, size), below(words, 1, bottom))) for _ in range(2)]
        roots += [below(words, -min(size, 9), min(size, 9)) for _ in range(shape.extra)]
        whole = scale(lead, multiply(*map(root_factor, roots)))
    right: Polynomial = ()
    if shape.level == 8:
        right = polynomial((below(words, -size, size), below(words, -size, size)))
    left = add(whole, right)
    question = f"{polynomial_text(left)}{sign}{polynomial_text(right)}"
    truth = solve_by_signs(lead, roots, sign)
    lines = [f"{polynomial_text(whole)}{sign}0"]
    if roots:
        lines.append(f"{factored_text(lead, roots)}{sign}0")
    answer = intervals_text(truth)
    key = question if sign in "<≤" else f"{polynomial_text(right)}{FLIPPED[sign]}{polynomial_text(left)}"
    return Exercise("inequality", question, answer, distinct((question, *lines, answer))[1:], truth, key)


def solve_by_signs(lead: Number, roots: Sequence[Number], sign: str) -> tuple[Interval, ...]:
    """Returns where a polynomial with these real roots, each as often as it is one, is ``sign`` 0.

    Args:
        lead: its leading coefficient, not 0.
        roots: all of its real roots.
        sign: of ``SIGNS``.
    """
    wanted, is_closed = (1 if sign in ">≥" else -1), sign in "≤≥"
    current = (1 if lead > 0 else -1) * (-1) ** len(roots)  # left of every root
    places = sorted(set(roots))
    found, start, is_open = list[Interval](), None, current == wanted
    closed_start = False
    for place in places:
        after = current * (-1) ** roots.count(place)
        if is_open and not (is_closed and after == wanted):
            found.append(Interval(start, place, closed_start, is_closed))
        elif not is_open and is_closed and after != wanted:
            found.append(Interval(place, place, True, True))
        if after == wanted and not (is_open and is_closed):
            start, closed_start = place, is_closed
        current, is_open = after, after == wanted
    if is_open:
        found.append(Interval(start, None, closed_start, False))
    return tuple(found) if found != [ALL] else (ALL,)
