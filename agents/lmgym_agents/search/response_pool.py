"""Episodes sampled for every problem within its budget: the pools that best-of-n and majority choose from.

The pool of a problem is what a sampler would have that draws one episode after the other until the budget is
used up, though they are drawn in large batches: what is drawn beyond the budget is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.completion import Completion, Sampler, complete, problem_stream, verified
from lmgym_agents.search.results import Progress
from lmgym_agents.search.states import Transitions


@dataclass
class Pool:
    """The episodes of one problem."""

    problem: Problem
    account: Account
    episodes: list[Completion] = field(default_factory=list)
    is_accepted: list[bool] = field(default_factory=list)
    """Finished, and correct where only correct ones are accepted; one entry an episode."""
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def sample_pools(
    engine: Sampler,
    transitions: Transitions,
    problems: Sequence[Problem],
    params: SamplingParams,
    accounts: Sequence[Account],
    *,
    n: int,
    until_correct: bool,
    seed: int,
    on_progress: Progress | None,
) -> list[Pool]:
    """Returns a pool of at most ``n`` episodes for every problem, the accounts closed with why it ended.

    Args:
        engine: samples.
        transitions: play and verify.
        problems: B problems.
        params: how tokens are drawn; of ``checked_params``.
        accounts: one a problem, nothing used yet.
        n: the most episodes of a problem; number i draws from (seed, problem, i) alone.
        until_correct: a pool ends with the first episode that the verifier calls correct.
        seed: of the sampling.
        on_progress: see ``SearchMethod``.
    """
    pools = [Pool(problem, account) for problem, account in zip(problems, accounts, strict=True)]
    starts = [transitions.start(problem) for problem in problems]
    streams = [problem_stream(problem, seed, "episodes") for problem in problems]
    num_drawn = [0] * len(pools)
    while waiting := [i for i, pool in enumerate(pools) if pool.account.stop is None]:
        rows = [i for i in waiting for _ in range(_batch_size(pools[i], n, transitions.max_new_tokens))]
        numbers = []
        for i in rows:
            numbers.append(num_drawn[i])
            num_drawn[i] += 1
        episodes = complete(
            engine, transitions, [starts[i] for i in rows], params,
            streams=[streams[i] + number for i, number in zip(rows, numbers, strict=True)],
            seed=make_key(seed, "responses"),
        )  # fmt: skip
        is_right = verified(transitions, [one.state for one in episodes]).tolist() if until_correct else None
        for place, (i, episode) in enumerate(zip(rows, episodes, strict=True)):
            if pools[i].account.stop is None:
                _take(pools[i], episode, None if is_right is None else is_right[place], n)
        if on_progress is not None:
            num_tokens = sum(pool.account.num_tokens for pool in pools)
            on_progress(sum(pool.account.stop is not None for pool in pools), num_tokens)
    return pools


def _batch_size(pool: Pool, n: int, max_new_tokens: int) -> int:
    """Returns how many episodes to draw next: those that the budget is likely to hold."""
    taken = len(pool.episodes)
    mean = pool.account.num_tokens / taken if taken else max_new_tokens
    left = pool.account.tokens_left()
    return max(1, min(n - taken, n if left is None else int(left / max(mean, 1.0)) + 1))


def _take(pool: Pool, episode: Completion, is_right: bool | None, n: int) -> None:
    """Enters one episode, or closes the account where the budget is used up."""
    account = pool.account
    left = account.tokens_left()
    if left is not None and episode.num_tokens > left:
        account.num_tokens += left
        account.counts["cut_by_budget"] += 1
        account.stop = "tokens"
        return
    account.num_nodes += 1
    account.num_tokens += episode.num_tokens
    pool.episodes.append(episode)
    if not episode.state.is_over:
        account.counts["too_long"] += 1
    pool.is_accepted.append(episode.state.is_over and is_right is not False)
    if is_right:
        account.stop = "solved"
    elif len(pool.episodes) == n:
        account.stop = "exhausted"
    else:
        account.stop = account.used_up()
