"""The tree of one problem while Monte-Carlo tree search grows it: statistics as arrays, one set a state.

In: candidates and values of states. Out: which state to look at next, which action to take, and in the end
plain nodes. Left out: models, budgets, many problems at once (``mcts``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.search.gumbel import (
    Counts,
    halving_schedule,
    interior_scores,
    root_scores,
    transformed_q,
)
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.puct import Floats, puct_scores
from lmgym_agents.search.states import Action, SearchState, Transitions
from lmgym_agents.search.tree import Node, NodeStatus

_NO_COUNTS: Counts = np.zeros(0, np.int64)
_NO_FLOATS: Floats = np.zeros(0)


@dataclass(slots=True, eq=False, kw_only=True)
class Branch:
    """One state that a simulation has come to, with what is known of its k actions."""

    state: SearchState
    parent: Branch | None = None
    place: int = 0
    """Which of the parent's actions led here."""
    path_logp: float = 0.0
    actions: tuple[Action, ...] = ()
    logps: Floats = field(default_factory=lambda: _NO_FLOATS)
    logits: Floats = field(default_factory=lambda: _NO_FLOATS)
    """Log of the prior P(a|s)."""
    prior: Floats = field(default_factory=lambda: _NO_FLOATS)
    q: Floats | None = None
    """What a Q function says of the actions."""
    visits: Counts = field(default_factory=lambda: _NO_COUNTS)
    totals: Floats = field(default_factory=lambda: _NO_FLOATS)
    """Sums of the values backed up through each action."""
    is_closed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Actions below which all is known."""
    below: list[Branch | None] = field(default_factory=list)
    raw_value: float = 0.0
    """The state's own evaluation."""
    num_visits: int = 0
    total: float = 0.0
    order: int = -1
    status: NodeStatus = "open"

    @property
    def mean(self) -> float:
        """V(s): mean of what was backed up through here."""
        return self.total / self.num_visits if self.num_visits else self.raw_value

    def means(self, config: MCTSConfig) -> Floats:
        """Returns the mean value of each action, float64[k]; of unvisited ones as ``config`` has it."""
        is_visited = self.visits > 0
        visited = self.totals / np.maximum(self.visits, 1)
        if config.unvisited == "lowest":
            low = min(self.mean, float(visited[is_visited].min(initial=np.inf)))
            return np.where(is_visited, visited, low)
        assumed = self.q if config.unvisited == "q" and self.q is not None else self.mean
        return np.where(is_visited, visited, assumed)

    def open_up(self, actions: tuple[Action, ...], logps: Floats, logits: Floats, q: Floats | None) -> None:
        """Sets the candidate actions, of which there is at least one."""
        count = len(actions)
        self.actions, self.logps, self.logits, self.q = actions, logps, logits, q
        self.prior = np.exp(logits)
        self.visits, self.totals = np.zeros(count, np.int64), np.zeros(count)
        self.is_closed, self.below = np.zeros(count, np.bool_), [None] * count
        self.status = "closed"


class GrowingTree:
    """A tree, and the branch that decisions are made at (the root, until an action is taken)."""

    def __init__(self, state: SearchState, config: MCTSConfig) -> None:
        """Starts with the root alone, not evaluated yet."""
        self.root = self.top = Branch(state=state)
        self._config = config
        self._before: Counts = _NO_COUNTS
        self._gumbel: Floats = _NO_FLOATS

    def begin_decision(self, noise: np.random.Generator) -> None:
        """Gets ready for the simulations of one decision at ``top``, which has candidates."""
        self._before = self.top.visits.copy()
        if self._config.root == "gumbel":
            self._gumbel = noise.gumbel(size=len(self._before)) * self._config.gumbel_scale

    def descend(self, simulation: int, transitions: Transitions) -> Branch:
        """Walks from ``top`` by the rule of choice to an end or to a new state, which is returned.

        Args:
            simulation: number of this walk in its decision, from 0.
            transitions: makes the new state.
        """
        branch, place = self.top, self._choose_at_top(simulation)
        while (following := branch.below[place]) is not None:
            branch = following
            if not branch.actions:
                return branch
            place = self._choose_below(branch)
        action = branch.actions[place]
        made = Branch(
            state=transitions.apply(branch.state, action), parent=branch, place=place,
            path_logp=branch.path_logp + float(branch.logps[place]),
        )  # fmt: skip
        branch.below[place] = made
        return made

    def back_up(self, branch: Branch, value: float) -> None:
        """Counts a visit worth ``value`` at a branch and at all above it, up to the first root."""
        is_closed = not branch.actions
        while True:
            branch.num_visits += 1
            branch.total += value
            parent = branch.parent
            if parent is None:
                return
            parent.visits[branch.place] += 1
            parent.totals[branch.place] += value
            if is_closed:
                parent.is_closed[branch.place] = True
                is_closed = bool(parent.is_closed.all())
            branch = parent

    @property
    def is_exhausted(self) -> bool:
        """Nothing below ``top`` is unknown."""
        return bool(self.top.is_closed.all())

    def decide(self) -> int:
        """Returns the place of the action to take at ``top``: the most visited, or what the halving has left.

        Equal visits: the better mean, then the likelier action.
        """
        fresh = self.top.visits - self._before
        if self._config.root == "gumbel" and fresh.any():
            return int(self._gumbel_scores(fresh, int(fresh.max())).argmax())
        return most_visited(self.top)

    def commit(self, place: int) -> None:
        """Takes an action that has been visited."""
        following = self.top.below[place]
        assert following is not None, (place, self.top.visits)
        self.top = following

    def _choose_at_top(self, simulation: int) -> int:
        if self._config.root == "puct":
            return self._puct(self.top)
        fresh = self.top.visits - self._before
        considered = min(self._config.num_considered, len(fresh))
        schedule = halving_schedule(considered, self._config.max_simulations)
        return int(self._gumbel_scores(fresh, schedule[simulation]).argmax())

    def _gumbel_scores(self, fresh: Counts, num_visits: int) -> Floats:
        return root_scores(self._gumbel, self.top.logits, self._sigma(self.top), fresh, num_visits)

    def _choose_below(self, branch: Branch) -> int:
        if self._config.root == "puct":
            return self._puct(branch)
        return int(interior_scores(branch.logits, self._sigma(branch), branch.visits).argmax())

    def _sigma(self, branch: Branch) -> Floats:
        config = self._config
        return transformed_q(
            branch.raw_value, branch.logits, branch.visits, branch.means(config),
            c_visit=config.c_visit, c_scale=config.c_scale, rescale=config.rescale_values,
        )  # fmt: skip

    def _puct(self, branch: Branch) -> int:
        config = self._config
        scores = puct_scores(
            branch.prior, branch.visits, branch.means(config),
            node_visits=branch.num_visits, node_value=branch.mean, c1=config.c1, c2=config.c2,
        )  # fmt: skip
        if config.skip_finished:
            scores = np.where(branch.is_closed, -np.inf, scores)
        return int(scores.argmax())


def most_visited(branch: Branch) -> int:
    """Returns the place of the most visited action; of equals the better mean, then the likelier one."""
    means = branch.totals / np.maximum(branch.visits, 1)
    return int(np.lexsort((branch.prior, means, branch.visits))[-1])


def make_nodes(tree: GrowingTree) -> tuple[Node, dict[int, Node]]:
    """Returns the tree as plain nodes, actions never tried included, and the node of each branch by id()."""
    found: dict[int, Node] = {}
    taken = set[int]()
    above: Branch | None = tree.top
    while above is not None:
        taken.add(id(above))
        above = above.parent
    waiting = [tree.root]
    while waiting:
        branch = waiting.pop()
        node = found.get(id(branch)) or Node(state=branch.state)
        found[id(branch)] = node
        node.value, node.visits, node.total = branch.raw_value, branch.num_visits, branch.total
        node.order, node.status = branch.order, branch.status
        is_left = branch is not tree.top and id(branch) in taken
        for place, below in enumerate(branch.below):
            child = _make_child(node, branch, place)
            node.children.append(child)
            if below is not None:
                child.state = below.state
                found[id(below)] = child
                waiting.append(below)
            elif is_left:
                child.status = "pruned"
    return found[id(tree.root)], found


def _make_child(node: Node, branch: Branch, place: int) -> Node:
    logp = float(branch.logps[place])
    return Node(
        state=None, parent=node, action=branch.actions[place], depth=node.depth + 1, logp=logp,
        path_logp=node.path_logp + logp, prior=float(branch.prior[place]),
        estimate=0.0 if branch.q is None else float(branch.q[place]),
    )  # fmt: skip
