"""Best-first search by a learned Q: A*, weighted and anytime, Q*, greedy, LevinTS and PHS, in one loop.

    search = BestFirst(TokenExpander(q_states, transitions), transitions, SearchBudget(max_nodes=64))
    results = search.search(problems)

Every problem has a heap of edges. A round pops the best edges of every unfinished problem, makes the states
behind them (only now), drops those that were reached as cheaply before, and expands all that are left, of all
problems, by one call: one forward pass scores all children of all these states. In order q_star a state is
popped as a whole and all of its children are made, as that method has it.

In: problems. Out: finished episodes, best first, and for a_star with accept="verifier" bounds: if the
heuristic never says that more is to come than really is, no solution of the tree that the expander spans
costs less than ``lower_bound``. What was left out as NaN, too long or beyond the model's support is no part
of that tree.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.best_first_problem import KEYS, KeyOf, ProblemSearch
from lmgym_agents.search.expansion import Candidates, Expander, LeafValues
from lmgym_agents.search.foreign_parts import ask_expander, ask_values
from lmgym_agents.search.results import Progress, SearchBudget, SearchResult
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.search.tree import Node


class BestFirst:
    """Expands the most promising state of each problem first; see the module."""

    def __init__(
        self,
        expander: Expander,
        transitions: Transitions,
        budget: SearchBudget,
        config: BestFirstConfig | None = None,
        *,
        rewards: LeafValues | None = None,
        key: KeyOf | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            expander: proposes actions; a Q function, but for order "levin" and heuristic "zero".
            transitions: play and verify.
            budget: of each problem. No state is expanded once it is used up; where expansions cost more than
                a token, the last round may go beyond ``max_tokens`` by what it sampled.
            config: by default A* with costs of 1.
            rewards: process rewards of states, for order "q_star" (``Agg`` of them is its g); None: g = 0.
            key: states of equal key are one state; replaces ``config.key``.

        Raises:
            InvalidValueError: ``rewards`` with another order.
        """
        self._config = config or BestFirstConfig()
        if rewards is not None and self._config.order != "q_star":
            raise InvalidValueError(
                f"rewards belong to order 'q_star'; the order is {self._config.order!r}. Leave them out, or "
                "make them costs by a ValuedExpander."
            )
        self._expander, self._transitions, self._budget = expander, transitions, budget
        self._rewards, self._key_of = rewards, key or KEYS[self._config.key]
        self.name: str = self._config.order

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """See ``SearchMethod``."""
        started = time.monotonic()
        searches = [
            ProblemSearch(
                problem, self._transitions, self._config, Account(self._budget, started), self._key_of
            )
            for problem in problems
        ]
        active = searches
        while active:
            batch = [(search, node) for search in active for node in search.next_nodes()]
            active = [search for search in active if search.account.stop is None]
            found = self._expand([node for _, node in batch], seed)
            rewards = self._reward(batch, seed)
            for (search, node), candidates, reward in zip(batch, found, rewards, strict=True):
                search.take(node, candidates, reward)
            if on_progress is not None:
                num_tokens = sum(search.account.num_tokens for search in searches)
                on_progress(len(searches) - len(active), num_tokens)
        return [search.result() for search in searches]

    def _expand(self, nodes: Sequence[Node], seed: int) -> list[Candidates | None]:
        """Returns the candidates of every node, None of those that are over."""
        states = [_state(node) for node in nodes if not _state(node).is_over]
        found = iter(ask_expander(self._expander, states, seed) if states else ())
        return [None if _state(node).is_over else next(found) for node in nodes]

    def _reward(self, batch: Sequence[tuple[ProblemSearch, Node]], seed: int) -> list[float | None]:
        """Returns the process reward of every node's state, None where there are none."""
        if self._rewards is None or not batch:
            return [None] * len(batch)
        values, tokens = ask_values(self._rewards, [_state(node) for _, node in batch], seed)
        for (search, _), num_tokens in zip(batch, tokens.tolist(), strict=True):
            search.account.num_tokens += num_tokens
        return list(values.tolist())


def _state(node: Node) -> SearchState:
    assert node.state is not None
    return node.state
