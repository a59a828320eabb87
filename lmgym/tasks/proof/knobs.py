"""What propositional problems of proof are made of: the knobs, their values, and the levels that set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Connective = Literal["and", "or", "implies", "iff", "not"]
Logic = Literal["any", "intuitionistic", "classical"]

CONNECTIVES: Final[tuple[Connective, ...]] = ("and", "or", "implies", "iff", "not")
EXTRA_LINES: Final = 3
"""Lines that "ood_length" adds to the longest proofs of a level."""
OOD_SPLITS: Final = ("ood_length", "ood_depth")


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the problems. Lines and depths are those of the proof that comes with a problem."""

    min_lines: int
    """Lines after the premises, at the least."""
    max_lines: int
    min_depth: int = 0
    """Boxes inside one another, at the least."""
    max_depth: int = 0
    connectives: tuple[Connective, ...] = CONNECTIVES
    """Those that problems are made of; others can come in as part of a classical rule."""
    num_atoms: int = 3
    """Different atoms of premises and goal, at most; they are drawn from as many names."""
    num_distractors: int = 0
    """Premises without which the goal follows as well."""
    logic: Logic = "any"
    """Whether a proof needs a classical rule ("classical"), needs none, or either."""
    max_states: int = 60
    """States that the search for a shortest proof may look into; beyond, a natural proof is kept."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))


LEVELS: Final[Mapping[int, Knobs]] = {
    1: Knobs(min_lines=1, max_lines=2, connectives=("and", "or", "implies"), logic="intuitionistic"),
    2: Knobs(
        min_lines=2, max_lines=3, connectives=("and", "or", "implies"), num_atoms=4, num_distractors=1,
        logic="intuitionistic",
    ),
    3: Knobs(min_lines=2, max_lines=4, num_atoms=4, num_distractors=1, logic="intuitionistic"),
    4: Knobs(
        min_lines=3, max_lines=5, min_depth=1, max_depth=1, connectives=("and", "or", "implies"),
        logic="intuitionistic",
    ),
    5: Knobs(min_lines=4, max_lines=6, min_depth=1, max_depth=1, num_atoms=4, logic="intuitionistic"),
    6: Knobs(min_lines=5, max_lines=8, min_depth=1, max_depth=2, num_atoms=4, logic="intuitionistic"),
    7: Knobs(min_lines=2, max_lines=6, max_depth=2, logic="classical"),
    8: Knobs(
        min_lines=6, max_lines=9, min_depth=1, max_depth=2, num_atoms=4, num_distractors=1,
        max_states=50,
    ),
    9: Knobs(
        min_lines=7, max_lines=11, min_depth=1, max_depth=3, num_atoms=5, num_distractors=2,
        logic="classical", max_states=30,
    ),
    10: Knobs(
        min_lines=9, max_lines=14, min_depth=2, max_depth=4, num_atoms=5, num_distractors=3, max_states=20,
    ),
}  # fmt: skip
"""The knobs of each level."""


def knobs_of_split(knobs: Knobs, split: str) -> Knobs:
    """Returns the knobs that the problems of ``split`` are drawn with.

    The proofs of "ood_length" are longer than any of the level, those of "ood_depth" have one box more inside
    one another and up to four lines more.
    """
    if split == "ood_length":
        return dataclasses.replace(
            knobs, min_lines=knobs.max_lines + 1, max_lines=knobs.max_lines + EXTRA_LINES
        )
    if split == "ood_depth":
        depth = knobs.max_depth + 1
        return dataclasses.replace(
            knobs,
            min_lines=max(knobs.min_lines, 2 * depth + 1),
            max_lines=max(knobs.max_lines, 2 * depth + 1) + 4,
            min_depth=depth,
            max_depth=depth,
        )
    return knobs
