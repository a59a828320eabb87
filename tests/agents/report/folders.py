"""Folders to report on, written by hand: a benchmark with failures, runs, token files of any content."""

from __future__ import annotations

import dataclasses
import json
import math

from lmgym.bench.result_record import CurvePoint, Failure, Result, Score
from lmgym.bench.results import write_results
from lmgym.bench.suites import load_suite

AGENTS = {
    "ppo": 0.85,
    "grpo?group_size=8": 0.8,
    "sft": 0.45,
    "http://127.0.0.1:8000/v1#m": 0.3,
    "random": 0.0,
}
HASH = "ab" * 32

PAYLOADS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'>",
    "<a href='javascript:window.hacked = 1'>link</a>",
    "]]></textarea></title></style><iframe srcdoc='<script>parent.hacked = 1</script>'>",
    "\u202egnirts\u2066 \u200b \0 \ud800 \x1b[2J \u2028",
    "<style>* { display: none }</style><meta http-equiv=refresh content='0; url=//evil'><base href=//x>",
)


def make_record(index, *, label="", success=True, tokens=("1", "9", "■"), env="lmgym/Math-v0", **more):
    size = len(tokens)
    logps = [-0.1 * (1 + (index + at) % 7) for at in range(size)]
    record = {
        "schema": 1, "label": label, "env": env, "split": "test", "problem_index": index,
        "prompt": f"{index}+7=", "tokens": list(tokens), "is_action": [True] * size, "num_tokens": size,
        "logp": logps, "entropy": [0.5] * size, "value": [0.4] * size, "q": None,
        "advantage": [0.1 * (-1) ** at for at in range(size)], "advantage_kind": "gae",
        "reward": [0.0] * (size - 1) + [float(success)], "kl": None,
        "terms": {"correct": [0.0] * (size - 1) + [float(success)]}, "success": success,
        "score": float(success), "reward_total": float(success), "surprise": -sum(logps) / size,
        "stopped": True, "terminated": True, "failed": False,
    }  # fmt: skip
    return record | more


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "ascii")


def make_result(suite, entry, agent, skill, seed, **more):
    noise = 0.04 * math.sin(7 * seed + len(entry.name) + len(agent))
    mean = min(1.0, max(0.0, skill + noise))
    shares = [0, 0.25, 0.5, 0.75, 1.0]
    curve = tuple(
        CurvePoint(
            num_tokens=int(share * entry.budget), num_gradient_steps=int(200 * share),
            flops=share * 1e12 if share else None,  # as jobs tell it
            score=min(1.0, max(0.0, 0.3 * skill + (mean - 0.3 * skill) * math.sqrt(share))),
        )
        for share in shares
    )  # fmt: skip
    scores = {
        split: Score(
            mean=mean * 0.6**k, low=mean * 0.6**k * 0.9, high=mean * 0.6**k, num_problems=512, num_failed=0
        )
        for k, split in enumerate(entry.eval_splits)
    }
    none = Score(mean=0.0, low=0.0, high=0.1, num_problems=512, num_failed=0)
    before = dataclasses.replace(none, mean=0.3 * skill, high=1.0)
    start = dict.fromkeys(reversed(entry.eval_splits), none) | {entry.headline: before}
    result = Result(
        suite=suite.id, suite_hash=HASH, entry=entry.name, env=entry.env, options=dict(entry.options),
        agent=agent, config={"agent": agent}, seed=seed, status="ok", failure=None, scores=scores,
        start_scores=start, curve=curve, num_tokens=entry.budget, num_read_tokens=0, num_gradient_steps=200,
        flops=1e12, weights_hash=None, versions={"python": "3.11"}, commit="0" * 40, command="lmgym bench",
        machine="two cores", date="2026-01-01T00:00:00+00:00",
        timing={"wall_s": 40.0, "peak_memory_bytes": 1e9},
    )  # fmt: skip
    return dataclasses.replace(result, **more)


def fail(result, message, kind="raised"):
    failure = Failure(kind=kind, message=message, where="training after 1024 tokens")
    empty = {"scores": {}, "start_scores": {}, "curve": ()}
    return dataclasses.replace(result, status="failed", failure=failure, **empty)


def make_results(suite="quick", agents=AGENTS):
    suite = load_suite(suite)
    return [
        make_result(suite, entry, agent, skill, seed)
        for entry in suite.entries
        for agent, skill in agents.items()
        for seed in suite.seeds
    ]


def write_bench(folder, *, results=None):
    """Writes a benchmark's folder: results with two failures, runs, token records of start and end."""
    if results is None:
        results = make_results()
        results[4] = fail(results[4], "TypeError: act() got an unexpected keyword", "raised")
        results[-1] = fail(results[-1], "no progress in 600 s", "timeout")
    folder.mkdir(parents=True, exist_ok=True)
    write_results(folder / "results.jsonl", results)
    entry = load_suite("quick").entries[0]
    for agent, rate in (("ppo", 2), ("sft", 5)):
        job = folder / "jobs" / entry.name / agent / "seed0"
        start = [make_record(index, label="start", success=index % 7 == 0) for index in range(40)]
        end = [make_record(index, label="end", success=index % rate != 1) for index in range(40)]
        write_lines(job / "start.tokens.jsonl", start)
        write_lines(job / "end.tokens.jsonl", end)
        write_metrics(job)
    return folder


def write_metrics(folder, num_updates=30):
    write_lines(
        folder / "metrics.jsonl",
        [
            {
                "step": step, "stage": "ppo", "success": step / num_updates, "reward": step / num_updates,
                "entropy": 2 - step / num_updates, "kl_reference": 0.01 * step,
                "sample_prompt": "1+1=", "sample_response": "<b>2</b>", "sample_reward": 1.0,
                "timing": {"tokens_per_s": 1000.0},
            }
            for step in range(1, num_updates + 1)
        ],
    )  # fmt: skip
