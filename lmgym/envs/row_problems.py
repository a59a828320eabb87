"""Which problem comes next: row r's e-th problem under seed s is a pure function of (s, r, e).

Comes in: seeds, rows, a split and a task. Goes out: problems. Left out: episodes, and problems that a
caller picks by index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym.tasks.base import Task

BLOCK = 64
"""Episodes of a row that draw neighbouring indices, so that tasks can make problems by the block."""


def problem_index(seed: int, row: int, episode: int) -> int:
    """Returns the index, in [0, 2**63), of ``row``'s problem number ``episode`` under ``seed``.

    The path (seed, row, episode // 64) names a random multiple of 64, to which episode % 64 is added: rows
    and seeds share nothing, and a row's neighbouring episodes lie side by side.
    """
    block, offset = divmod(episode, BLOCK)
    base = (make_key(seed, "problems", row, block) >> 1) & ~(BLOCK - 1)
    return base + offset


class _Block(NamedTuple):
    address: tuple[int, int, int, str, str]
    problems: list[Problem]


class RowProblems:
    """The next problems of B rows; ``seeds`` and ``episodes`` (numbers of the next ones) are its state."""

    def __init__(self, num_rows: int) -> None:
        self.seeds: list[int] = [0] * num_rows
        self.episodes: list[int] = [0] * num_rows
        self.addresses: list[int] = list(range(num_rows))
        """Row number in the path, other than the position only where a single environment plays a row."""
        self._blocks: list[_Block | None] = [None] * num_rows

    def reseed(self, rows: NDArray[np.int64], seed: int) -> None:
        """Lets ``rows`` begin anew under ``seed``."""
        for row in rows.tolist():
            self.seeds[row] = seed
            self.episodes[row] = 0

    def draw(self, rows: NDArray[np.int64], task: Task, split: str) -> list[Problem]:
        """Returns the next problem of each of ``rows`` and moves these rows on."""
        fingerprint = task.fingerprint
        return [self._draw(row, task, fingerprint, split) for row in rows.tolist()]

    def _draw(self, row: int, task: Task, fingerprint: str, split: str) -> Problem:
        episode = self.episodes[row]
        self.episodes[row] = episode + 1
        number, offset = divmod(episode, BLOCK)
        address = (self.seeds[row], self.addresses[row], number, split, fingerprint)
        block = self._blocks[row]
        if block is None or block.address != address:
            first = problem_index(self.seeds[row], self.addresses[row], number * BLOCK)
            block = _Block(address, task.problems(split, range(first, first + BLOCK)))
            self._blocks[row] = block
        return block.problems[offset]

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = type(self)(0)
        copy.seeds, copy.episodes = list(self.seeds), list(self.episodes)
        copy.addresses, copy._blocks = list(self.addresses), list(self._blocks)
        return copy

    def get_state(self) -> dict[str, list[int]]:
        return {
            "seeds": list(self.seeds),
            "episodes": list(self.episodes),
            "addresses": list(self.addresses),
        }

    def set_state(self, state: dict[str, Sequence[int]]) -> None:
        self.seeds = [int(seed) for seed in state["seeds"]]
        self.episodes = [int(episode) for episode in state["episodes"]]
        self.addresses = [int(address) for address in state["addresses"]]
