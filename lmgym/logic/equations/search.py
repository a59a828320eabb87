"""Shortest chains between two terms, by breadth-first search from both ends.

Exact among the chains whose terms have at most ``max_size`` symbols: where an equation brings in a letter of
its own, every term over the given letters that fits is tried for it. (A letter that is not given could be
replaced by one that is throughout a chain, which would be as short.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from lmgym.logic.equations.rewriting import fill, match, places_of, replace_at
from lmgym.logic.equations.terms import Signs
from lmgym.logic.equations.theories import Equation
from lmgym.logic.kernel import Term, function, variable

MAX_NEW_SIZE = 5
"""Symbols of a term that is tried for a letter; where larger ones would have to be, the search gives up."""


class _GivesUp(Exception):
    """The search would take too long. Stays in this module."""


@lru_cache(maxsize=256)
def terms_of_size(size: int, signs: Signs, letters: str) -> tuple[Term, ...]:
    """Returns every term of exactly ``size`` symbols."""
    if size < 2:
        return tuple([*map(variable, letters), *map(function, signs.constants)]) if size == 1 else ()
    around = [sign for sign in (signs.prefix, signs.postfix, signs.calls) if sign]
    found = [function(sign, part) for sign in around for part in terms_of_size(size - 1, signs, letters)]
    for left in range(1, size - 1):
        pairs = product(terms_of_size(left, signs, letters), terms_of_size(size - 1 - left, signs, letters))
        found += [function(sign, *pair) for pair in pairs for sign in signs.infix]
    return tuple(found)


def neighbours(
    term: Term, equations: Sequence[Equation], signs: Signs, letters: str, max_size: int
) -> Iterator[Term]:
    """Yields what one use of an equation makes of ``term``, in an order that is always the same."""
    for place, part in places_of(term):
        room = max_size - term.size + part.size
        for equation in equations:
            for one, other in ((equation.left, equation.right), (equation.right, equation.left)):
                bound: dict[str, Term] = {}
                if one.name in equation.letters or one.name == part.name:
                    if match(one, part, equation.letters, bound):
                        for new in _instances(other, bound, equation.letters, signs, letters, room):
                            yield replace_at(term, place, new)


def _instances(
    pattern: Term, bound: dict[str, Term], variables: Sequence[str], signs: Signs, letters: str, room: int
) -> Iterator[Term]:
    """Yields ``pattern`` with what is bound, and with every term that fits for the letters that are not."""
    new = [letter for letter in variables if letter in pattern.free and letter not in bound]
    if not new:
        found = fill(pattern, bound)
        if found.size <= room:
            yield found
        return
    for size in range(1, room):
        if size > MAX_NEW_SIZE:
            raise _GivesUp
        for choice in terms_of_size(size, signs, letters):
            found = fill(pattern, {**bound, new[0]: choice})
            if found.size > room:
                return
            yield from (
                _instances(pattern, {**bound, new[0]: choice}, variables, signs, letters, room)
                if new[1:]
                else (found,)
            )


def find_chain(
    start: Term,
    goal: Term,
    equations: Iterable[Equation],
    signs: Signs,
    letters: str,
    *,
    max_size: int,
    max_states: int,
    avoid: Collection[Term] = (),
) -> tuple[Term, ...] | None:
    """Returns a shortest chain from ``start`` to ``goal``, both included, without the terms of ``avoid``.

    None if none was found before ``max_states`` terms had been made.
    """
    known = tuple(equations)

    def grow(term: Term) -> Iterator[Term]:
        found = neighbours(term, known, signs, letters, max_size)
        return (new for new in found if new not in avoid)

    try:
        return (start,) if start is goal else _meet(start, goal, grow, max_states)
    except _GivesUp:
        return None


def _meet(
    start: Term, goal: Term, grow: Callable[[Term], Iterator[Term]], max_states: int
) -> tuple[Term, ...] | None:
    """Returns a chain through the first term that is reached from both ends, level by level."""
    ways: tuple[dict[Term, Term | None], ...] = ({start: None}, {goal: None})
    edges, num_made = [[start], [goal]], 0
    while all(edges):
        side = int(len(edges[1]) < len(edges[0]))
        way, other, following = ways[side], ways[1 - side], list[Term]()
        for term in edges[side]:
            for new in grow(term):
                num_made += 1
                if num_made > max_states:
                    raise _GivesUp
                if new in way:
                    continue
                way[new] = term
                if new in other:
                    return (*_walk(new, ways[0])[::-1], *_walk(new, ways[1])[1:])
                following.append(new)
        edges[side] = following
    return None


def _walk(term: Term | None, way: dict[Term, Term | None]) -> list[Term]:
    found = list[Term]()
    while term is not None:
        found.append(term)
        term = way[term]
    return found
