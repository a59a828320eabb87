"""What a best-first search may go on with: a heap of edges, or of states that are expanded as a whole.

In: families (a node with its candidates) and their priorities. Out: the edge or state of least f. Equals: the
deeper first, then the one that was pushed first, then the likelier.

Of a family only its best edge lies in the heap; the next one follows when it is popped. Pushing k children
thus costs one heap operation, and no child's state is made before its turn.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.priorities import Priorities
from lmgym_agents.search.tree import Node


class Family(NamedTuple):
    """A node, its candidates and their numbers, as plain lists: single numbers are what is asked for."""

    node: Node
    found: Candidates | None
    """None: the node is over."""
    ranked: list[int]
    """Places of the candidates that can be ordered, best first."""
    f: list[float]
    g: list[float]
    bound: list[float]

    def child(self, at: int) -> Node:
        """Returns the node behind the candidate at place ``at``, its state not made yet."""
        assert self.found is not None
        logp, q = float(self.found.logps[at]), self.found.q
        return Node(
            state=None,
            parent=self.node,
            action=self.found.actions[at],
            depth=self.node.depth + 1,
            logp=logp,
            path_logp=self.node.path_logp + logp,
            cost=self.g[at],
            estimate=self.f[at],
            value=None if q is None else float(q[at]),
        )


def make_family(node: Node, found: Candidates, numbers: Priorities) -> Family:
    """Returns a family; candidates whose f is not finite are not among its ``ranked``."""
    order = np.argsort(numbers.f, kind="stable")
    ranked = order[np.isfinite(numbers.f[order])].tolist()
    return Family(node, found, ranked, numbers.f.tolist(), numbers.g.tolist(), numbers.bound.tolist())


_Entry = tuple[float, int, int, int, Family]
_WHOLE = -1


class Frontier:
    """The heap of one problem."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._num_pushed = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, family: Family) -> None:
        """Adds a family edge by edge."""
        if family.ranked:
            self._put(family.f[family.ranked[0]], family, 0)

    def push_whole(self, family: Family, f: float) -> None:
        """Adds a state that gives up all of its edges when it is popped."""
        self._put(f, family, _WHOLE)

    def _put(self, f: float, family: Family, rank: int) -> None:
        heapq.heappush(self._heap, (f, -family.node.depth, self._num_pushed, rank, family))
        self._num_pushed += 1

    @property
    def least(self) -> float:
        """The f of what is popped next; inf: nothing."""
        return self._heap[0][0] if self._heap else float("inf")

    def peek(self) -> tuple[Family, list[int]]:
        """Returns what ``pop`` would."""
        _, _, _, rank, family = self._heap[0]
        return family, family.ranked if rank == _WHOLE else family.ranked[rank : rank + 1]

    def pop(self) -> tuple[Family, list[int]]:
        """Removes the best entry and returns its family, with the places of the edges that it stands for."""
        _, depth, number, rank, family = self._heap[0]
        if rank == _WHOLE:
            heapq.heappop(self._heap)
            return family, family.ranked
        if rank + 1 < len(family.ranked):  # the next sibling keeps the family's number
            after = (family.f[family.ranked[rank + 1]], depth, number, rank + 1, family)
            heapq.heapreplace(self._heap, after)
        else:
            heapq.heappop(self._heap)
        return family, family.ranked[rank : rank + 1]

    def open_edges(self) -> Iterator[tuple[Family, int]]:
        """Yields every edge that has not been popped."""
        for _, _, _, rank, family in self._heap:
            for at in family.ranked[max(rank, 0) :]:
                yield family, at

    def least_bound(self) -> float:
        """Returns the least ``bound`` of all open edges; inf: there is none."""
        return min((family.bound[at] for family, at in self.open_edges()), default=float("inf"))
