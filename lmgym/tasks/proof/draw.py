"""Drawing propositional problems of proof: provable, graded by the length of their shortest proofs.

In: knobs, a split, random words. Out: sequents with a proof of each and the canonical text that decides
their split. Every length of proof that the knobs allow is as frequent as the others as long as the draws
give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from lmgym.errors import EmptyProblemSetError
from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import Formula, connect, predicate
from lmgym.logic.proof_search import find_proof, find_short_proof, is_provable
from lmgym.logic.proof_search.table import Table
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.proof.canonical import canonical_text
from lmgym.tasks.proof.construct import ATOMS, construct_sequent, random_distractor, rename
from lmgym.tasks.proof.knobs import Knobs, knobs_of_split
from lmgym.tasks.stream import MAX_DRAWS, Words

_Item = TypeVar("_Item")

DRAWS_PER_LENGTH: Final = 100
"""Draws for one problem after which any length of proof will do."""


LONG: Final = 6
"""Lines that every proof must need, at the least, where a shortest one is out of reach."""
SLACK: Final = 2
"""Lines that a natural proof may have above the level's before it is worth shortening."""


class Drawn(NamedTuple):
    """A sequent, a proof of it, and the canonical text that decides its split."""

    key: str
    sequent: Sequent
    proof: tuple[Line, ...]
    """Lines after the premises."""
    min_lines: int
    """No proof has fewer lines; equal to the number of lines of ``proof`` where that is a shortest one."""


def draw_sequent(knobs: Knobs, split: str, words: Words) -> Drawn:
    """Returns one problem; see ``draw_sequents``, which is cheaper for many."""
    return draw_sequents(knobs, split, 1, words)[0]


def draw_sequents(knobs: Knobs, split: str, count: int, words: Words) -> list[Drawn]:
    """Returns ``count`` problems of a split, a pure function of the arguments and the words to come.

    Each place gets a length of proof first, uniformly, and then the first problem of that length.

    Raises:
        EmptyProblemSetError: the split holds no problem under these knobs.
    """
    knobs = knobs_of_split(knobs, split)
    spread = knobs.max_lines - knobs.min_lines + 1
    open_places: dict[int, list[int]] = {}
    for place in range(count):
        open_places.setdefault(knobs.min_lines + words.below(spread), []).append(place)
    found: dict[int, Drawn] = {}
    waited = 0
    while len(found) < count:
        waited += 1
        if waited > MAX_DRAWS:
            raise EmptyProblemSetError(
                f"split {split!r} holds no problem under these knobs ({MAX_DRAWS} draws gave none). "
                "Use another split, or knobs that allow more different problems."
            )
        wanted = sorted(open_places)
        length = wanted[words.below(len(wanted))]
        drawn = _draw(knobs, length, split, words)
        if drawn is None:
            continue
        length = len(drawn.proof)
        if length not in open_places:
            if waited < DRAWS_PER_LENGTH:
                continue
            length = wanted[0]
        found[open_places[length].pop()] = drawn
        waited = 0
        if not open_places[length]:
            del open_places[length]
    return [found[place] for place in range(count)]


def _draw(knobs: Knobs, num_lines: int, split: str, words: Words) -> Drawn | None:
    """Returns a problem made for proofs of ``num_lines`` lines, None if it is not usable."""
    premises, goal = construct_sequent(knobs, num_lines + words.below(1 + num_lines // 3), words)
    if goal in premises or not premises:
        return None
    table = Table((*premises, goal))
    truth = [table.truth[table.add(premise)] for premise in premises]
    goal_truth = table.truth[table.add(goal)]
    if goal_truth == table.everywhere:
        return None
    kept = _needed(truth, goal_truth, table.everywhere)
    premises = tuple([premises[place] for place in kept])
    if not _rows([truth[place] for place in kept], table.everywhere):
        return None
    if split == "ood_depth":
        premises, goal = _deepen(premises, goal, max(1, knobs.min_depth - 2))
    for _ in range(knobs.num_distractors):
        premises = (*premises, random_distractor(knobs, premises, words))
    if len(set(premises)) < len(premises) or goal in premises or not _are_consistent(premises):
        return None
    key = canonical_text(premises, goal)
    if split in HASHED_SPLITS and split_of(key) != split:  # before the dear part
        return None
    if knobs.logic != "any" and _is_intuitionistic(premises, goal) != (knobs.logic == "intuitionistic"):
        return None
    sequent = _disguise(premises, goal, words)
    is_classical = knobs.logic != "intuitionistic"
    natural = find_proof(sequent, classical=is_classical)
    if natural is None or not knobs.min_lines <= len(natural) <= knobs.max_lines + SLACK:
        return None
    found = find_short_proof(sequent, classical=is_classical, max_states=knobs.max_states)
    return Drawn(key, sequent, *found) if found is not None and _fits(knobs, *found) else None


def _deepen(premises: tuple[Formula, ...], goal: Formula, boxes: int) -> tuple[tuple[Formula, ...], Formula]:
    """Returns the sequent with up to ``boxes`` premises, but not the last, as antecedents of the goal."""
    moved = min(boxes, len(premises) - 1)
    for premise in premises[:moved]:
        goal = connect("implies", premise, goal)
    return premises[moved:], goal


def _is_intuitionistic(premises: Sequence[Formula], goal: Formula) -> bool | None:
    return is_provable(premises, goal, classical=False)


def _rows(truths: Sequence[int], rows: int) -> int:
    for truth in truths:
        rows &= truth
    return rows


def _are_consistent(premises: Sequence[Formula]) -> bool:
    table = Table(premises)
    return _rows([table.truth[table.add(premise)] for premise in premises], table.everywhere) != 0


def _needed(truth: Sequence[int], goal: int, everywhere: int) -> list[int]:
    """Returns the places of premises of which none can be left out if the goal is to follow."""
    kept = list(range(len(truth)))
    for place in range(len(truth)):
        rest = [truth[other] for other in kept if other != place]
        if not _rows(rest, everywhere) & ~goal:
            kept.remove(place)
    return kept


def _disguise(premises: Sequence[Formula], goal: Formula, words: Words) -> Sequent:
    """Returns the sequent with random names for the atoms and its premises in a random order."""
    names = _shuffle(list(ATOMS), words)
    naming = {predicate(old): predicate(new) for old, new in zip(ATOMS, names, strict=True)}
    renamed = [rename(premise, naming) for premise in premises]
    return Sequent(tuple(_shuffle(renamed, words)), rename(goal, naming))


def _shuffle(items: list[_Item], words: Words) -> list[_Item]:
    for last in range(len(items) - 1, 0, -1):
        other = words.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def _fits(knobs: Knobs, proof: tuple[Line, ...], min_lines: int) -> bool:
    depth = max([line.depth for line in proof])
    return (
        knobs.min_lines <= len(proof) <= knobs.max_lines
        and min_lines >= min(knobs.min_lines, LONG)
        and knobs.min_depth <= depth <= knobs.max_depth
    )
