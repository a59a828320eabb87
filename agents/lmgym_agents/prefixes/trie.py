"""Which cells of a pool hold the keys and values of which tokens: a trie of token rows, and its eviction.

A cell holds one token after one prefix. Cell 0 stands for the empty prefix, is the parent of all first tokens
and never holds anything. In: rows of tokens. Out: the cells on their paths. Left out: the pool itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmgym_agents.decoding.kv_cache import IntArray

_SLACK = 16  # a sixteenth more is evicted than is needed at once, so that the search for it is rare


class PrefixTrie:
    """Cells 1 … ``max_tokens`` by the tokens that lead to them."""

    def __init__(self, max_tokens: int, vocab_size: int) -> None:
        self.max_tokens = max_tokens
        self.num_evicted = 0
        """Tokens that were forgotten to make room, so far."""
        self._vocab_size = vocab_size
        self._keys = np.zeros(max_tokens + 1, np.int64)  # parent * vocab_size + token, by cell
        self._depths = np.zeros(max_tokens + 1, np.int64)
        self._last_used = np.zeros(max_tokens + 1, np.int64)
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._children: dict[int, int] = {}  # cells by their keys
        self._unsettled: list[tuple[int, int, int]] = []  # cell, key and depth
        self._free = list(range(self.max_tokens, 0, -1))  # the lowest cell is taken first
        self._last_used[:] = 0
        self._clock = 0

    def __len__(self) -> int:
        return len(self._children)

    def tokens(self, cells: IntArray) -> IntArray:
        """Returns the token that each cell holds."""
        return self._keys[cells] % self._vocab_size

    def begin(self) -> None:
        """Begins a round: what is touched in it is not evicted before the next one begins."""
        self._clock += 1

    def follow(self, row: Sequence[int], path: list[int]) -> None:
        """Adds the cells of the row's next tokens to ``path`` as far as they are held."""
        children, width = self._children, self._vocab_size
        cell = path[-1] if path else 0
        for token in row[len(path) :]:
            found = children.get(cell * width + token)
            if found is None:
                return
            path.append(found)
            cell = found

    def touch(self, cells: Sequence[int]) -> None:
        """Marks cells as used in this round; whoever touches a cell touches all its ancestors."""
        self._last_used[list(cells)] = self._clock

    def insert(self, row: Sequence[int], path: list[int]) -> None:
        """Gives a cell to each of the row's tokens beyond ``path`` and adds it there; there must be room.

        ``settle`` has to follow before anything else than ``follow`` and ``insert``.
        """
        children, width, free, unsettled = self._children, self._vocab_size, self._free, self._unsettled
        cell = path[-1] if path else 0
        for depth in range(len(path), len(row)):
            key = cell * width + row[depth]
            children[key] = cell = free.pop()
            path.append(cell)
            unsettled.append((cell, key, depth))

    def settle(self) -> None:
        """Notes what was inserted, all at once."""
        if self._unsettled:
            cells, keys, depths = np.array(self._unsettled, np.int64).T
            self._keys[cells], self._depths[cells], self._last_used[cells] = keys, depths, self._clock
            self._unsettled.clear()

    def make_room(self, count: int) -> None:
        """Evicts until ``count`` cells are free: least recently used ones first, leaves before their parents.

        An ancestor is used whenever its descendant is, so the order by (last use, depth from below) never
        takes a parent before its child.
        """
        if len(self._free) >= count:
            return
        count += self.max_tokens // _SLACK
        held = ((self._last_used > 0) & (self._last_used < self._clock)).nonzero()[0]
        order = np.lexsort((-self._depths[held], self._last_used[held]))
        victims = held[order[: count - len(self._free)]]
        for key in self._keys[victims].tolist():
            del self._children[key]
        self._last_used[victims] = 0
        self._free.extend(victims[::-1].tolist())
        self.num_evicted += len(victims)
