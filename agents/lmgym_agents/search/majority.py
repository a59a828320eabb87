"""Self-consistency: sample n responses, answer what most of them say.

In: problems. Out: one finished episode for each different answer, the most frequent first. The verifier is
asked what the answer is, never whether it is right.

Source: Wang et al. 2023.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.completion import Completion, Sampler, checked_params
from lmgym_agents.search.response_pool import Pool, sample_pools
from lmgym_agents.search.results import Candidate, Progress, SearchBudget, SearchResult
from lmgym_agents.search.states import Transitions


class _Said(NamedTuple):
    """What an episode answers; episodes of equal answers vote together."""

    is_read: bool
    """The verifier found an answer in it; otherwise the whole text stands for one."""
    text: str


class Majority:
    """Samples n episodes a problem and lets their answers vote; see the module."""

    name = "majority"

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        budget: SearchBudget,
        *,
        n: int,
        params: SamplingParams | None = None,
    ) -> None:
        """Joins the parts.

        An episode without an answer that the verifier can read votes for its own text, behind all that have
        one. Equal votes: the higher sum of log-probs.

        Args:
            engine: samples.
            transitions: of the same tokenizer.
            budget: as for ``BestOfN``.
            n: the most episodes of a problem.
            params: how tokens are drawn; by default at temperature 1.

        Raises:
            InvalidValueError: ``n`` below 1.
        """
        if n < 1:
            raise InvalidValueError(f"Majority needs n of at least 1, got {n!r}.")
        self._engine, self._transitions, self._budget, self._n = engine, transitions, budget, n
        self._params = checked_params(params, transitions)

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """See ``SearchMethod``."""
        pools = sample_pools(
            self._engine, self._transitions, problems, self._params,
            [Account(self._budget, time.monotonic()) for _ in problems],
            n=self._n, until_correct=False, seed=seed, on_progress=on_progress,
        )  # fmt: skip
        said = iter(self._answers([one for pool in pools for one in pool.episodes]))
        return [_result(pool, [next(said) for _ in pool.episodes]) for pool in pools]

    def _answers(self, episodes: Sequence[Completion]) -> list[_Said]:
        found = []
        verdicts = self._transitions.verify([one.state for one in episodes])
        for (state, _, _), verdict in zip(episodes, verdicts, strict=True):
            turns = [turn.text.strip() for turn in state.turns if turn.role == "agent"]
            answer = "\n".join(turns) if verdict.answer is None else verdict.answer
            found.append(_Said(verdict.answer is not None, answer))
        return found


def _result(pool: Pool, said: Sequence[_Said]) -> SearchResult:
    groups: dict[_Said, list[Completion]] = {}
    for answer, episode, is_accepted in zip(said, pool.episodes, pool.is_accepted, strict=True):
        if is_accepted:
            groups.setdefault(answer, []).append(episode)
    ranked = sorted(groups.items(), key=lambda item: _rank(*item), reverse=True)
    found = []
    for _, members in ranked:
        likeliest = max(members, key=lambda one: one.logp)
        found.append(Candidate(state=likeliest.state, score=float(len(members)), path_logp=likeliest.logp))
    return pool.account.result(pool.problem, found)


def _rank(answer: _Said, members: Sequence[Completion]) -> tuple[bool, int, float]:
    return answer.is_read, len(members), sum(one.logp for one in members)
