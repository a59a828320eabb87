"""What ``rlhf_smollm2.py`` reads from finished runs: gold, curves, how far a judge follows the gold.

In: folders of `lmgym rlhf`. Out: plain numbers. Left out: running, drawing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

import lmgym  # noqa: F401  # registers the environments
from lmgym.preferences import read_preferences
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.rlhf.episodes import read_episodes
from lmgym_agents.runs.metrics import read_metrics

CURVE = ("kl_episode", "gold", "proxy")


class Verdict(NamedTuple):
    """A verdict on two responses, and what is known of them."""

    is_first: float
    """1 if the judge prefers the first response, 0 if the second, 0.5 for a tie."""
    golds: tuple[float, float]
    lengths: tuple[int, int]
    bias: float
    """Log-odds that the place of the first answer is worth to the judge, nats."""
    swap_disagrees: bool
    """The judge prefers the same place in both orders."""


def read_run(folder: Path) -> dict[str, Any]:
    """Returns what a finished run has found, before ("sft") and after ("after"), with its curve."""
    found = json.loads((folder / "rlhf.json").read_text("utf-8"))
    measured = found["measured"]
    records = [
        record
        for record in read_metrics(folder / "metrics.jsonl").records
        if str(record.get("stage", "")).startswith("ppo")
    ]
    return {
        "sft": flatten(measured["sft"]),
        "after": flatten(measured["round-1"]),
        "reward_model": next(iter(found["reward_models"].values()), None),
        "curve": [[round(float(record[name]), 4) for name in CURVE] for record in records],
    }


def flatten(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the numbers of a measured policy that are compared."""
    sampled = measured["sampled"]
    names = ("num_tokens", "distinct_2", "repetition", "stop_rate")
    return {
        "gold": sampled["gold"],
        "gold_greedy": measured["greedy"]["gold"],
        "kl": (sampled.get("kl") or {}).get("mean"),
        "win_rate": sampled.get("win_rate"),
        **{name: sampled[name] for name in names},
    }


def read_verdicts(folder: Path, env: str) -> list[Verdict]:
    """Returns the verdicts of a run's judge on pairs; those without a verdict are left out."""
    task = gym.make_vec(env, num_envs=1, autoreset_mode="DISABLED").task
    lines = (folder / "round-1-responses.jsonl").read_text("utf-8").splitlines()
    golds = {(e.problem.prompt, e.response): task.utility(e.transcript) for e in read_episodes(lines, task)}
    found = []
    for record in read_preferences(folder / "preferences.jsonl"):
        if record.ranks is None:
            continue
        first, second = record.ranks
        texts = record.responses
        found.append(
            Verdict(
                0.5 if first == second else float(first < second),
                (golds[record.prompt, texts[0]], golds[record.prompt, texts[1]]),
                (len(texts[0]), len(texts[1])),
                float(record.extra.get("position_bias", 0.0)),
                bool(record.extra.get("swap_disagrees", False)),
            )
        )
    return found


def compare_with_gold(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Returns how often a judge, and the longer answer, agree with the gold, with Wilson's intervals.

    Pairs of equal gold have no right answer and are left out; a tie of the judge's, or of lengths, is half
    right. Clear pairs are those whose golds lie further apart than the median.
    """
    judged = [one for one in verdicts if one.golds[0] != one.golds[1]]
    is_first = np.array([float(one.golds[0] > one.golds[1]) for one in judged])
    verdict = np.array([one.is_first for one in judged])
    longer = np.array([0.5 + 0.5 * np.sign(one.lengths[0] - one.lengths[1]) for one in judged])
    gaps = np.array([abs(one.golds[0] - one.golds[1]) for one in judged])
    is_clear = gaps > np.median(gaps)
    bias = np.array([one.bias for one in verdicts])
    return {
        "pairs": len(verdicts),
        "pairs_of_different_gold": len(judged),
        "judge": share(verdict, is_first),
        "judge_on_clear_pairs": share(verdict[is_clear], is_first[is_clear]),
        "longer": share(longer, is_first),
        "judge_prefers_longer": share(verdict[longer != 0.5], longer[longer != 0.5]),
        "chance": 0.5,
        "swap_disagrees": float(np.mean([one.swap_disagrees for one in verdicts])),
        "position_bias": float(bias.mean()),
        "position_bias_std": float(bias.std()),
    }


def share(given: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Returns the share of ``given`` (0, 0.5, 1) that equal ``truth`` (0, 1), with Wilson's 95 % interval."""
    right = float((1 - np.abs(given - truth)).sum())
    interval = wilson_interval(int(right + 0.5), len(given))
    return {"agreement": right / len(given), "low": interval.low, "high": interval.high}
