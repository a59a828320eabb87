"""Which problem comes next: row r's e-th problem under seed s is a pure function of (s, r, e).

Comes in: seeds, rows, a split and a task. Goes out: problems. Left out: episodes, and problems that a
caller picks by index.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lmgym.records import Problem
from lmgym.seeding import make_sequence
from lmgym.tasks.base import Task

BLOCK = 64
"""Episodes of a row that draw neighbouring indices, so that tasks can make problems by the block."""
DRAWN = 16
"""Blocks whose places are drawn at once."""


def problem_index(seed: int, row: int, episode: int) -> int:
    """Returns the index, in [0, 2**63), of ``row``'s problem number ``episode`` under ``seed``.

    Every 64 episodes have a random multiple of 64, to which episode % 64 is added, so a row's neighbouring
    episodes lie side by side. These multiples are random bits at the path (seed, row, episode // 1024):
    rows and seeds share nothing.
    """
    block, offset = divmod(episode, BLOCK)
    number, place = divmod(block, DRAWN)
    return _block_starts(seed, row, number)[place] + offset


@lru_cache(maxsize=4096)
def _block_starts(seed: int, row: int, number: int) -> list[int]:
    """Returns the first indices of ``DRAWN`` blocks; making the generator is what costs, so they share it."""
    words = make_sequence(seed, "problems", row, number).generate_state(DRAWN, np.uint64)
    return [(word >> 1) & ~(BLOCK - 1) for word in words.tolist()]


class RowProblems:
    """The next problems of B rows; ``seeds`` and ``episodes`` (numbers of the next ones) are its state."""

    def __init__(self, num_rows: int) -> None:
        self.seeds: list[int] = [0] * num_rows
        self.episodes: list[int] = [0] * num_rows
        self.addresses: list[int] = list(range(num_rows))
        """Row number in the path, other than the position only where a single environment plays a row."""
        self._made_for = ("", "")
        """(task, split) that ``_stacks`` were made for."""
        self._stacks: list[list[Problem]] = [[] for _ in range(num_rows)]
        """The rest of each row's block, the next problem last."""

    def reseed(self, rows: NDArray[np.int64], seed: int) -> None:
        """Lets ``rows`` begin anew under ``seed``."""
        for row in rows.tolist():
            self.seeds[row] = seed
            self.episodes[row] = 0
            self._stacks[row] = []

    def readdress(self, row: int, address: int) -> None:
        """Lets ``row`` play the problems of the row number ``address`` from now on."""
        self.addresses[row] = address
        self._stacks[row] = []

    def draw(self, rows: NDArray[np.int64], task: Task, split: str) -> list[Problem]:
        """Returns the next problem of each of ``rows`` and moves these rows on."""
        if self._made_for != (task.fingerprint, split):
            self._made_for = (task.fingerprint, split)
            self._stacks = [[] for _ in self._stacks]
        stacks, episodes = self._stacks, self.episodes
        problems = []
        for row in rows.tolist():
            stack = stacks[row]
            if not stack:
                stack = stacks[row] = self._make_stack(row, task, split)
            problems.append(stack.pop())
            episodes[row] += 1
        return problems

    def _make_stack(self, row: int, task: Task, split: str) -> list[Problem]:
        number, offset = divmod(self.episodes[row], BLOCK)
        first = problem_index(self.seeds[row], self.addresses[row], number * BLOCK)
        stack = task.problems(split, range(first + offset, first + BLOCK))
        stack.reverse()
        return stack

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = type(self)(0)
        copy.seeds, copy.episodes, copy.addresses = (
            list(self.seeds),
            list(self.episodes),
            list(self.addresses),
        )
        copy._made_for = self._made_for
        copy._stacks = [list(stack) for stack in self._stacks]
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
        self._stacks = [[] for _ in self._stacks]
