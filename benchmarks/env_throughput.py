"""Token steps a second of lmgym/Math-v0 on one core, problems, resets and scoring included, beside its peers.

Peers: a minimal token environment in the style of RL4LMs (append a token, rebuild a padded Dict observation,
reward at the end) in Gymnasium's SyncVectorEnv; reasoning-gym's generate-and-score; and, as the limit, a bare
append-and-pad of the same numpy arrays. All run in turns in one process, and the median round counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from _record import make_mark, write_record
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from rich.console import Console
from rich.table import Table

from lmgym.records import Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.task import Math
from lmgym.tokenization import CharTokenizer

ID = "lmgym/Math-v0"
PEER_ROWS = 64
TOKENIZER = CharTokenizer()
DIGITS = np.array(TOKENIZER.encode("0123456789"))
Runner = Callable[[float], tuple[int, int, float]]
"""Runs for about so many seconds; returns (token steps, episodes, seconds)."""


class PlainTokenEnv(gym.Env[dict[str, np.ndarray], int]):
    """The usual way to write a token environment: lists of tokens, rebuilt arrays, a score at the end."""

    def __init__(self, max_new_tokens: int, context_length: int) -> None:
        self.task = Math()
        self.max_new_tokens, self.context_length = max_new_tokens, context_length
        shape = (context_length,)
        self.action_space = spaces.Discrete(TOKENIZER.vocab_size)
        self.observation_space = spaces.Dict(
            {
                "input_ids": spaces.Box(0, TOKENIZER.vocab_size - 1, shape, np.int32),
                "attention_mask": spaces.Box(0, 1, shape, np.int8),
            }
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.problem = self.task.problem("train", int(self.np_random.integers(2**62)))
        self.prompt = TOKENIZER.encode(self.problem.prompt)
        self.response: list[int] = []
        return self._observe(), {"prompt": self.problem.prompt}

    def step(self, action: int) -> Any:
        self.response.append(int(action))
        stopped = int(action) == TOKENIZER.end_id
        if not stopped and len(self.response) < self.max_new_tokens:
            return self._observe(), 0.0, False, False, {}
        text = TOKENIZER.decode(self.response)
        turn = Turn("agent", text, stopped)
        verdict = self.task.verify(Transcript(self.problem, (turn,), True))
        reward = 1.0 if verdict.status == "correct" else 0.0
        return self._observe(), reward, True, False, {"response": text, "success": reward == 1.0}

    def _observe(self) -> dict[str, np.ndarray]:
        tokens = self.prompt + self.response
        padding = self.context_length - len(tokens)
        return {
            "input_ids": np.array(tokens + [TOKENIZER.pad_id] * padding, np.int32),
            "attention_mask": np.array([1] * len(tokens) + [0] * padding, np.int8),
        }


def random_tokens(num_steps: int, rows: int) -> np.ndarray:
    """Returns int64[num_steps, rows], uniform over the vocabulary."""
    return make_generator(0, "random policy").integers(0, TOKENIZER.vocab_size, (num_steps, rows))


def answer_like_tokens(num_steps: int, rows: int) -> np.ndarray:
    """Returns int64[num_steps, rows]: digits, and an end token with probability 0.3."""
    rng = make_generator(0, "answer-like policy")
    digits = rng.choice(DIGITS, (num_steps, rows))
    return np.where(rng.random((num_steps, rows)) < 0.3, TOKENIZER.end_id, digits)


def step_runner(env: Any, tokens: np.ndarray) -> Runner:
    """Steps ``env`` by tokens; in the mode NEXT_STEP the step that resets a row is not counted for it."""
    env.reset(seed=0)
    is_next_step = env.metadata["autoreset_mode"].name == "NEXT_STEP"
    state = {"at": 0, "waiting": 0}

    def run(seconds: float) -> tuple[int, int, float]:
        num_tokens = num_episodes = 0
        start = now = time.perf_counter()
        while now - start < seconds:
            for _ in range(16):
                state["at"] = (state["at"] + 1) % len(tokens)
                _, _, terminated, truncated, _ = env.step(tokens[state["at"]])
                ended = int(np.count_nonzero(terminated | truncated))
                num_tokens += env.num_envs - state["waiting"]
                num_episodes += ended
                state["waiting"] = ended if is_next_step else 0
            now = time.perf_counter()
        return num_tokens, num_episodes, now - start

    return run


def response_runner(env: Any, policy: Callable[[int, int], np.ndarray]) -> Runner:
    """Plays whole responses through the fast path; every row is reset after every response."""
    env.reset(seed=0)
    width = env.max_new_tokens
    batches = []
    for tokens in policy(64 * width, env.num_envs).reshape(64, width, env.num_envs).transpose(0, 2, 1):
        is_end = tokens == TOKENIZER.end_id
        lengths = np.where(is_end.any(axis=1), is_end.argmax(axis=1) + 1, width)
        batches.append((tokens.copy(), lengths))
    state = {"at": 0}

    def run(seconds: float) -> tuple[int, int, float]:
        num_tokens = num_episodes = 0
        start = now = time.perf_counter()
        while now - start < seconds:
            state["at"] = (state["at"] + 1) % len(batches)
            tokens, lengths = batches[state["at"]]
            env.step_responses(tokens, lengths)
            env.reset()
            num_tokens += int(lengths.sum())
            num_episodes += env.num_envs
            now = time.perf_counter()
        return num_tokens, num_episodes, now - start

    return run


def append_and_pad_runner(rows: int, context_length: int, prompt_length: int, tokens: np.ndarray) -> Runner:
    """The limit: the same arrays filled and copied, with nothing else done; rows restart when full."""
    ids = np.zeros((rows, context_length), np.int32)
    mask = np.zeros((rows, context_length), np.int8)
    lengths = np.full(rows, prompt_length)
    every = np.arange(rows)

    def run(seconds: float) -> tuple[int, int, float]:
        num_steps = 0
        start = now = time.perf_counter()
        while now - start < seconds:
            for _ in range(16):
                ids[every, lengths] = tokens[num_steps % len(tokens)]
                mask[every, lengths] = 1
                lengths[:] += 1
                if lengths[0] == context_length:
                    lengths[:] = prompt_length
                    ids[:, prompt_length:] = 0
                    mask[:, prompt_length:] = 0
                ids.copy(), mask.copy()
                num_steps += 1
            now = time.perf_counter()
        return num_steps * rows, 0, now - start

    return run


def reasoning_gym_runner() -> Runner | None:
    """Generates a problem of two-digit sums, scores one answer; None where reasoning-gym is not installed."""
    try:
        import reasoning_gym
    except ImportError:
        return None
    options = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2}
    dataset = reasoning_gym.create_dataset("chain_sum", seed=0, size=10**9, **options)
    state = {"at": 0}

    def run(seconds: float) -> tuple[int, int, float]:
        num_tokens = num_episodes = 0
        start = now = time.perf_counter()
        while now - start < seconds:
            entry = dataset[state["at"]]
            dataset.score_answer(entry["answer"], entry)
            state["at"] += 1
            num_episodes += 1
            num_tokens += len(entry["answer"]) + 1
            now = time.perf_counter()
        return num_tokens, num_episodes, now - start

    return run


def make_runners(rows: int) -> dict[str, Runner]:
    """Returns every row of the table by its name."""
    shape = gym.make_vec(ID, num_envs=1)
    sizes = {"max_new_tokens": shape.max_new_tokens, "context_length": shape.context_length}
    runners: dict[str, Runner] = {}
    for name, policy in (("random", random_tokens), ("answer-like", answer_like_tokens)):
        env = gym.make_vec(ID, num_envs=rows, autoreset_mode="SAME_STEP")
        runners[f"lmgym step(), {name}, {rows} rows"] = step_runner(env, policy(1000, rows))
        fast = gym.make_vec(ID, num_envs=rows, autoreset_mode="DISABLED")
        runners[f"lmgym step_responses(), {name}, {rows} rows"] = response_runner(fast, policy)
        peer = SyncVectorEnv([lambda: PlainTokenEnv(**sizes)] * PEER_ROWS)
        runners[f"plain token env, {name}, SyncVectorEnv, {PEER_ROWS} rows"] = step_runner(
            peer, policy(1000, PEER_ROWS)
        )
    prompt_length = shape.context_length - shape.max_new_tokens
    runners[f"numpy append-and-pad, {rows} rows (the limit)"] = append_and_pad_runner(
        rows, shape.context_length, prompt_length, random_tokens(1000, rows)
    )
    reasoning = reasoning_gym_runner()
    if reasoning is not None:
        runners["reasoning-gym chain_sum, generate and score"] = reasoning
    return runners


def measure(runners: dict[str, Runner], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Returns one line a runner: medians, and the best round, over ``rounds`` rounds that take turns."""
    for run in runners.values():
        run(seconds / 4)
    speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            num_tokens, num_episodes, taken = run(seconds)
            speeds[name].append((num_tokens / taken, num_episodes / taken))
    lines = []
    for name, found in speeds.items():
        tokens, episodes = zip(*found, strict=True)
        lines.append(
            {
                "name": name,
                "token_steps_per_s": round(statistics.median(tokens)),
                "best_token_steps_per_s": round(max(tokens)),
                "episodes_per_s": round(statistics.median(episodes)),
                "rounds": rounds,
            }
        )
    return lines


def show(lines: list[dict[str, Any]], unit: float) -> None:
    """Prints the table; the last column counts in speeds of the plain environment."""
    table = Table(title=f"{ID}: one core, problems, resets and scoring included")
    table.add_column("what")
    for heading in ("token steps/s", "best round", "episodes/s", "× plain env"):
        table.add_column(heading, justify="right")
    for line in lines:
        speed = line["token_steps_per_s"]
        episodes = f"{line['episodes_per_s']:,}" if line["episodes_per_s"] else ""
        best = f"{line['best_token_steps_per_s']:,}"
        table.add_row(line["name"], f"{speed:,}", best, episodes, f"{speed / unit:.1f}")
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1024, help="rows of the lmgym environment")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each; the median counts")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    runners = make_runners(options.rows)
    lines = measure(runners, options.rounds, options.seconds)
    speeds = {line["name"]: line["token_steps_per_s"] for line in lines}
    ours = speeds[f"lmgym step(), random, {options.rows} rows"]
    plain = speeds[f"plain token env, random, SyncVectorEnv, {PEER_ROWS} rows"]
    show(lines, plain)
    if not any("reasoning-gym" in name for name in runners):
        print('reasoning-gym is not installed, so its row is missing: pip install "lmgym[peers]"')
    marks = [
        make_mark(
            f"env_throughput: {ID}, {options.rows} rows, random policy", ours, "token steps/s", at_least=1e6
        ),
        make_mark(
            "env_throughput: against a plain token env in SyncVectorEnv", ours / plain, "times", at_least=25
        ),
    ]
    for mark in marks:
        print(f"{mark['name']}: {mark['value']:,.1f} {mark['unit']} ({mark['goal']}: {mark['holds']})")
    print(f"written to {write_record('env_throughput', lines, marks)}")


if __name__ == "__main__":
    main()
