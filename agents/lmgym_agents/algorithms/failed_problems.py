"""Which problems were failed and not solved since: what is worth posing again.

Late in training most problems are solved and teach nothing; posing the failed ones again spends the samples
where there is something to learn. Source: the idea of Jiang et al. 2021, "Prioritized level replay", with
failure as the score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.rollout import Rollout


class FailedProblems:
    """At most ``capacity`` indices of problems, the latest failures last."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._index: dict[int, None] = {}  # a set that keeps its order

    def __len__(self) -> int:
        return len(self._index)

    def update(self, rollout: Rollout) -> None:
        """Forgets problems that were solved and remembers those that were not; failed rewards say nothing."""
        if not self._capacity:
            return
        solved = rollout.success.tolist()
        known = (~rollout.failed).tolist()
        index = rollout.problem_index.tolist()
        right = {i for i, is_right in zip(index, solved, strict=True) if is_right}
        for i, is_known in zip(index, known, strict=True):
            if is_known:
                self._index.pop(i, None)
                if i not in right:
                    self._index[i] = None
        for i in list(self._index)[: max(0, len(self._index) - self._capacity)]:
            del self._index[i]

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Returns up to ``count`` different ones, in random order."""
        index = np.array(list(self._index), np.int64)
        return rng.permutation(index)[:count]

    def state(self) -> NDArray[np.int64]:
        """Returns the indices in their order."""
        return np.array(list(self._index), np.int64)

    def restore(self, state: NDArray[np.int64]) -> None:
        """Goes back to what ``state`` returned."""
        self._index = dict.fromkeys(state.tolist())
