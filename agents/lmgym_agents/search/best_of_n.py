"""Best of n: sample n responses, keep the best by a value, by log-prob, or by the verifier.

    search = BestOfN(engine, transitions, SearchBudget(max_nodes=16), n=16, select="logp")
    results = search.search(problems, seed=0)

In: problems. Out: finished episodes, best first. A node here is a sampled episode.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.completion import Sampler, checked_params, verified
from lmgym_agents.search.expansion import Accept, LeafValues
from lmgym_agents.search.foreign_parts import ask_values
from lmgym_agents.search.response_pool import Pool, sample_pools
from lmgym_agents.search.results import Candidate, Progress, SearchBudget, SearchResult
from lmgym_agents.search.states import Transitions

Select = Literal["value", "logp", "verifier", "first"]


class BestOfN:
    """Samples n episodes a problem and ranks them; see the module."""

    name = "best_of_n"

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        budget: SearchBudget,
        *,
        n: int,
        select: Select = "logp",
        accept: Accept = "any",
        values: LeafValues | None = None,
        params: SamplingParams | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            engine: samples.
            transitions: of the same tokenizer.
            budget: episodes are taken in the order of their numbers until it is used up; one that would
                cross ``max_tokens`` is cut there and lost. ``max_seconds`` is looked at between batches.
            n: the most episodes of a problem.
            select: the best has the highest value (of ``values``), log-prob, verdict (1 or 0), or the lowest
                number. Equals stay in the order in which they were drawn.
            accept: "verifier": only correct episodes count, and sampling ends with the first; the share of
                problems with an answer is then pass@n, a bound that no selection can beat.
            values: asked about finished episodes; for "value".
            params: how tokens are drawn; by default at temperature 1.

        Raises:
            InvalidValueError: ``n`` below 1, an unknown ``select``, or "value" without ``values``.
        """
        if n < 1 or select not in get_args(Select) or (select == "value" and values is None):
            raise InvalidValueError(
                f"BestOfN needs n >= 1 and select of {get_args(Select)} ('value' with values=), got n={n!r} "
                f"and select={select!r}."
            )
        self._engine, self._transitions, self._budget = engine, transitions, budget
        self._n, self._select, self._accept, self._values = n, select, accept, values
        self._params = checked_params(params, transitions)

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """See ``SearchMethod``."""
        accounts = [Account(self._budget, time.monotonic()) for _ in problems]
        pools = sample_pools(
            self._engine, self._transitions, problems, self._params, accounts,
            n=self._n, until_correct=self._accept == "verifier", seed=seed, on_progress=on_progress,
        )  # fmt: skip
        self._score(pools, seed)
        return [self._result(pool) for pool in pools]

    def _score(self, pools: Sequence[Pool], seed: int) -> None:
        """Gives every episode its score, all problems in one call."""
        episodes = [one for pool in pools for one in pool.episodes]
        states = [one.state for one in episodes]
        if self._select == "value" and states:
            assert self._values is not None
            scores, tokens = ask_values(self._values, states, seed)
        elif self._select == "verifier" and states:
            scores, tokens = verified(self._transitions, states).astype(np.float64), None
        elif self._select == "logp":
            scores, tokens = np.array([one.logp for one in episodes]), None
        else:
            scores, tokens = np.array([-float(i) for pool in pools for i in range(len(pool.episodes))]), None
        place = 0
        for pool in pools:
            part = slice(place, place + len(pool.episodes))
            pool.scores = scores[part]
            pool.account.num_tokens += 0 if tokens is None else int(tokens[part].sum())
            place = part.stop

    def _result(self, pool: Pool) -> SearchResult:
        scores = np.where(np.isnan(pool.scores), -np.inf, pool.scores)
        pool.account.counts["nan_values"] += int(np.isnan(pool.scores).sum())
        found = [
            Candidate(state=pool.episodes[i].state, score=float(scores[i]), path_logp=pool.episodes[i].logp)
            for i in np.argsort(-scores, kind="stable")
            if pool.is_accepted[i]
        ]
        return pool.account.result(pool.problem, found)
