"""The tree that every search grows: nodes over immutable states, and what is known of each.

In: states, actions, numbers. Out: a tree that can be walked, drawn and learned from. Left out: in which order
it is grown (``a_star``, ``mcts``, ``beam``, ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from lmgym_agents.search.states import Action, SearchState

NodeStatus = Literal["open", "closed", "pruned", "goal", "dead"]
"""open: not expanded yet; closed: expanded; pruned: left out by a bound, a beam or a duplicate; goal: over,
and accepted; dead: over, and not accepted, or nothing can follow."""


@dataclass(slots=True, eq=False, kw_only=True)
class Node:
    """One state in a tree. Numbers that a search does not use keep their defaults."""

    state: SearchState | None
    """None: the edge was scored, but its state has never been made (partial expansion)."""
    parent: Node | None = None
    action: Action = ()
    """What led here from the parent."""
    depth: int = 0
    """Actions from the root."""
    logp: float = 0.0
    """log π(action | parent), the policy's own, nats; 0 at the root."""
    path_logp: float = 0.0
    """Sum of ``logp`` from the root to here."""
    cost: float = 0.0
    """g: cost from the root to here."""
    estimate: float = 0.0
    """What the order of expansion goes by: f in best-first searches, the score in a beam."""
    value: float | None = None
    """Expected return from here on, by the leaf's evaluation; None: not evaluated."""
    visits: int = 0
    total: float = 0.0
    """Sum of the values backed up through here; ``total / visits`` is the mean."""
    prior: float = 0.0
    """Probability of the action among its siblings in the tree."""
    order: int = -1
    """When it was expanded, from 0; -1: never."""
    status: NodeStatus = "open"
    children: list[Node] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        """Mean of what was backed up; None: no visit yet."""
        return self.total / self.visits if self.visits else None

    @property
    def path(self) -> list[Node]:
        """Nodes from the root to here, both included."""
        found, node = [self], self.parent
        while node is not None:
            found.append(node)
            node = node.parent
        return found[::-1]

    def walk(self) -> Iterator[Node]:
        """Yields this node and all below it, parents first, without recursion."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))
