"""Random terms, random walks from term to term by laws, and the values of terms of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from lmgym.logic.equations.rewriting import fill, find_rewriting, match, places_of, replace_at
from lmgym.logic.equations.theories import Equation, Theory
from lmgym.logic.kernel import Term, function, variable
from lmgym.tasks.stream import Words

_MAX_TRIES = 30

T = TypeVar("T")


def choose(items: Sequence[T], words: Words) -> T:
    """Returns one of ``items``, each as likely."""
    return items[words.below(len(items))]


def draw_term(theory: Theory, letters: str, size: int, words: Words) -> Term:
    """Returns a random term of ``size`` symbols."""
    signs = theory.signs
    if size == 1:
        is_letter = letters and words.below(4)
        return variable(choose(letters, words)) if is_letter else function(choose(signs.constants, words))
    around = [sign for sign in (signs.prefix, signs.postfix, signs.calls) if sign]
    if around and (size == 2 or not words.below(4)):
        return function(around[0], draw_term(theory, letters, size - 1, words))
    if size == 2:
        return draw_term(theory, letters, 1, words)
    left = 1 + words.below(size - 2)
    parts = [draw_term(theory, letters, part, words) for part in (left, size - 1 - left)]
    return function(choose(tuple(signs.infix), words), *parts)


class Uses:
    """Equations by the sign that a term must begin with for a use; from left to right twice as often."""

    def __init__(self, equations: Sequence[Equation]) -> None:
        self._by_name: dict[str, list[_Use]] = {}
        for equation in equations:
            left, right, letters, _ = equation
            for one, other in ((left, right), (left, right), (right, left)):
                name = "" if one.name in letters else one.name
                self._by_name.setdefault(name, []).append((one, other, letters))

    def of(self, name: str, own: Uses | None) -> list[_Use]:
        """Returns what may fit a term that begins with ``name``; ``own`` has more, which count twice."""
        found = [*self._by_name.get(name, ()), *self._by_name.get("", ())]
        return found + 2 * own.of(name, None) if own is not None else found


_Use = tuple[Term, Term, tuple[str, ...]]


@cache
def uses_of(theory: Theory) -> Uses:
    """Returns the uses of the laws of a theory."""
    return Uses(theory.equations)


def take_step(
    term: Term, uses: Uses, own: Uses | None, letters: str, max_size: int, words: Words
) -> Term | None:
    """Returns what one random use of an equation makes of ``term``; None if none was found."""
    places = list(places_of(term))
    for _ in range(_MAX_TRIES):
        place, part = choose(places, words)
        fitting = uses.of(part.name, own) if part.parts or words.below(2) else []
        if not fitting:
            continue
        one, other, variables = choose(fitting, words)
        bound: dict[str, Term] = {}
        if not match(one, part, variables, bound):
            continue
        for letter in variables:
            if letter not in bound:
                bound[letter] = variable(choose(letters, words)) if letters else choose(places, words)[1]
        new = fill(other, bound)
        if term.size - part.size + new.size <= max_size and new is not part:
            return replace_at(term, place, new)
    return None


def walk(
    start: Term, num_steps: int, uses: Uses, own: Uses | None, letters: str, max_size: int, words: Words
) -> list[Term] | None:
    """Returns a random walk of ``num_steps`` steps that comes to no term twice; None if it gets stuck."""
    found = [start]
    for _ in range(num_steps):
        new = take_step(found[-1], uses, own, letters, max_size, words)
        if new is None or new in found:
            return None
        found.append(new)
    return found


def shorten(chain: Sequence[Term], equations: Sequence[Equation]) -> list[Term]:
    """Returns ``chain`` without detours: from each term at once to the last that one step leads to."""
    found, at = [chain[0]], 0
    while at < len(chain) - 1:
        later = range(len(chain) - 1, at + 1, -1)
        at = next((to for to in later if find_rewriting(chain[at], chain[to], equations)), at + 1)
        found.append(chain[at])
    return found


def evaluate(term: Term, equations: Sequence[Equation], max_steps: int) -> list[Term]:
    """Returns the chain towards the value of ``term``, by laws from left to right, the innermost first."""
    found = [term]
    while len(found) <= max_steps and (new := _simplify(found[-1], equations)) is not None:
        found.append(new)
    return found


def _simplify(term: Term, equations: Sequence[Equation]) -> Term | None:
    for number, part in enumerate(term.parts):
        new = _simplify(part, equations)
        if new is not None:
            return replace_at(term, (number,), new)
    for equation in equations:
        bound: dict[str, Term] = {}
        if match(equation.left, term, equation.letters, bound):
            return fill(equation.right, bound)
    return None
