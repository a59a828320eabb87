"""Scoring candidate actions with the state's keys and values shared, against prefilling every pair.

    python benchmarks/kv_share.py

A Llama of 4 layers and width 256 in float32; 8 states of 256 tokens, 32 candidate actions of 8 tokens each.
Every way gives the log-prob of each of the 256 candidates:

- "every pair": all 256 rows of 264 tokens through the model, with the forward pass and the kernels of the
  ways that share ("ours"; in the batch size that is fastest here), and with transformers' in one batch;
- "every pair, top layer where needed": the same without what the last layer does above its attention at the
  tokens of the state, which nobody reads: the fairest opponent, though the count of tokens no longer says
  what is to be gained, the count of operations does;
- "rows": the state once, its keys and values copied for each candidate; "cascade" and "packed": read once for
  all (see ``lmgym_agents.prefixes.plans``). Cold: with the states' own prefill. Warm: the states are
  held.

In tokens K (P + L) / (P + K L) = 16.5 can be gained from cold and (P + L) / L = 33 warm. The ways take turns
within each repetition, each repetition with other candidates; the table gives medians.

The second table: what "Q needs only a prefill" is worth: scoring given actions of 32 tokens after prompts of
12 (``score_candidates``, from cold) against sampling as many (``Engine.generate``).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _record import Mark, make_mark, write_record

from lmgym_agents.decoding.decoder import Forward, make_forward
from lmgym_agents.decoding.kv_cache import KVCache
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.candidates import score_candidates
from lmgym_agents.prefixes.plans import NewRows, RowsPlan
from lmgym_agents.prefixes.store import PrefixStore
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.tiny_models import make_tiny_model
from lmgym_agents.token_logps import token_logps

NUM_STATES, NUM_CANDIDATES, STATE_LENGTH, ACTION_LENGTH, VOCAB_SIZE = 8, 32, 256, 8, 128
ROW_LENGTH = STATE_LENGTH + ACTION_LENGTH
NUM_PAIRS = NUM_STATES * NUM_CANDIDATES
COLD_THEORY = NUM_CANDIDATES * ROW_LENGTH / (STATE_LENGTH + NUM_CANDIDATES * ACTION_LENGTH)
WARM_THEORY = ROW_LENGTH / ACTION_LENGTH
METHODS = ("rows", "cascade", "packed")
REFERENCES = ("every pair, ours", "every pair, transformers")
LEAN = "every pair, top layer where needed"
GOALS = {"cpu": 0.85, "cuda": 0.6}
PROMPT_LENGTH, SAMPLED_LENGTH = 12, 32


class Problem(NamedTuple):
    """What is to be scored."""

    states: list[list[int]]
    candidates: list[list[list[int]]]

    @property
    def rows(self) -> Tensor:
        """All pairs, int64[256, 264]."""
        pairs = zip(self.states, self.candidates, strict=True)
        return torch.tensor([state + action for state, actions in pairs for action in actions])


def make_problem(states: list[list[int]], seed: int) -> Problem:
    """Returns the states with new candidates; no two of a state begin alike, so that they share nothing."""
    rng = np.random.default_rng(seed)
    firsts = [rng.permutation(VOCAB_SIZE)[:NUM_CANDIDATES] for _ in states]
    rest = rng.integers(0, VOCAB_SIZE, (len(states), NUM_CANDIDATES, ACTION_LENGTH - 1))
    return Problem(
        states,
        [
            [[int(first), *tail] for first, tail in zip(heads, tails, strict=True)]
            for heads, tails in zip(firsts, rest.tolist(), strict=True)
        ],
    )


def log_probs(policy: Policy, hidden: Tensor, rows: Tensor) -> Tensor:
    """Returns the log-probs of the candidates [n] from states [n, 8, D] before each of their tokens."""
    targets = rows[:, STATE_LENGTH:].to(hidden.device)
    found, _ = token_logps(
        hidden.flatten(0, 1), targets.flatten(), policy.output_logits, vocab_size=VOCAB_SIZE
    )
    return found.view(targets.shape).sum(1)


@torch.inference_mode()
def prefill_pairs(
    policy: Policy, forward: Forward, problem: Problem, *, batch: int, is_lean: bool = False
) -> Tensor:
    """Scores by prefilling every pair with the forward pass of our own."""
    forward.refresh(ROW_LENGTH)
    rows, found = problem.rows, []
    cache = KVCache(forward.cache_shape, 1, batch * ROW_LENGTH + 1, policy.model.dtype, policy.model.device)
    needed = np.arange(STATE_LENGTH - 1, ROW_LENGTH)
    for part in rows.split(batch):
        n = len(part)
        paths = (1 + np.arange(n * ROW_LENGTH)).reshape(n, ROW_LENGTH).tolist()
        none = np.zeros(n, np.int64)
        places = torch.from_numpy((np.arange(n)[:, None] * ROW_LENGTH + needed).ravel()).to(cache.device)
        plan = RowsPlan(cache, NewRows(paths, none, none, none[:1]), places if is_lean else None)
        hidden = forward.hidden(part.ravel().to(cache.device), plan)
        states = (hidden if is_lean else hidden[places]).unflatten(0, (n, -1))[:, :-1]
        found.append(log_probs(policy, states, part))
    return torch.cat(found)


@torch.inference_mode()
def prefill_pairs_with_transformers(policy: Policy, problem: Problem) -> Tensor:
    """Scores by prefilling every pair with transformers' forward, in one batch."""
    rows = problem.rows
    hidden = policy.hidden_states(rows.to(policy.device))
    return log_probs(policy, hidden[:, STATE_LENGTH - 1 : -1], rows)


def score(policy: Policy, problem: Problem, **options: Any) -> Tensor:
    """Scores with the states shared."""
    return score_candidates(policy, problem.states, problem.candidates, **options).sums.flatten()


class Clock:
    """Seconds by the wall, or of this process's CPU time (for one thread on a busy machine)."""

    def __init__(self, kind: str, device: str) -> None:
        self._now = time.process_time if kind == "cpu" else time.perf_counter
        self._is_cuda = device == "cuda"

    def measure(self, run: Callable[[], object]) -> float:
        """Returns the seconds that ``run`` takes."""
        self._wait()
        start = self._now()
        run()
        self._wait()
        return self._now() - start

    def _wait(self) -> None:
        if self._is_cuda:
            torch.cuda.synchronize()


def pick_batch(policy: Policy, forward: Forward, problem: Problem, clock: Clock) -> int:
    """Returns the number of pairs in a batch with which prefilling every pair is fastest here."""
    part = Problem(problem.states[:1], problem.candidates[:1])
    sizes = (2, 4, 8, 32) if policy.device.type == "cpu" else (32,)
    times = {
        size: min(clock.measure(partial(prefill_pairs, policy, forward, part, batch=size)) for _ in range(2))
        for size in sizes
    }
    return min(times, key=lambda size: times[size]) if policy.device.type == "cpu" else NUM_PAIRS


def make_ways(
    policy: Policy, states: list[list[int]], clock: Clock, repetitions: int
) -> dict[str, Callable[[Problem], Tensor]]:
    """Returns the ways to score, by name."""
    forward = make_forward(policy.model)
    assert forward is not None
    batch = pick_batch(policy, forward, make_problem(states, 0), clock)
    ways: dict[str, Callable[[Problem], Tensor]] = {
        "every pair, ours": lambda problem: prefill_pairs(policy, forward, problem, batch=batch),
        LEAN: lambda problem: prefill_pairs(policy, forward, problem, batch=batch, is_lean=True),
        "every pair, transformers": lambda problem: prefill_pairs_with_transformers(policy, problem),
    }
    room = NUM_STATES * (STATE_LENGTH + (repetitions + 1) * NUM_CANDIDATES * ACTION_LENGTH)
    for method in METHODS:
        store = PrefixStore(policy, max_tokens=room, method=method)
        store.hidden(states)
        ways[f"{method}, cold"] = lambda problem, method=method: score(policy, problem, method=method)
        ways[f"{method}, warm"] = lambda problem, store=store: score(policy, problem, store=store)
    return ways


def compare(policy: Policy, threads: int, repetitions: int, clock: Clock) -> dict[str, float]:
    """Returns the median seconds of each way, after one round that checks that they agree."""
    torch.set_num_threads(threads)
    states = np.random.default_rng(0).integers(0, VOCAB_SIZE, (NUM_STATES, STATE_LENGTH)).tolist()
    ways = make_ways(policy, states, clock, repetitions)
    times: dict[str, list[float]] = {name: [] for name in ways}
    tolerance = 1e-3 if policy.model.dtype == torch.float32 else 1.0
    problem = make_problem(states, 0)
    wanted = ways[REFERENCES[0]](problem)
    for way in ways.values():
        torch.testing.assert_close(way(problem), wanted, atol=tolerance, rtol=0)
    for repetition in range(1, repetitions + 1):
        problem = make_problem(states, repetition)
        for name, way in ways.items():
            times[name].append(clock.measure(partial(way, problem)))
    return {name: statistics.median(values) for name, values in times.items()}


def count_operations(policy: Policy) -> dict[str, float]:
    """Returns the multiply-adds of the matrix products and of attention in each way, without the logits."""
    config = policy.model.config
    width, layers = config.hidden_size, config.num_hidden_layers
    above = width * (width + 3 * config.intermediate_size)  # of a layer, above its attention
    weights = layers * (3 * width * width + above)

    def attention(first: int, stop: int) -> float:
        return layers * 2 * width * (stop * (stop + 1) - first * (first + 1)) / 2

    state = STATE_LENGTH * weights + attention(0, STATE_LENGTH)
    action = ACTION_LENGTH * weights + attention(STATE_LENGTH, ROW_LENGTH)
    unread = (STATE_LENGTH - 1) * above
    return {
        "pair": state + action,
        "lean pair": state + action - unread,
        "cold": (state - unread) / NUM_CANDIDATES + action,
        "warm": action,
    }


def make_rows(policy: Policy, threads: int, seconds: dict[str, float]) -> list[dict[str, Any]]:
    """Returns what is printed and recorded of the comparison."""
    reference = min(seconds[name] for name in REFERENCES)
    operations, rows = count_operations(policy), []
    for name, value in seconds.items():
        row: dict[str, Any] = {"threads": threads, "way": name, "seconds": round(value, 4)}
        row["ratio"] = round(reference / value, 3)
        kind = name.split(", ")[-1]
        if kind in ("cold", "warm"):
            theory = COLD_THEORY if kind == "cold" else WARM_THEORY
            lean_theory = operations["lean pair"] / operations[kind]
            row |= {
                "theory": theory,
                "share_of_theory": round(reference / value / theory, 3),
                "ratio_to_lean": round(seconds[LEAN] / value, 3),
                "lean_theory": round(lean_theory, 3),
                "share_of_lean_theory": round(seconds[LEAN] / value / lean_theory, 3),
            }
        rows.append(row)
    return rows


def make_marks(device: str, rows: list[dict[str, Any]]) -> list[Mark]:
    """Returns the marks: the share of the theoretical ratio that the method chosen by default reaches."""
    method = "cascade" if device == "cpu" else "packed"
    return [
        make_mark(
            f"{row['way']}, {row['threads']} threads: share of {row['theory']:g} x",
            row["share_of_theory"], "1", at_least=GOALS[device],
        )
        for row in rows
        if row["way"].startswith(method)
    ]  # fmt: skip


def compare_with_sampling(
    policy: Policy, threads: int, repetitions: int, clock: Clock
) -> list[dict[str, Any]]:
    """Returns the seconds of scoring given actions and of sampling as many tokens, at 1, 8 and 256 rows."""
    engine, params = Engine(policy.model), SamplingParams(max_new_tokens=SAMPLED_LENGTH)
    rng, rows = np.random.default_rng(1), []
    for count in (1, 8, 256):
        times: dict[str, list[float]] = {"score": [], "sample": []}
        for repetition in range(repetitions + 1):
            prompts = rng.integers(0, VOCAB_SIZE, (count, PROMPT_LENGTH)).tolist()
            actions = [[row] for row in rng.integers(0, VOCAB_SIZE, (count, SAMPLED_LENGTH)).tolist()]
            scoring = clock.measure(partial(score_candidates, policy, prompts, actions))
            sampling = clock.measure(partial(engine.generate, prompts, params, seed=repetition))
            if repetition:  # the first warms up
                times["score"].append(scoring)
                times["sample"].append(sampling)
        median = {name: statistics.median(values) for name, values in times.items()}
        rows.append(
            {
                "threads": threads,
                "way": f"score against sample, {count} rows",
                "score_s": round(median["score"], 5),
                "sample_s": round(median["sample"], 5),
                "ratio": round(median["sample"] / median["score"], 2),
            }
        )
    return rows


def print_tables(rows: list[dict[str, Any]]) -> None:
    table = Table("threads", "way", "ms", "×", "of theory", "× lean", "of its theory")
    second = Table("threads", "way", "score, ms", "sample, ms", "×")
    for row in rows:
        if "score_s" in row:
            times = [f"{1e3 * row[name]:.1f}" for name in ("score_s", "sample_s")]
            second.add_row(str(row["threads"]), row["way"], *times, f"{row['ratio']:.1f}")
            continue
        cells = [str(row["threads"]), row["way"], f"{1e3 * row['seconds']:.0f}", f"{row['ratio']:.1f}"]
        if "theory" in row:
            cells += [f"{row['share_of_theory']:.0%} of {row['theory']:g}", f"{row['ratio_to_lean']:.1f}"]
            cells += [f"{row['share_of_lean_theory']:.0%} of {row['lean_theory']:.1f}"]
        table.add_row(*cells)
    for made in (table, second):
        Console().print(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a busy machine")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    model = make_tiny_model(
        VOCAB_SIZE, hidden_size=options.width, layers=options.layers, heads=options.width // 64, context=512
    )
    policy = Policy(model.to(options.device, getattr(torch, options.dtype)))
    policy.to(options.device)
    clock = Clock(options.clock, options.device)
    rows, marks = [], []
    for threads in options.threads if options.device == "cpu" else [1]:
        found = make_rows(policy, threads, compare(policy, threads, options.repetitions, clock))
        rows += found + compare_with_sampling(policy, threads, 3 * options.repetitions, clock)
        marks += make_marks(options.device, found)
    print_tables(rows)
    for mark in marks:
        print(f"{'holds' if mark['holds'] else 'MISSED'}: {mark['name']}: {mark['value']} ({mark['goal']})")
    if not options.no_record:
        write_record("kv_share" if options.device == "cpu" else "kv_share_gpu", rows, marks)


if __name__ == "__main__":
    main()
