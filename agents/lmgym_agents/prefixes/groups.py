"""Rows of tokens in the order of a trie, and the groups of rows that share a trunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.decoding.kv_cache import IntArray
from lmgym_agents.decoding.request_checks import check_ids


class SortedRows(NamedTuple):
    """Different rows in lexicographic order, a prefix before what extends it."""

    rows: list[list[int]]
    overlaps: IntArray
    """int64[m], tokens that each row shares with the one before it; 0 for the first."""
    places: IntArray
    """int64[n], where each of the given rows stands among them; equal rows stand at one place."""


def sort_rows(rows: Sequence[Sequence[int] | NDArray[np.int64]], vocab_size: int) -> SortedRows:
    """Returns n rows, none of them empty, sorted and without repetitions.

    Raises:
        TokenOutOfVocabularyError: an id that is not in [0, vocab_size).
    """
    lengths = np.array([len(row) for row in rows])
    ids = np.zeros((len(rows), int(lengths.max()) + 1), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    check_ids(ids.ravel(), "a row", vocab_size)
    ids += np.arange(ids.shape[1]) < lengths[:, None]  # 0 beyond the end: a prefix comes first
    order = ids.astype(">u4").view(f"S{4 * ids.shape[1]}")[:, 0].argsort(kind="stable")
    ids, lengths = ids[order], lengths[order]
    differs = ids[1:] != ids[:-1]
    differs[:, -1] = True
    overlaps = np.minimum(differs.argmax(1), np.minimum(lengths[1:], lengths[:-1]))
    overlaps = np.concatenate(([0], overlaps)).astype(np.int64)
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (overlaps[1:] < lengths[1:]) | (lengths[:-1] != lengths[1:])
    places = np.empty(len(rows), np.int64)
    places[order] = is_new.cumsum() - 1
    kept = is_new.nonzero()[0]
    ids -= 1
    return SortedRows([ids[place, : lengths[place]].tolist() for place in kept], overlaps[kept], places)


class Group(NamedTuple):
    """Neighbouring rows first … stop-1 and the number of first tokens that all of them share."""

    first: int
    stop: int
    trunk: int


def group_rows(overlaps: Sequence[int]) -> list[Group]:
    """Returns groups of sorted rows, each all rows below a node of their trie, that have most to share.

    Of all such groups those are taken, no two with a row in common, whose sum of trunk * (rows - 1) is the
    largest.

    Args:
        overlaps: tokens that each row shares with the one before it; that of the first is not looked at.

    Returns:
        The groups in order. Tokens that are shared by rows of different groups, or by a row without a group
        and another, lie on the trunk of some group.
    """
    open_nodes: list[_Node] = []  # inner nodes of the trie on the path to the present row, the deepest last
    groups: list[Group] = []
    for place in range(1, len(overlaps) + 1):
        overlap = overlaps[place] if place < len(overlaps) else 0
        first = place - 1
        while open_nodes and open_nodes[-1].trunk > overlap:
            node = open_nodes.pop()
            first = node.first
            best = node.close(place)
            if open_nodes and open_nodes[-1].trunk >= overlap:
                open_nodes[-1].add(best)
            elif overlap:
                open_nodes.append(_Node(first, overlap, best))
            else:
                groups += best.groups
        if overlap and (not open_nodes or open_nodes[-1].trunk < overlap):
            open_nodes.append(_Node(first, overlap))
    return groups


class _Best(NamedTuple):
    saved: int
    groups: list[Group]


class _Node:
    """An inner node of the trie: rows from ``first`` on share ``trunk`` tokens."""

    __slots__ = ("_groups", "_saved", "first", "trunk")

    def __init__(self, first: int, trunk: int, best: _Best | None = None) -> None:
        self.first, self.trunk = first, trunk
        self._saved, self._groups = (best.saved, best.groups) if best else (0, [])

    def add(self, best: _Best) -> None:
        self._saved += best.saved
        self._groups += best.groups

    def close(self, stop: int) -> _Best:
        """Returns the better of one group for all rows and the groups below."""
        whole = self.trunk * (stop - self.first - 1)
        if whole >= self._saved:
            return _Best(whole, [Group(self.first, stop, self.trunk)])
        return _Best(self._saved, self._groups)
