"""What a policy is worth: gold and proxy, distance from SFT, length and variety, on held-out prompts.

In: episodes and what judges them. Out: numbers with intervals, plain values. Left out: who sampled them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmgym.conversation import readable
from lmgym.rewards import Reward, bind
from lmgym.rewards.scoring import score
from lmgym.tasks.base import Task
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.intervals import Interval, bootstrap_interval
from lmgym_agents.policy import Policy
from lmgym_agents.preference_rows import stack_rows
from lmgym_agents.rlhf.episodes import Episode

Floats = NDArray[np.float64]


def gold_of(task: Task, episodes: Sequence[Episode]) -> Floats:
    """Returns the utility of each episode, float64[B]; NaN where nobody can say."""
    found = [task.utility(episode.transcript) for episode in episodes]
    return np.array([math.nan if value is None else value for value in found], np.float64)


def proxy_of(reward: Reward, task: Task, episodes: Sequence[Episode]) -> Floats:
    """Returns what the reward gives each episode, float64[B]; NaN where it fails."""
    transcripts = [episode.transcript for episode in episodes]
    verdicts = task.verify_batch(transcripts)
    judged = [t._replace(verdict=verdict) for t, verdict in zip(transcripts, verdicts, strict=True)]
    scores = score(bind(reward, task), judged)
    return np.where(scores.failed, math.nan, scores.values)


@torch.no_grad()
def logps_of(policy: Policy, episodes: Sequence[Episode], *, max_tokens: int = 32768) -> Floats:
    """Returns the log-prob of all that the agent wrote in each episode under a policy, float64[B], nats."""
    rows = stack_rows([episode.row for episode in episodes])
    found = np.zeros(len(episodes))
    for picked in micro_batches(rows.lengths, max_tokens):
        is_action = rows.is_target[picked].to(policy.device)
        logps = policy.evaluate(
            rows.input_ids[picked], rows.lengths[picked], is_action=is_action, need_values=False
        ).logps
        found[picked.numpy()] = torch.where(is_action, logps, 0).double().sum(dim=1).cpu().numpy()
    return found


def describe(
    episodes: Sequence[Episode],
    gold: Floats,
    *,
    proxy: Floats | None = None,
    kl: Floats | None = None,
    rival: Floats | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns the numbers of a policy.

    Args:
        episodes: one to each of B prompts.
        gold: float64[B], utilities; NaN: unknown.
        proxy: float64[B], what the learned reward gives; NaN: failed.
        kl: float64[B], log π - log π_SFT of each response; the mean estimates KL(π || π_SFT) in nats.
        rival: float64[B], utilities of SFT's responses to the same prompts.
        seed: of the bootstrap.
    """
    found: dict[str, Any] = {
        "num_episodes": len(episodes),
        "gold": _interval(gold, seed),
        "num_tokens": float(np.mean([episode.num_tokens for episode in episodes])),
        "num_chars": float(np.mean([len(episode.response) for episode in episodes])),
        "stop_rate": float(np.mean([_has_stopped(episode) for episode in episodes])),
        **variety([readable(episode.response) for episode in episodes]),
    }
    if proxy is not None:
        found["proxy"] = _interval(proxy, seed)
    if kl is not None:
        found["kl"] = _interval(kl, seed)
    if rival is not None:
        found["win_rate"] = _interval(wins(gold, rival), seed)
    return found


def wins(gold: Floats, rival: Floats) -> Floats:
    """Returns for each prompt 1 where the first is better, 0.5 where they are equal, else 0; NaN: unknown."""
    won = np.where(gold > rival, 1.0, np.where(gold == rival, 0.5, 0.0))
    return np.where(np.isnan(gold) | np.isnan(rival), math.nan, won)


def variety(texts: Sequence[str]) -> dict[str, float]:
    """Returns how varied texts are, by pairs of successive words.

    Returns:
        ``distinct_2``: different pairs of all texts together as a share of all pairs (it falls with the
        number of texts: compare equal numbers); ``repetition``: the mean share of a text's pairs that it has
        said before.
    """
    pairs = [list(pairwise(words)) for words in map(str.split, texts)]
    total = sum(map(len, pairs))
    different = len({pair for each in pairs for pair in each})
    repeated = [1 - len(set(each)) / len(each) if each else 0.0 for each in pairs]
    return {
        "distinct_2": different / total if total else 0.0,
        "repetition": float(np.mean(repeated)) if repeated else 0.0,
    }


def _has_stopped(episode: Episode) -> bool:
    return all(turn.is_complete for turn in episode.turns if turn.role == "agent")


def _interval(values: Floats, seed: int) -> dict[str, float] | None:
    """Returns the mean of what is known with its 95 % interval; None where nothing is."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    found: Interval = bootstrap_interval(known[:, None], np.ones((len(known), 1), np.bool_), 0.95, seed)
    return {name: float(value) for name, value in found._asdict().items()}
