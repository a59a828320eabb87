"""What problems of each level are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Source = Literal["walk", "theorem", "computation"]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the problems of a level."""

    theories: tuple[str, ...]
    """Each as likely."""
    source: Source
    """"walk": a term and what a random walk makes of it; "theorem": an instance of a theorem that has a name;
    "computation": a piece of the way from a term of numbers to its value."""
    min_lines: int
    max_lines: int
    """Lines of the constructed proof."""
    size: int
    """Symbols of the term that a walk begins with, at most."""
    max_size: int
    """Symbols of any term of a proof, at most."""
    num_hypotheses: int = 0
    """Hypotheses, one of which at least the constructed proof of a walk uses."""
    num_distractors: int = 0
    """Further hypotheses that it does not use."""
    has_walk: bool = False
    """Whether a random walk leads on from an instance of a theorem."""

    @property
    def max_term_chars(self) -> int:
        """Characters of a term of a constructed proof, at most."""
        return 2 * self.max_size

    @property
    def max_claim_chars(self) -> int:
        """Characters of the hypotheses and the goal, at most, without the names of hypotheses."""
        return 4 * self.max_size + 10 * self.num_all_hypotheses

    @property
    def num_all_hypotheses(self) -> int:
        """Hypotheses at most; theorems have two of their own at most."""
        return self.num_distractors + (2 if self.source == "theorem" else self.num_hypotheses)


_ALGEBRA = ("group", "ring", "boolean")

LEVELS: Mapping[int, Knobs] = {
    1: Knobs(theories=("group",), source="walk", min_lines=1, max_lines=2, size=7, max_size=12),
    2: Knobs(theories=("group", "ring"), source="walk", min_lines=2, max_lines=3, size=8, max_size=14),
    3: Knobs(theories=_ALGEBRA, source="walk", min_lines=2, max_lines=4, size=9, max_size=16),
    4: Knobs(theories=("peano",), source="computation", min_lines=2, max_lines=7, size=10, max_size=20),
    5: Knobs(
        theories=_ALGEBRA, source="walk", min_lines=2, max_lines=4, size=7, max_size=16, num_hypotheses=1,
        num_distractors=1,
    ),
    6: Knobs(
        theories=_ALGEBRA, source="theorem", min_lines=2, max_lines=6, size=4, max_size=24, has_walk=True
    ),
    7: Knobs(
        theories=("peano",), source="theorem", min_lines=4, max_lines=10, size=5, max_size=24, has_walk=True
    ),
    8: Knobs(
        theories=_ALGEBRA, source="walk", min_lines=4, max_lines=6, size=9, max_size=20, num_hypotheses=2,
        num_distractors=2,
    ),
    9: Knobs(
        theories=_ALGEBRA, source="theorem", min_lines=6, max_lines=11, size=3, max_size=30, has_walk=True,
        num_distractors=1,
    ),
    10: Knobs(
        theories=("peano",), source="theorem", min_lines=8, max_lines=18, size=5, max_size=30, has_walk=True,
        num_distractors=1,
    ),
}  # fmt: skip
"""The knobs of each level; docs/environments/equation.md shows the same table with examples."""
EXTRA_LINES = 3
"""Lines that the proofs of "ood_length" have more than ``max_lines``, at most; one at least."""
