"""What a chain still needs: ways to its end, and how near a line has brought it.

The constructed proof is a way from every state that it passes through; from elsewhere a search finds ways
that are short. Bounds from above come from ways that the checker accepts, bounds from below from complete
searches.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from lmgym.logic.equations.chains import By, Chain, Claim, Refusal, Step, begin, extend, name_law
from lmgym.logic.equations.search import find_chain
from lmgym.logic.kernel import Term
from lmgym.tasks.equation.play import EquationReference
from lmgym.tasks.equation.theorems import Lines

MAX_STATES: Final = 3_000
"""Terms that a search for a way may make."""
_LEAST_INDUCTION: Final = 3
"""Lines of an induction at least: its opening, ``step`` and a line of the step."""

_Place = tuple[tuple[Term, Term, str, str], ...]


def _place(chain: Chain) -> _Place:
    """Returns where a proof is, however it came there."""
    return tuple((frame.current, frame.target, frame.part, frame.letter) for frame in chain.frames)


@lru_cache(maxsize=512)
def _places(claim: Claim, lines: Lines) -> dict[_Place, int]:
    """Returns the places that a proof passes through, each with how many of its lines come before."""
    chain, found = begin(claim), {_place(begin(claim)): 0}
    for number, line in enumerate(lines, 1):
        new = extend(chain, line)
        assert isinstance(new, Chain), (line, new)
        chain = new
        found[_place(chain)] = number
    return found


def num_done(chain: Chain, reference: EquationReference) -> int:
    """Returns how many lines of the constructed proof lead to where ``chain`` is, 0 if none does."""
    return _places(reference.claim, reference.lines).get(_place(chain), 0)


def rest_of(chain: Chain, reference: EquationReference) -> Lines | None:
    """Returns what the constructed proof has still to say, None if it does not pass here."""
    number = _places(reference.claim, reference.lines).get(_place(chain))
    return None if number is None else reference.lines[number:]


@lru_cache(maxsize=4096)
def _search(chain: Chain) -> Lines | None:
    """Returns a shortest way to the end of the innermost chain by laws alone, None beyond the budget."""
    frame, claim = chain.frame, chain.claim
    equations = [each for law in chain.laws.values() for each in law]
    way = find_chain(
        frame.current, frame.target, equations, claim.theory.signs, claim.letters,
        max_size=claim.max_size, max_states=MAX_STATES, avoid=frame.said,
    )  # fmt: skip
    return None if way is None else tuple(map(By, way[1:]))


def find_ways(chain: Chain, reference: EquationReference) -> Iterator[Lines]:
    """Yields ways to the end of the proof that the checker accepts, with the names of laws."""
    rest = rest_of(chain, reference)
    if rest is not None and (way := _accepted(chain, rest)) is not None:
        yield way
    found = _search(chain)
    end = None if found is None else _play(chain, found)
    if found is not None and end is not None:
        more = () if end.is_proved else rest_of(end, reference)
        if more is not None and (way := _accepted(chain, (*found, *more))) is not None:
            yield way


def _play(chain: Chain, lines: Lines) -> Chain | None:
    for line in lines:
        new = extend(chain, line)
        if isinstance(new, Refusal):
            return None
        chain = new
    return chain


@lru_cache(maxsize=4096)
def _accepted(chain: Chain, lines: Lines) -> Lines | None:
    """Returns the lines with their laws if they prove the claim."""
    named = list[By | Step]()
    for line in lines:
        named.append(name_law(chain, line))
        new = extend(chain, line)
        if isinstance(new, Refusal):
            return None
        chain = new
    return tuple(named) if chain.is_proved else None


def exact_distance(chain: Chain) -> int | None:
    """Returns the least number of lines that finish the proof, None if it is not known.

    Terms of at most the claim's ``max_size`` symbols are considered, as are allowed in a proof.
    """
    if chain.is_proved:
        return 0
    found = _search(chain) if len(chain.frames) == 1 else None
    if found is None or (chain.claim.theory.has_induction and len(found) > _LEAST_INDUCTION):
        return None
    return len(found)
