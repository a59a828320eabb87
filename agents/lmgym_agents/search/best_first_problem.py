"""One problem of a best-first search: its frontier, what it has reached, its answers and bounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from lmgym.records import Problem
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.completion import verified
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.frontier import Family, Frontier, make_family
from lmgym_agents.search.priorities import aggregate, prioritise
from lmgym_agents.search.results import Candidate, SearchResult
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.search.tree import Node

KeyOf = Callable[[SearchState], Hashable]
KEYS: dict[str, KeyOf] = {
    "tokens": lambda state: state.tokens,
    "task_state": lambda state: (state.task_state, state.partial),
}


class ProblemSearch:
    """Pops states to expand and takes their expansions, round by round, until ``account.stop`` is set."""

    def __init__(
        self,
        problem: Problem,
        transitions: Transitions,
        config: BestFirstConfig,
        account: Account,
        key_of: KeyOf,
    ) -> None:
        state = transitions.start(problem)
        self.problem, self.account = problem, account
        self._transitions, self._config, self._key_of = transitions, config, key_of
        self._root = Node(state=state)
        self._new = [self._root]
        self._frontier = Frontier()
        self._reached: dict[Hashable, float] = {key_of(state): -np.inf}
        self._goals: list[tuple[float, Node]] = []
        self._is_a_star = config.order == "a_star"
        self._excess = max(1.0, config.weight) if self._is_a_star else 1.0
        self._lower, self._upper = 0.0, np.inf

    def next_nodes(self) -> list[Node]:
        """Returns the nodes to expand in this round; none: the search is over, and the account says why.

        In order q_star finished nodes are among them, which only get their process reward.
        """
        if self._new:
            found, self._new = self._new, []
            return found
        self._lower = max(self._lower, min(self._upper, self._frontier.least / self._excess))
        used_up = self.account.used_up()
        if used_up in ("tokens", "nodes"):
            self._take_free_ends()
        if self.account.stop is None and self._frontier:
            self.account.stop = "solved" if self._is_proven() else used_up
        room, nodes = self.account.room(), list[Node]()
        while self.account.stop is None and len(nodes) < min(self._config.pops, room):
            # While popped nodes wait to be expanded, what is left on the heap proves nothing.
            if not nodes and self._is_proven():
                self.account.stop = "solved"
            elif self._frontier:
                family, places = self._frontier.pop()
                if family.found is None:
                    self._end(family.node, family.node.estimate)
                for at in places[: room - len(nodes)]:
                    self._step(family, at, nodes)
            else:
                break
        if self.account.stop is None and not nodes:
            self.account.stop = "solved" if self._goals else "exhausted"
        return nodes if self.account.stop is None else []

    def _take_free_ends(self) -> None:
        """Judges the ends that stand first on the frontier: to reach them the model need not be asked."""
        while self.account.stop is None and self._frontier and not self._is_proven():
            family, places = self._frontier.peek()
            if family.found is not None:
                assert family.node.state is not None
                action = family.found.actions[places[0]]
                is_whole = self._config.order == "q_star"
                if is_whole or not self._transitions.apply(family.node.state, action).is_over:
                    return
            self._frontier.pop()
            for at in places:
                self._step(family, at, [])
            if family.found is None:
                self._end(family.node, family.node.estimate)

    def _is_proven(self) -> bool:
        """Whether an answer was found that nothing open can beat: by more than ``weight`` if not anytime."""
        excess = self._excess if self._config.anytime else 1.0
        return self._is_a_star and bool(self._goals) and self._frontier.least / excess >= self._upper

    def _step(self, family: Family, at: int, nodes: list[Node]) -> None:
        """Makes the state behind an edge and puts it where it belongs, among ``nodes`` if it is to expand."""
        child = family.child(at)
        if self._config.keep_tree:
            family.node.children.append(child)
        if self._is_a_star and family.bound[at] >= self._upper:
            child.status = "pruned"
            self.account.counts["pruned"] += 1
            return
        assert family.node.state is not None
        child.state = state = self._transitions.apply(family.node.state, child.action)
        if not state.is_over:
            if self._is_new(child, state):
                nodes.append(child)
        elif self._config.order == "q_star" and self._config.accept == "any":
            nodes.append(child)
        else:
            doubted = self._is_a_star and self._config.accept == "any"
            cost = family.bound[at] if doubted else child.cost if self._is_a_star else child.estimate
            self._end(child, cost)

    def _is_new(self, child: Node, state: SearchState) -> bool:
        """Whether no equal state was reached as cheaply; a cheaper way opens a state again."""
        key = self._key_of(state)
        if self._is_a_star:
            way = child.cost
        elif self._config.order in ("best_first", "q_star"):
            way = 0.0
        else:
            way = -child.path_logp
        known = self._reached.get(key)
        if known is not None and known <= way:
            child.status = "pruned"
            self.account.counts["duplicates"] += 1
            return False
        if known is not None:
            self.account.counts["reopened"] += 1
        self._reached[key] = way
        return True

    def _end(self, node: Node, cost: float) -> None:
        """Judges a finished node."""
        assert node.state is not None
        accepts_all = self._config.accept == "any"
        if not accepts_all and not verified(self._transitions, [node.state])[0]:
            node.status = "dead"
            return
        node.status = "goal"
        self._goals.append((cost, node))
        self._upper = min(self._upper, cost)
        if not self._is_a_star and not self._config.anytime:
            self.account.stop = "solved"

    def take(self, node: Node, found: Candidates | None, reward: float | None) -> None:
        """Takes the expansion of a node (None: it is over) and its process reward (None: there are none)."""
        if node.parent is not None and reward is not None:
            before = None if node.parent.parent is None else node.parent.cost
            node.cost = aggregate(self._config.aggregate, before, reward)
        if found is None:
            assert node.value is not None
            self._push_state(Family(node, None, [], [], [], []), node.value)
            return
        node.order, node.status = self.account.num_nodes, "closed" if found.actions else "dead"
        self.account.take(found)
        family = make_family(node, found, prioritise(self._config, node, found))
        self.account.counts["nan_values"] += len(found.actions) - len(family.ranked)
        if self._config.order != "q_star":
            self._frontier.push(family)
        elif family.ranked:
            self._push_state(family, -family.f[family.ranked[0]])

    def _push_state(self, family: Family, worth: float) -> None:
        """Puts a state on the heap by Agg + weight · max Q."""
        family.node.estimate = -(family.node.cost + self._config.weight * worth)
        if np.isfinite(family.node.estimate):
            self._frontier.push_whole(family, family.node.estimate)
        else:
            self.account.counts["nan_values"] += 1

    def result(self) -> SearchResult:
        """Closes the account."""
        candidates = [
            Candidate(state=node.state, score=-cost, path_logp=node.path_logp, node=node)
            for cost, node in sorted(self._goals, key=lambda goal: goal[0])
            if node.state is not None
        ]
        has_bounds = self._is_a_star and self._config.accept == "verifier"
        least = self._frontier.least_bound() if has_bounds else 0.0
        if self._config.keep_tree:
            self._keep_open()
        return self.account.result(
            self.problem,
            candidates,
            lower_bound=min(self._upper, max(self._lower, least)) if has_bounds else None,
            upper_bound=float(self._upper) if has_bounds and candidates else None,
            root=self._root if self._config.keep_tree else None,
        )

    def _keep_open(self) -> None:
        for family, at in self._frontier.open_edges():
            family.node.children.append(family.child(at))
