"""How long the proof of a sequent is: searched once for all sequents that differ in names and order alone.

In: a canonical text and the knobs. Out: a proof of the sequent as that text writes it, if it is one that the
knobs want. The search sees nothing but the canonical text, so the proof of a problem, and with it its length
and depth, is a function of its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import Formula, connect, negation
from lmgym.logic.proof_search import Search, ShortProof
from lmgym.tasks.proof.canonical import parts_of_key
from lmgym.tasks.proof.knobs import Knobs
from lmgym.tasks.proof.polish import formula_of

LONG: Final = 6
"""Lines that every proof must need, at the least, where a shortest one is out of reach."""
SHORT: Final = 8
"""Lines up to which a shortest proof is searched for at once, and nothing else will do."""


class Measured(NamedTuple):
    """A sequent with a proof."""

    sequent: Sequent
    proof: tuple[Line, ...]
    """Lines after the premises."""
    min_lines: int
    """No proof has fewer lines; equal to the number of lines of ``proof`` where that is a shortest one."""


@lru_cache(maxsize=4096)
def measure(key: str, knobs: Knobs) -> Measured | None:
    """Returns the sequent that ``key`` writes with a proof, None if they are not what the knobs want."""
    premises, goal = parts_of_key(key)
    sequent = Sequent(tuple([formula_of(premise) for premise in premises]), formula_of(goal))
    search = Search(sequent, classical=knobs.logic != "intuitionistic")
    if knobs.logic != "any" and search.is_intuitionistic() != (knobs.logic == "intuitionistic"):
        return None
    is_short = knobs.max_lines <= SHORT and knobs.logic == "intuitionistic"
    found = _short(search, knobs) if is_short else _long(search, knobs)
    return Measured(sequent, *found) if found is not None and _fits(knobs, *found) else None


def _short(search: Search, knobs: Knobs) -> ShortProof | None:
    """Returns a shortest proof, None where none was found that is no longer than wanted."""
    found = search.shortest(knobs.max_states, knobs.max_lines + 1)
    return found if isinstance(found, ShortProof) else None


def _long(search: Search, knobs: Knobs) -> ShortProof | None:
    """Returns a natural proof or one that is shorter."""
    natural = search.natural()
    if natural is None or not _fits(knobs, natural, knobs.min_lines):
        return None  # the search would seldom end within its budget
    return search.shorten(natural, knobs.max_states)


def _fits(knobs: Knobs, proof: tuple[Line, ...], min_lines: int) -> bool:
    depth = max([line.depth for line in proof])
    return (
        knobs.min_lines <= len(proof) <= knobs.max_lines
        and min_lines >= min(knobs.min_lines, LONG)
        and knobs.min_depth <= depth <= knobs.max_depth
    )


def rearranged(measured: Measured, naming: Mapping[Formula, Formula], order: Sequence[int]) -> Measured:
    """Returns the same with other atoms and premises.

    Args:
        measured: A sequent with a proof.
        naming: What each atom becomes.
        order: For each place among the premises the place from which its premise comes.
    """
    known = dict(naming)
    premises, goal = measured.sequent
    moved = {old + 1: new for new, old in enumerate(order, 1)}
    lines = [
        Line(
            line.depth,
            rename(line.formula, known),
            line.rule,
            tuple([moved.get(number, number) for number in line.lines]),
            line.boxes,
        )
        for line in measured.proof
    ]
    sequent = Sequent(tuple([rename(premises[old], known) for old in order]), rename(goal, known))
    return Measured(sequent, tuple(lines), measured.min_lines)


def rename(formula: Formula, known: dict[Formula, Formula]) -> Formula:
    """Returns a propositional formula with other atoms; ``known`` has these, and gets what is renamed."""
    found = known.get(formula)
    if found is None:
        parts = [rename(part, known) for part in formula.parts]
        if not parts:
            return formula
        kind = formula.kind
        found = known[formula] = negation(parts[0]) if kind == "not" else connect(kind, *parts)  # type: ignore[arg-type]
    return found
