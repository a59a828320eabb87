"""Monte-Carlo tree search with a language model's priors, for many problems side by side.

In: problems, an expander (priors, perhaps values) and perhaps values of leaves. Out: finished episodes, and
trees with visits. Left out: the formulas (``puct``, ``gumbel``), one problem (``mcts_problem``), training
targets (``mcts_targets``).

Every round walks each unfinished tree down to one new state and evaluates these states together: one call of
the expander, of the values and of the verifier. No walk waits for another one of its own tree, so nothing has
to be held back by a virtual loss. A state is worth, in this order: what the leaf values say; the largest Q of
its candidates; the value that came with them; 0. A finished episode is worth 1 or 0 by the verifier, or
(accept="any") what the leaf values say; else the Q of the action that ended it; else its parent's value.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from lmgym.records import Problem
from lmgym_agents.search.expansion import Expander, LeafValues
from lmgym_agents.search.foreign_parts import ask_expander, ask_values
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.mcts_problem import ProblemSearch
from lmgym_agents.search.mcts_tree import Branch
from lmgym_agents.search.results import Progress, SearchBudget, SearchResult
from lmgym_agents.search.states import Transitions


class MCTS:
    """PUCT or Gumbel tree search; one decision after the other, or one tree from the start."""

    def __init__(
        self,
        transitions: Transitions,
        expander: Expander,
        values: LeafValues | None = None,
        config: MCTSConfig | None = None,
        *,
        budget: SearchBudget | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            transitions: of the task.
            expander: proposes actions; their log-probs are the priors.
            values: what states are worth; None: see the module.
            config: by default PUCT over one tree.
            budget: beside ``config.max_simulations``; looked at before each expansion.
        """
        self._transitions, self._expander, self._values = transitions, expander, values
        self._config, self._budget = config or MCTSConfig(), budget
        self.name = "gumbel" if self._config.root == "gumbel" else "mcts"

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """See ``SearchMethod``.

        Raises:
            InvalidValueError: accept="any" where neither the expander nor leaf values know what a state is
                worth.
            PromptTooLongError: a prompt that leaves no room.
        """
        start = time.monotonic()
        searches = [
            ProblemSearch(problem, self._transitions, self._config, self._budget, seed)
            for problem in problems
        ]
        waiting = [(search, search.tree.root) for search in searches]
        while waiting:
            self._evaluate(waiting, seed)
            elapsed = time.monotonic() - start
            waiting = []
            for search in searches:
                leaf = search.next_leaf(elapsed)
                if leaf is not None:
                    waiting.append((search, leaf))
            if on_progress is not None:
                done = sum(search.stop is not None for search in searches)
                on_progress(done, sum(search.num_tokens for search in searches))
        return [search.result() for search in searches]

    def _evaluate(self, waiting: Sequence[tuple[ProblemSearch, Branch]], seed: int) -> None:
        """Expands and values one new state of each tree, and backs the values up."""
        going_on = [pair for pair in waiting if not pair[1].state.is_over]
        over = [pair for pair in waiting if pair[1].state.is_over]
        if going_on:
            states = [branch.state for _, branch in going_on]
            found = ask_expander(self._expander, states, seed)
            values = self._ask(going_on, seed)
            for (search, branch), candidates, value in zip(going_on, found, values, strict=True):
                search.expand(branch, candidates, value)
        if not over:
            return
        if self._config.accept == "any":
            for (search, branch), value in zip(over, self._ask(over, seed), strict=True):
                search.finish(branch, value)
            return
        verdicts = self._transitions.verify([branch.state for _, branch in over])
        for (search, branch), verdict in zip(over, verdicts, strict=True):
            search.counts["verifier_errors"] += verdict.status == "error"
            search.finish(branch, float(verdict.status == "correct"))

    def _ask(self, pairs: Sequence[tuple[ProblemSearch, Branch]], seed: int) -> Sequence[float | None]:
        if self._values is None:
            return [None] * len(pairs)
        values, tokens = ask_values(self._values, [branch.state for _, branch in pairs], seed)
        for (search, _), num_tokens in zip(pairs, tokens, strict=True):
            search.num_tokens += int(num_tokens)
        return [float(value) for value in values]
