"""The Monte-Carlo tree search of one problem: its tree, its accounts, its decisions, and why it ended.

In: what a model says of the states that it asks about. Out: the next state to ask about, and the result. Left
out: asking the model, for many problems at once (``mcts``).
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.mcts_tree import Branch, GrowingTree, make_nodes, most_visited
from lmgym_agents.search.puct import Floats, make_prior
from lmgym_agents.search.results import Candidate, SearchBudget, SearchResult, Stop
from lmgym_agents.search.states import Transitions


class ProblemSearch:
    """The search of one problem: its tree, its accounts, and why it ended."""

    def __init__(
        self,
        problem: Problem,
        transitions: Transitions,
        config: MCTSConfig,
        budget: SearchBudget | None,
        seed: int,
    ) -> None:
        self.tree = GrowingTree(transitions.start(problem), config)
        self.counts: Counter[str] = Counter()
        self.num_tokens = self.num_nodes = 0
        self.stop: Stop | None = None
        self._problem, self._transitions, self._config = problem, transitions, config
        self._budget, self._seed = budget, seed
        self._finished: list[Branch] = []
        self._simulation = 0

    def next_leaf(self, elapsed_s: float) -> Branch | None:
        """Returns the next state to evaluate; None: the search has ended, and ``stop`` says why.

        Walks that end where all is known are done on the way: they need no model.
        """
        while self.stop is None:
            self.stop = self._why_stop(elapsed_s)
            if self.stop is not None:
                break
            if self._is_decided:
                self._act()
                continue
            leaf = self.tree.descend(self._simulation, self._transitions)
            self._simulation += 1
            if leaf.status == "open":
                return leaf
            self.tree.back_up(leaf, leaf.raw_value)
        return None

    def expand(self, branch: Branch, candidates: Candidates, value: float | None) -> None:
        """Takes what is known of a new state that is not over."""
        self.num_tokens += candidates.num_tokens
        self.counts.update(candidates.counts)
        branch.order, self.num_nodes = self.num_nodes, self.num_nodes + 1
        if not candidates.actions:
            self.counts["empty_expansions"] += 1
            self._close(branch, "dead", 0.0)
            return
        logits = make_prior(
            np.asarray(candidates.logps, np.float64), self._lengths(candidates),
            temperature=self._config.prior_temperature,
        )  # fmt: skip
        if logits is None:
            self.counts["nan_priors"] += 1
            logits = np.full(len(candidates.actions), -math.log(len(candidates.actions)))
        q = None if candidates.q is None else np.asarray(candidates.q, np.float64)
        own = math.nan if "nan_values" in candidates.counts else candidates.value
        branch.raw_value = self._worth(branch, value, q, own)
        if q is not None and not np.isfinite(q).all():
            self.counts["nan_values"] += int((~np.isfinite(q)).sum())
            q = np.where(np.isfinite(q), q, branch.raw_value)
        branch.open_up(candidates.actions, np.asarray(candidates.logps, np.float64), logits, q)
        self.tree.back_up(branch, branch.raw_value)
        if branch is self.tree.root:
            self._begin_decision()

    def finish(self, branch: Branch, value: float | None) -> None:
        """Takes the value of a new state that is over; None: nobody has one."""
        parent = branch.parent
        if value is None and parent is not None:
            value = parent.raw_value if parent.q is None else float(parent.q[branch.place])
        is_verified = self._config.accept == "verifier"
        is_goal = not is_verified or value == 1.0
        self._close(branch, "goal" if is_goal else "dead", self._finite(branch, value or 0.0))
        self._finished.append(branch)
        if is_verified and is_goal and self._config.stop_at_first:
            self.stop = "solved"

    def result(self) -> SearchResult:
        """Returns what the search came to."""
        assert self.stop is not None
        root, nodes = make_nodes(self.tree)
        goals = [branch for branch in self._finished if branch.status == "goal"]
        found = [
            Candidate(
                state=branch.state, score=branch.raw_value, path_logp=branch.path_logp, node=nodes[id(branch)]
            )
            for branch in sorted(goals, key=self._rank)
        ]
        return SearchResult(
            problem=self._problem, candidates=tuple(found), stop=self.stop, num_nodes=self.num_nodes,
            num_tokens=self.num_tokens, root=root,
            counts={name: count for name, count in self.counts.items() if count},
        )  # fmt: skip

    def _rank(self, branch: Branch) -> tuple[bool, float, float]:
        """Best first: what was committed to, then by value, then the likelier."""
        return branch is not self.tree.top, -branch.raw_value, -branch.path_logp

    def _why_stop(self, elapsed_s: float) -> Stop | None:
        top, budget = self.tree.top, self._budget
        if top.state.is_over:
            return "solved" if self._config.accept == "any" or top.status == "goal" else "exhausted"
        if not top.actions or (self._config.skip_finished and self.tree.is_exhausted):
            return "exhausted"
        if budget is not None:
            if budget.max_tokens is not None and self.num_tokens >= budget.max_tokens:
                return "tokens"
            if budget.max_nodes is not None and self.num_nodes >= budget.max_nodes:
                return "nodes"
            if budget.max_seconds is not None and elapsed_s >= budget.max_seconds:
                return "seconds"
        return "simulations" if not self._config.commit_every and self._is_decided else None

    @property
    def _is_decided(self) -> bool:
        return self._simulation >= self._config.max_simulations

    def _act(self) -> None:
        """Takes the actions that the simulations speak for; the rest of the tree stays below them."""
        place = self.tree.decide()
        for _ in range(self._config.commit_every):
            self.tree.commit(place)
            if not self.tree.top.visits.any():
                break
            place = most_visited(self.tree.top)
        if self.tree.top.actions:
            self._begin_decision()

    def _begin_decision(self) -> None:
        self._simulation = 0
        problem, num_actions = self._problem, self.tree.top.state.num_actions
        self.tree.begin_decision(
            make_generator(self._seed, "gumbel", problem.split, problem.index, num_actions)
        )

    def _close(self, branch: Branch, status: str, value: float) -> None:
        branch.status, branch.raw_value = ("goal" if status == "goal" else "dead"), value
        self.tree.back_up(branch, value)

    def _worth(self, branch: Branch, value: float | None, q: Floats | None, own: float | None) -> float:
        if value is None and q is not None:
            value = float(q[np.isfinite(q)].max(initial=-np.inf))
        if value is None:
            value = own
        if value is None:
            if self._config.accept == "any":
                raise InvalidValueError(
                    "accept='any' needs to know what states are worth, and the model has neither Q nor "
                    "values; give leaf values, a model that has them, or accept='verifier'."
                )
            return 0.0
        return self._finite(branch, value)

    def _finite(self, branch: Branch, value: float) -> float:
        """Returns the value, or the parent's where it is none (0 at the root)."""
        if math.isfinite(value):
            return value
        self.counts["nan_values"] += 1
        return 0.0 if branch.parent is None else branch.parent.raw_value

    def _lengths(self, candidates: Candidates) -> NDArray[np.int64] | None:
        if not self._config.length_normalised:
            return None
        return np.array([len(action) for action in candidates.actions])
