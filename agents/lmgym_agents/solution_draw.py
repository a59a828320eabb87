"""Draws from the pool of solutions: problems in balance, old solutions beside new ones, pairs.

In: a pool, and a generator. Out: solutions to learn from, so drawn that every problem counts alike however
many solutions it has. Left out: filling the pool (``solution_pool``), and learning.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym_agents.solution_pool import ProblemRecord, Response, SolutionPool

Balance = Literal["none", "band", "hard"]
"""none: all problems alike; band: those solved now and then alone; hard: more of the seldom solved."""


class Draw:
    """Draws from a pool as it is now; a snapshot, to be made anew when the pool has changed.

    Args:
        pool: with the solutions.
        round: the one whose finds are new.
        replay_share: ρ, of the rows that go to solutions of earlier rounds, and to those of problems that
            were failed before they were solved, as far as there are any.
        in_proportion: old solutions get their share of all weights where that is more: for models that begin
            anew, to which no solution is old.
        balance: how problems are weighted by their rate p̂; see ``Balance``.
        band: lowest and highest p̂ of "band".
        with_wrong: only problems with a wrong response as well, for pairs.
    """

    def __init__(
        self,
        pool: SolutionPool,
        *,
        round: int,
        replay_share: float = 0.2,
        in_proportion: bool = False,
        balance: Balance = "none",
        band: tuple[float, float] = (0.3, 0.8),
        with_wrong: bool = False,
    ) -> None:
        if not 0 <= replay_share <= 1 or not 0 <= band[0] <= band[1] <= 1:
            raise InvalidValueError(
                f"replay_share must be in [0, 1] and the band rise within it, got {replay_share!r}, {band!r}."
            )
        picked = [r for r in pool.records.values() if r.right and (r.wrong or not with_wrong)]
        self.solutions: list[Response] = []
        self._wrong: list[list[Response]] = []
        weights, is_new = [], []
        for record in picked:
            share = _weight(record, round, balance, band) / len(record.right)
            for solution in record.right:
                self.solutions.append(solution)
                self._wrong.append(record.wrong)
                weights.append(share)
                is_new.append(record.last_round == round and solution.round == round)
        self.weights = np.array(weights, np.float64)
        """float64[n], of each solution: 1 / (solutions of its problem), times the balance."""
        new = np.array(is_new, np.bool_)
        was_failed = np.array([r.was_failed for r in picked for _ in r.right], np.bool_)
        self.new = self.weights * new
        self.old = self.weights * (~new | was_failed)
        share = float((self.weights * ~new).sum() / max(self.weights.sum(), 1e-300))
        self._old_share = max(replay_share, share) if in_proportion else replay_share

    def __len__(self) -> int:
        """Solutions that can be drawn."""
        return int(((self.new > 0) | (self.old > 0)).sum())

    def places(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Returns int64[count], places in ``solutions``, the replayed ones last; [0] if there are none."""
        if not len(self):
            return np.zeros(0, np.int64)
        num_old = round(count * self._old_share) if self.old.any() else 0
        num_old = num_old if self.new.any() else count
        parts = [
            rng.choice(len(weights), size, p=weights / weights.sum())
            for weights, size in ((self.new, count - num_old), (self.old, num_old))
            if size
        ]
        return np.concatenate(parts).astype(np.int64)

    def draw(self, rng: np.random.Generator, count: int) -> list[Response]:
        """Returns ``count`` solutions, with replacement; none if the pool has none that fit."""
        return [self.solutions[place] for place in self.places(rng, count).tolist()]

    def pairs(self, rng: np.random.Generator, count: int) -> list[tuple[Response, Response]]:
        """Returns ``count`` pairs (right, wrong) of one problem each; needs ``with_wrong``."""
        places = self.places(rng, count).tolist()
        picks = rng.random(len(places)).tolist()
        return [
            (self.solutions[place], self._wrong[place][int(pick * len(self._wrong[place]))])
            for place, pick in zip(places, picks, strict=True)
        ]


def _weight(record: ProblemRecord, round: int, balance: Balance, band: tuple[float, float]) -> float:
    """Returns how much a problem counts. p̂ of an earlier round says nothing of today's policy: 1."""
    if balance == "none" or record.last_round != round:
        return 1.0
    if balance == "hard":
        return 1.0 - record.rate + 1.0 / max(1, record.num_valid)
    return float(band[0] <= record.rate <= band[1])
