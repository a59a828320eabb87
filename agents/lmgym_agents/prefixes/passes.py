"""Which tokens of a call are new, and in which forward passes they are computed.

In: sorted rows and what a trie knows of them. Out: forward passes in the order in which they have to run;
after them every row is known. Left out: running them (``store``).

Tokens that a group of rows shares come first, as rows of their own. Then rows that share much read it
together, and all others read their paths each for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from lmgym_agents.decoding.attention import Plan
from lmgym_agents.decoding.kv_cache import IntArray, KVCache
from lmgym_agents.prefixes.groups import Group, group_rows
from lmgym_agents.prefixes.plans import NewRows, RowsPlan
from lmgym_agents.prefixes.trie import PrefixTrie

_MIN_TRUNK = 4  # new tokens of a trunk from which on a pass of its own pays
_MAX_TOKENS = 2048  # new tokens in one pass: beyond that a CPU gains nothing
_MAX_CELLS = 1 << 17  # cells that are copied for one layer of one pass


class PlanKind(Protocol):
    """Makes the plan of one pass; one of the classes of ``plans``."""

    def __call__(self, cache: KVCache, rows: NewRows, last: Tensor | None) -> Plan:
        """See ``RowsPlan``."""
        ...


class Pass(NamedTuple):
    """One forward pass."""

    kind: PlanKind
    rows: NewRows


def find_known(trie: PrefixTrie, rows: list[list[int]], overlaps: list[int]) -> list[list[int]]:
    """Returns the known part of each sorted row's path, and marks it as used.

    Args:
        trie: what is known.
        rows: sorted.
        overlaps: tokens that each row shares with the one before it.
    """
    paths: list[list[int]] = []
    touched: list[int] = []
    path: list[int] = []
    for row, overlap in zip(rows, overlaps, strict=True):
        is_known_so_far = len(path) >= overlap
        path = path[:overlap]
        if is_known_so_far:
            trie.follow(row, path)
            touched += path[overlap:]
        paths.append(path)
    trie.touch(touched)
    return paths


def plan_passes(
    trie: PrefixTrie,
    rows: list[list[int]],
    paths: list[list[int]],
    overlaps: IntArray,
    *,
    min_shared: int,
    together: PlanKind | None,
) -> list[Pass]:
    """Gives cells to all new tokens, completes ``paths`` in place and returns the passes that fill the cells.

    Args:
        trie: with enough free cells.
        rows: sorted.
        paths: the known part of each.
        overlaps: int64[m], tokens that each row shares with the one before it.
        min_shared: tokens from which on a trunk is read together.
        together: how it is; None: never.
    """
    active = [place for place, row in enumerate(rows) if len(paths[place]) < len(row)]
    if not active:
        return []
    starts = np.concatenate(([0], np.array(active[:-1], np.int64) + 1))
    groups = group_rows(np.minimum.reduceat(overlaps[: active[-1] + 1], starts).tolist())
    trunks, alone, side_by_side = _Tails(trie), _Tails(trie), _Tails(trie)
    group_of: list[Group | None] = [None] * len(active)
    for group in groups:
        place = active[group.first]
        is_shared = together is not None and group.trunk >= min_shared
        num_new = group.trunk - len(paths[place])
        if num_new >= (1 if is_shared else _MIN_TRUNK):
            trunks.add(rows[place][: group.trunk], paths[place][:])
        if is_shared:
            group_of[group.first : group.stop] = [group] * (group.stop - group.first)
    for place, of in zip(active, group_of, strict=True):
        (alone if of is None else side_by_side).add(rows[place], paths[place], of)
    trie.settle()
    passes = [Pass(RowsPlan, part) for tails in (trunks, alone) for part in tails.parts()]
    if together is not None:
        passes += [Pass(together, part) for part in side_by_side.parts()]
    return passes


class _Tails:
    """Rows with new tokens, in the order in which they were given cells."""

    def __init__(self, trie: PrefixTrie) -> None:
        self._trie = trie
        self._paths: list[list[int]] = []
        self._starts: list[int] = []
        self._groups: list[Group | None] = []

    def add(self, row: list[int], path: list[int], group: Group | None = None) -> None:
        """Completes the path of a row, and keeps it if any of its tokens was new."""
        self._trie.follow(row, path)
        if len(path) < len(row):
            self._starts.append(len(path))
            self._trie.insert(row, path)
            self._paths.append(path)
            self._groups.append(group)

    def parts(self) -> Iterator[NewRows]:
        """Yields them in parts of bounded size; a row never comes before one whose new tokens it reads."""
        first = num_tokens = num_cells = 0
        for place, path in enumerate(self._paths):
            tokens, group = len(path) - self._starts[place], self._groups[place]
            is_joining = group is not None and place > first and self._groups[place - 1] is group
            cells = len(path) - group.trunk if group is not None and is_joining else len(path)
            if place > first and (num_tokens + tokens > _MAX_TOKENS or num_cells + cells > _MAX_CELLS):
                yield self._part(first, place)
                first, num_tokens, num_cells = place, 0, 0
            num_tokens, num_cells = num_tokens + tokens, num_cells + cells
        if self._paths:
            yield self._part(first, len(self._paths))

    def _part(self, first: int, stop: int) -> NewRows:
        groups = self._groups[first:stop]
        is_next = [place > 0 and group is not groups[place - 1] for place, group in enumerate(groups)]
        numbers = np.cumsum(is_next)
        heads = np.searchsorted(numbers, np.arange(numbers[-1] + 1))
        trunks = [group.trunk if (group := groups[head]) is not None else 0 for head in heads]
        return NewRows(
            self._paths[first:stop],
            np.array(self._starts[first:stop], np.int64),
            numbers.astype(np.int64),
            np.array(trunks, np.int64),
        )
