"""Steps per second under Stable-Baselines3: TokenVecEnv against its own DummyVecEnv and SubprocVecEnv.

    python benchmarks/sb3_vec_env.py

Each steps rows of lmgym/Math-v0 with the same random actions; a step is one token in one row. They take
turns, so that a disturbance of the machine meets all of them. Writes benchmarks/results/sb3_vec_env.json.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _record import make_mark, write_record
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from lmgym.seeding import make_generator
from lmgym_agents.baselines.sb3_actions import make_token_env
from lmgym_agents.baselines.sb3_vec_env import make_token_vec_env

ENV_ID = "lmgym/Math-v0"
OPTIONS = {"level": 2}
REPEATS = 3
CASES: tuple[tuple[str, int, int], ...] = (
    ("TokenVecEnv", 16, 600),
    ("DummyVecEnv", 16, 100),
    ("SubprocVecEnv", 16, 100),
    ("TokenVecEnv", 256, 150),
    ("DummyVecEnv", 256, 10),
)
"""(class, rows, steps of all rows in a measurement). A process for each of 256 rows is more than this machine
has use for."""


def make_single() -> Any:
    return make_token_env(ENV_ID, OPTIONS)


def make_rows(name: str, num_envs: int) -> VecEnv:
    if name == "TokenVecEnv":
        return make_token_vec_env(ENV_ID, num_envs, OPTIONS, seed=0)
    makers: list[Callable[[], Any]] = [make_single] * num_envs
    rows = DummyVecEnv(makers) if name == "DummyVecEnv" else SubprocVecEnv(makers, start_method="fork")
    rows.seed(0)
    return rows


def steps_per_second(rows: VecEnv, actions: np.ndarray) -> float:
    start = time.perf_counter()
    for chosen in actions:
        rows.step(chosen)
    return actions.size / (time.perf_counter() - start)


def main() -> None:
    found: list[list[float]] = [[] for _ in CASES]
    made = [make_rows(name, num_envs) for name, num_envs, _ in CASES]
    for rows in made:
        rows.reset()
    for repeat in range(REPEATS):
        for place, (rows, (_, num_envs, steps)) in enumerate(zip(made, CASES, strict=True)):
            draws = make_generator(0, "actions", repeat)
            actions = draws.integers(0, rows.action_space.n, (steps, num_envs))
            found[place].append(steps_per_second(rows, actions))
    for rows in made:
        rows.close()
    records = []
    for (name, num_envs, _), rates in zip(CASES, found, strict=True):
        median = statistics.median(rates)
        records.append(
            {"env": name, "rows": num_envs, "steps_per_s": round(median), "all": [round(r) for r in rates]}
        )
        print(f"{name:14} {num_envs:4} rows  {median:12,.0f} steps/s")
    rate = {(row["env"], row["rows"]): row["steps_per_s"] for row in records}
    marks = [
        make_mark(
            f"TokenVecEnv over DummyVecEnv, {num_envs} rows",
            rate["TokenVecEnv", num_envs] / rate["DummyVecEnv", num_envs],
            "times as many steps/s",
            at_least=goal,
        )
        for num_envs, goal in ((16, 2.0), (256, 10.0))
    ]
    print(*(f"{mark['name']}: {mark['value']:.1f}" for mark in marks), sep="\n")
    print("wrote", write_record("sb3_vec_env", records, marks), file=sys.stderr)


if __name__ == "__main__":
    main()
