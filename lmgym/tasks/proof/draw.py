"""Drawing propositional problems of proof: provable, graded by the length of their shortest proofs.

In: knobs, a split, random words. Out: sequents with a proof of each and the canonical text that decides
their split. Every length of proof that the knobs allow is as frequent as the others as long as the draws
give it. What is cheap comes first: truth tables and the split throw most drafts away before a proof is
searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from lmgym.errors import EmptyProblemSetError
from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import predicate
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.proof.canonical import canonical_polish
from lmgym.tasks.proof.construct import Maker
from lmgym.tasks.proof.knobs import Knobs, knobs_of_split
from lmgym.tasks.proof.measure import measure, rearranged
from lmgym.tasks.proof.polish import EVERYWHERE, has_idle_part, truth_of
from lmgym.tasks.stream import MAX_DRAWS, Words

_Item = TypeVar("_Item")

DRAWS_PER_LENGTH: Final = 60
"""Draws for one problem after which any length of proof will do."""
DISTRACTOR_DRAWS: Final = 12
"""Choices of distractors that are tried before a draft is given up."""
LONG: Final = 9
"""Lines from which on proofs tend to be longer than they were imagined."""
MIN_DEEP: Final = 3
"""Boxes inside one another for which premises alone are seldom enough."""
NAMES: Final = "pqrstu"
"""Of atoms."""

_ATOMS = [predicate(chr(97 + place)) for place in range(len(NAMES))]
_NAMES = [predicate(name) for name in NAMES]


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
    drafts = _Drafts(knobs, split, words)
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
        imagined = length + words.below(1 + length // 3)
        key = drafts.draw(imagined if length < LONG else imagined * 4 // 5)
        measured = None if key is None else measure(key, knobs)
        if key is None or measured is None:
            continue
        length = len(measured.proof)
        if length not in open_places:
            if waited < DRAWS_PER_LENGTH:
                continue
            length = wanted[0]
        order = _shuffle(list(range(len(measured.sequent.premises))), words)
        naming = dict(zip(_ATOMS, _shuffle(list(_NAMES), words), strict=True))
        found[open_places[length].pop()] = Drawn(key, *rearranged(measured, naming, order))
        waited = 0
        if not open_places[length]:
            del open_places[length]
    return [found[place] for place in range(count)]


class _Drafts:
    """Sequents of one split before their proofs are searched, as canonical texts."""

    def __init__(self, knobs: Knobs, split: str, words: Words) -> None:
        self._knobs = knobs
        self._split = split
        self._words = words
        self._maker = Maker(knobs, words)
        self._may_be_idle = knobs.num_atoms == 1

    def draw(self, num_lines: int) -> str | None:
        """Returns a sequent made for proofs of ``num_lines`` lines, None if it is not usable."""
        premises, goal = self._maker.sequent(num_lines)
        if (
            goal in premises
            or not premises
            or not self._is_usual(goal)
            or not all(map(self._is_usual, premises))
        ):
            return None
        truth = [truth_of(premise) for premise in premises]
        goal_truth = truth_of(goal)
        if goal_truth == EVERYWHERE:
            return None
        kept = _needed(truth, goal_truth)
        rows = _rows([truth[place] for place in kept])
        if not rows:
            return None
        premises = [premises[place] for place in kept]
        if self._split == "ood_depth":
            premises, goal = self._deepen(premises, goal)
            if goal in premises or not self._is_usual(goal):
                return None
        return self._complete(premises, goal)

    def _deepen(self, premises: list[str], goal: str) -> tuple[list[str], str]:
        """Returns the sequent with premises, but not the last, as antecedents of the goal.

        Where there are too few for a deep proof, distractors are antecedents too.
        """
        depth = self._knobs.min_depth
        boxes = 1 + self._words.below(max(1, depth - 1))
        moved = min(boxes, len(premises) - 1)
        antecedents, premises = premises[:moved], premises[moved:]
        if depth >= MIN_DEEP:
            more = [self._maker.distractor() for _ in range(boxes - moved)]
            if self._are_fit([*premises, *antecedents, *more], goal, len(premises) + moved):
                antecedents += more
        for antecedent in antecedents:
            goal = ">" + antecedent + goal
        return premises, goal

    def _is_usual(self, formula: str) -> bool:
        return self._may_be_idle or not has_idle_part(formula)

    def _complete(self, premises: Sequence[str], goal: str) -> str | None:
        """Returns the sequent with its distractors, chosen so that it is in the split."""
        num_distractors = self._knobs.num_distractors
        for _ in range(DISTRACTOR_DRAWS if num_distractors else 1):
            chosen = list(premises)
            while len(chosen) < len(premises) + num_distractors:
                chosen.append(self._maker.distractor())
            if num_distractors and not self._are_fit(chosen, goal, len(premises)):
                continue
            key = canonical_polish(chosen, goal)
            if self._split not in HASHED_SPLITS or split_of(key) == self._split:
                return key
        return None

    def _are_fit(self, premises: Sequence[str], goal: str, num_needed: int) -> bool:
        """Returns whether the distractors, all but ``num_needed``, say something new and possible."""
        new = premises[num_needed:]
        truth = [truth_of(premise) for premise in premises]
        return (
            all(map(self._is_usual, new))
            and len({goal, *premises}) == 1 + len(premises)
            and (self._may_be_idle or (len(set(truth)) == len(truth) and EVERYWHERE not in truth))
            and _rows(truth) != 0
        )


def _rows(truths: Sequence[int]) -> int:
    rows = EVERYWHERE
    for truth in truths:
        rows &= truth
    return rows


def _needed(truth: Sequence[int], goal: int) -> list[int]:
    """Returns the places of premises of which none can be left out if the goal is to follow."""
    kept = list(range(len(truth)))
    for place in range(len(truth)):
        rest = [truth[other] for other in kept if other != place]
        if not _rows(rest) & ~goal:
            kept.remove(place)
    return kept


def _shuffle(items: list[_Item], words: Words) -> list[_Item]:
    for last in range(len(items) - 1, 0, -1):
        other = words.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items
