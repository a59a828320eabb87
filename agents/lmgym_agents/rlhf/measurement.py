"""The stage that measures a policy: responses to held-out prompts and what they are worth.

In: a run and a policy's folder. Out: one line a response in ``measured-NAME.jsonl``, and numbers with
intervals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from lmgym.records import Problem
from lmgym.rewards import Reward
from lmgym_agents.rlhf.chunked_work import Chunk, ChunkedWork
from lmgym_agents.rlhf.episodes import Episode, read_episodes, sample_episodes
from lmgym_agents.rlhf.measuring import Floats, describe, gold_of, logps_of, proxy_of
from lmgym_agents.rlhf.run import Run


class BestOf(NamedTuple):
    """Sampled responses are the best of n by a reward."""

    n: int
    reward: Reward

    @property
    def kl(self) -> float:
        """KL of the best of n to one sample, nats: log n - (n - 1) / n, at most.

        Source: Stiennon et al. 2020, appendix G.3; Beirami et al. 2024 show that it is an upper bound.
        """
        return math.log(self.n) - (self.n - 1) / self.n


TEMPERATURES: Final = {"sampled": 1.0, "greedy": 0.0}


def make_measurement(
    run: Run, policy_folder: str, problems: Sequence[Problem], best_of: BestOf | None = None
) -> ChunkedWork:
    """Returns the work that answers the problems once at temperature 1 and once greedily.

    Every line holds an episode, its gold, and how much likelier it is than under the policy after SFT. With
    ``best_of`` the response at temperature 1 is the best of n.
    """
    policy, reference = run.policy(policy_folder), run.policy("sft")
    engine, size = run.engine(policy), run.config.collect.chunk_prompts
    num_chunks = -(-len(problems) // size)

    def measure(chunk: int) -> Chunk:
        mode = "sampled" if chunk < num_chunks else "greedy"
        start = chunk % num_chunks * size
        chosen = best_of if mode == "sampled" else None
        groups = sample_episodes(
            engine, run.transitions, problems[start : start + size], count=1 if chosen is None else chosen.n,
            temperature=TEMPERATURES[mode], seed=run.seed("measure"),
        )  # fmt: skip
        episodes = [group[0] for group in groups]
        if chosen is not None:
            episodes = choose_best(run, groups, chosen.reward)
        gold = gold_of(run.task, episodes)
        kl = (
            logps_of(policy, episodes)
            - logps_of(reference, episodes)
            + (0.0 if chosen is None else chosen.kl)
        )
        lines = [
            json.dumps({"mode": mode, "gold": _plain(g), "kl": k, "episode": json.loads(episode.to_json())})
            for g, k, episode in zip(gold.tolist(), kl.tolist(), episodes, strict=True)
        ]
        known = gold[np.isfinite(gold)]
        return lines, {"mode": mode, "gold": float(known.mean()) if len(known) else None}

    return ChunkedWork(2 * num_chunks, measure)


def choose_best(run: Run, groups: Sequence[Sequence[Episode]], reward: Reward) -> list[Episode]:
    """Returns the episode of each group that the reward likes best; a failed one is liked least."""
    values = proxy_of(reward, run.task, [episode for group in groups for episode in group])
    table = np.where(np.isfinite(values), values, -np.inf).reshape(len(groups), -1)
    return [group[place] for group, place in zip(groups, table.argmax(axis=1).tolist(), strict=True)]


def summarise(run: Run, name: str, proxy: Reward | None) -> Mapping[str, Any]:
    """Returns the numbers of a measurement by mode; SFT under the same proxy stands beside it.

    The KL of greedy responses is left out: they are no sample of the policy.
    """
    found: dict[str, Any] = {}
    for mode in TEMPERATURES:
        episodes, gold, kl = read_measurement(run, name, mode)
        rival_episodes, rival, _ = read_measurement(run, "sft", mode)
        values = None if proxy is None else proxy_of(proxy, run.task, episodes)
        found[mode] = describe(
            episodes, gold, proxy=values, kl=kl if mode == "sampled" else None,
            rival=None if name == "sft" else rival, seed=run.config.seed,
        )  # fmt: skip
        if proxy is not None:
            of_sft = proxy_of(proxy, run.task, rival_episodes)
            found[mode]["proxy_of_sft"] = float(np.nanmean(of_sft)) if np.isfinite(of_sft).any() else None
    return found


def read_measurement(run: Run, name: str, mode: str) -> tuple[list[Episode], Floats, Floats]:
    """Returns the episodes of one mode, their gold (NaN: unknown), and log π - log π_SFT of each."""
    records = [json.loads(line) for line in run.read_lines(f"measured-{name}.jsonl")]
    chosen = [record for record in records if record["mode"] == mode]
    episodes = read_episodes([json.dumps(record["episode"]) for record in chosen], run.task)
    gold = np.array([np.nan if record["gold"] is None else record["gold"] for record in chosen], np.float64)
    return episodes, gold, np.array([record["kl"] for record in chosen], np.float64)


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
