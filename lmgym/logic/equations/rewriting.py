"""One step of a chain: an equation used once, at one place, in either direction.

Comes in: two terms and equations. Goes out: which equation, where and with what for its letters; and the
theorem that the kernel makes of it. The matching here is a search; only the theorem counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from lmgym.logic.equations.theories import Equation
from lmgym.logic.kernel import (
    Term,
    Theorem,
    assume,
    equal,
    equal_elim,
    equal_intro,
    forall_elim,
    function,
    quantify,
    variable,
)

Place = tuple[int, ...]
"""The way from the root of a term to a part of it, by numbers of arguments."""

_HOLE = "_"
_HOLE_TERM = variable(_HOLE)  # no text that is read can name it


class Rewriting(NamedTuple):
    """A use of an equation."""

    equation: Equation
    is_reversed: bool
    """True: from right to left."""
    arguments: tuple[Term, ...]
    """What its letters stand for."""
    place: Place


def match(pattern: Term, term: Term, letters: tuple[str, ...], bound: dict[str, Term]) -> bool:
    """Returns whether ``pattern`` is ``term`` for some values of ``letters``, put into ``bound``."""
    if pattern.kind == "variable" and pattern.name in letters:
        return bound.setdefault(pattern.name, term) is term
    if not pattern.parts or pattern is term:
        return pattern is term and not pattern.free.intersection(letters)
    if pattern.name != term.name or len(pattern.parts) != len(term.parts):
        return False
    for one, other in zip(pattern.parts, term.parts, strict=True):  # quicker than all()
        if not match(one, other, letters, bound):
            return False
    return True


def part_at(term: Term, place: Place) -> Term:
    """Returns the part of ``term`` at ``place``."""
    for number in place:
        term = term.parts[number]
    return term


def replace_at(term: Term, place: Place, new: Term) -> Term:
    """Returns ``term`` with ``new`` at ``place``."""
    if not place:
        return new
    first, *_ = place
    parts = list(term.parts)
    parts[first] = replace_at(parts[first], place[1:], new)
    return function(term.name, *parts)


def fill(pattern: Term, bound: dict[str, Term]) -> Term:
    """Returns ``pattern`` with terms for those of its letters that are in ``bound``."""
    if pattern.kind == "variable":
        return bound.get(pattern.name, pattern)
    if not pattern.parts or not pattern.free:
        return pattern
    return function(pattern.name, *[fill(part, bound) for part in pattern.parts])


def places_of(term: Term) -> Iterator[tuple[Place, Term]]:
    """Yields every part of ``term`` with its place, the whole first."""
    yield (), term
    for number, part in enumerate(term.parts):
        for place, inner in places_of(part):
            yield (number, *place), inner


def find_rewriting(before: Term, after: Term, equations: Iterable[Equation]) -> Rewriting | None:
    """Returns how one use of one of ``equations`` makes ``after`` of ``before``, None if none does.

    Only places above all differences can be meant, so the work is bounded by the terms' size times depth.
    """
    equations = tuple(equations)
    place: Place = ()
    while True:
        found = _rewrite_whole(before, after, equations)
        if found is not None:
            return found._replace(place=place)
        if before.name != after.name or len(before.parts) != len(after.parts):
            return None
        different = [at for at, part in enumerate(before.parts) if part is not after.parts[at]]
        if len(different) != 1:
            return None
        place = (*place, different[0])
        before, after = before.parts[different[0]], after.parts[different[0]]


def _rewrite_whole(before: Term, after: Term, equations: tuple[Equation, ...]) -> Rewriting | None:
    for equation in equations:
        left, right, letters, _ = equation
        for is_reversed in (False, True):
            first, last = (after, before) if is_reversed else (before, after)
            if (left.parts and left.name != first.name) or (right.parts and right.name != last.name):
                continue  # most equations
            bound: dict[str, Term] = {}
            if match(left, first, letters, bound) and match(right, last, letters, bound):
                return Rewriting(equation, is_reversed, tuple(bound[letter] for letter in letters), ())
    return None


def rewrite(theorem: Theorem, use: Rewriting) -> Theorem:
    """From Γ ⊢ l = t: Γ and the equation ⊢ l = u, where ``use`` makes u of t.

    Raises:
        KernelError: ``use`` does not fit t.
    """
    left, current = theorem.conclusion.parts
    pattern = quantify("forall", _HOLE, equal(left, replace_at(current, use.place, _HOLE_TERM)))
    return equal_elim(_instance(use.equation, use.arguments, use.is_reversed), pattern, theorem)


def join(theorem: Theorem, equation: Theorem) -> Theorem:
    """From Γ ⊢ l = t and Δ ⊢ t = u: Γ, Δ ⊢ l = u."""
    left, _ = theorem.conclusion.parts
    return equal_elim(equation, quantify("forall", _HOLE, equal(left, _HOLE_TERM)), theorem)


@lru_cache(maxsize=1 << 12)
def _instance(equation: Equation, arguments: tuple[Term, ...], is_reversed: bool) -> Theorem:
    theorem = assume(equation.formula)
    for argument in arguments:
        theorem = forall_elim(theorem, argument)
    return turn_round(theorem) if is_reversed else theorem


def turn_round(equation: Theorem) -> Theorem:
    """From Γ ⊢ a = b: Γ ⊢ b = a."""
    a, _ = equation.conclusion.parts
    return equal_elim(equation, quantify("forall", _HOLE, equal(_HOLE_TERM, a)), equal_intro(a))
