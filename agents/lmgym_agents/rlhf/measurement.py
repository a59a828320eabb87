"""The stage that measures a policy: responses to held-out prompts and what they are worth.

In: a run and a policy's folder. Out: one line a response in ``measured-NAME.jsonl``, and numbers with
intervals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from lmgym.records import Problem
from lmgym.rewards import Reward
from lmgym_agents.rlhf.chunked_work import Chunk, ChunkedWork
from lmgym_agents.rlhf.episodes import Episode, read_episodes, sample_episodes
from lmgym_agents.rlhf.measuring import Floats, describe, gold_of, logps_of, proxy_of
from lmgym_agents.rlhf.run import Run

TEMPERATURES: Final = {"sampled": 1.0, "greedy": 0.0}


def make_measurement(run: Run, policy_folder: str, problems: Sequence[Problem]) -> ChunkedWork:
    """Returns the work that answers the problems once at temperature 1 and once greedily.

    Every line holds an episode, its gold, and its log-prob under the policy and under the policy after SFT.
    """
    policy, reference = run.policy(policy_folder), run.policy("sft")
    engine, size = run.engine(policy), run.config.collect.chunk_prompts
    num_chunks = -(-len(problems) // size)

    def measure(chunk: int) -> Chunk:
        mode = "sampled" if chunk < num_chunks else "greedy"
        start = chunk % num_chunks * size
        groups = sample_episodes(
            engine, run.transitions, problems[start : start + size], count=1,
            temperature=TEMPERATURES[mode], seed=run.seed("measure"),
        )  # fmt: skip
        episodes = [group[0] for group in groups]
        gold = gold_of(run.task, episodes)
        kl = logps_of(policy, episodes) - logps_of(reference, episodes)
        lines = [
            json.dumps({"mode": mode, "gold": _plain(g), "kl": k, "episode": json.loads(episode.to_json())})
            for g, k, episode in zip(gold.tolist(), kl.tolist(), episodes, strict=True)
        ]
        known = gold[np.isfinite(gold)]
        return lines, {"mode": mode, "gold": float(known.mean()) if len(known) else None}

    return ChunkedWork(2 * num_chunks, measure)


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
