"""What searches use up, held against their budgets: one account a problem."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from lmgym.records import Problem
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.results import Candidate, SearchBudget, SearchResult, Stop
from lmgym_agents.search.tree import Node


class Account:
    """Nodes, tokens and left-out things of one problem's search."""

    def __init__(self, budget: SearchBudget, started: float) -> None:
        """Opens an account.

        Args:
            budget: what may be used.
            started: ``time.monotonic()`` when the search of all problems began.
        """
        self._budget = budget
        self._deadline = None if budget.max_seconds is None else started + budget.max_seconds
        self.num_nodes = self.num_tokens = 0
        self.counts: Counter[str] = Counter()
        self.stop: Stop | None = None
        """Set: the search of this problem is over."""

    def take(self, found: Candidates) -> None:
        """Enters the expansion of one state."""
        self.num_nodes += 1
        self.num_tokens += found.num_tokens
        self.counts.update(found.counts)
        if not found.actions:
            self.counts["empty_expansions"] += 1

    def room(self) -> int:
        """Returns how many states may still be expanded if each costs one token."""
        left: float = 1 << 60
        if self._budget.max_nodes is not None:
            left = min(left, self._budget.max_nodes - self.num_nodes)
        if self._budget.max_tokens is not None:
            left = min(left, self._budget.max_tokens - self.num_tokens)
        return int(left)

    def tokens_left(self) -> int | None:
        """Returns how many more tokens may go through the model; None: any number."""
        most = self._budget.max_tokens
        return None if most is None else max(0, int(most) - self.num_tokens)

    def used_up(self) -> Stop | None:
        """Returns the budget that is used up, if one is."""
        budget = self._budget
        if budget.max_tokens is not None and self.num_tokens >= budget.max_tokens:
            return "tokens"
        if budget.max_nodes is not None and self.num_nodes >= budget.max_nodes:
            return "nodes"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "seconds"
        return None

    def result(
        self,
        problem: Problem,
        candidates: Sequence[Candidate],
        *,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
        root: Node | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> SearchResult:
        """Closes the account."""
        assert self.stop is not None
        return SearchResult(
            problem=problem,
            candidates=tuple(candidates),
            stop=self.stop,
            num_nodes=self.num_nodes,
            num_tokens=self.num_tokens,
            lower_bound=lower_bound,
            upper_bound=upper_bound,
            root=root,
            counts={name: number for name, number in {**self.counts, **(counts or {})}.items() if number},
        )
