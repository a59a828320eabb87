"""Anchors: what an agent that draws tokens at random measures on an entry, and what demonstrations do.

In: an entry and a split. Out: two numbers of its metric. They are how the anchors in suites were found, and
how those of a suite of one's own are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lmgym.bench.suites import Entry
from lmgym.envs.text_vector import TextVectorEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_generator

_ROWS = 1000


def measure_random(entry: Entry, split: str, *, num_episodes: int = 20_000, seed: int = 0) -> float:
    """Returns the mean of the entry's metric when tokens are drawn uniformly from those that it can need.

    Those are the characters of the task's answers (all, where it names none) and the end token, as
    ``mask_actions=True`` allows them.

    Args:
        entry: of a suite; its environment is made with the character tokenizer.
        split: of the environment.
        num_episodes: rounded up to whole batches.
        seed: of the draws and the problems.
    """
    rows = min(_ROWS, num_episodes)
    env = cast("TokenVectorEnv", _make(entry, split, rows, "token", mask_actions=True))
    rng = make_generator(seed, "bench", "random", entry.name, split)
    found = []
    for batch in range(-(-num_episodes // rows)):
        env.reset(options={"problem_index": np.arange(batch * rows, (batch + 1) * rows)})
        outcome = _Outcome(rows)
        while (live := env.tokens_left > 0).any():
            tokens, lengths = _draw_turns(env, rng)
            told = env.step_responses(tokens, lengths, live)
            outcome.add(told.rewards.sum(axis=1), told.terminated | told.truncated, told.infos)
        found.append(outcome.of(entry))
    env.close()
    return float(np.mean(found))


def _draw_turns(env: TokenVectorEnv, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns int64[B, T] and int64[B]: allowed tokens up to the first end token or the turn's budget."""
    left = env.tokens_left.astype(np.int64)
    allowed = np.flatnonzero(env.action_masks()[0])
    tokens = allowed[rng.integers(0, len(allowed), (env.num_envs, int(left.max())))]
    is_end = np.isin(tokens, env.tokenizer.end_ids)
    first_end = np.where(is_end.any(axis=1), is_end.argmax(axis=1) + 1, tokens.shape[1])
    return tokens, np.minimum(first_end, left)


def measure_demonstrations(entry: Entry, split: str, *, num_problems: int = 1000, seed: int = 0) -> float:
    """Returns the mean of the entry's metric when each problem is answered by a demonstration of it.

    Demonstrations of the best quality, where the environment has an option for that.

    Args:
        entry: of a suite.
        split: of the environment.
        num_problems: the first ones of the split.
        seed: of demonstrations that are drawn.
    """
    more = {"demonstration_quality": 1.0} if "demonstration_quality" in entry.options else {}
    env = cast(
        "TextVectorEnv",
        _make(entry, split, num_problems, "response", autoreset_mode="NEXT_STEP", **more),
    )
    task = env.task
    turns = [
        task.demonstrations(problem, make_generator(seed, "bench", "demonstration", problem.index))
        for problem in task.problems(split, range(num_problems))
    ]
    env.reset(options={"problem_index": np.arange(num_problems)})
    outcome = _Outcome(num_problems)
    number = 0
    while not outcome.is_over.all():
        said = [each[number] if number < len(each) else "" for each in turns]
        _, rewards, terminated, truncated, infos = env.step(said)
        outcome.add(rewards, terminated | truncated, infos)
        number += 1
    env.close()
    return outcome.of(entry)


class _Outcome:
    """What B episodes have come to so far."""

    def __init__(self, num_rows: int) -> None:
        self.is_over = np.zeros(num_rows, np.bool_)
        self._success, self._score, self._reward = np.zeros((3, num_rows))
        self._failed = np.zeros(num_rows, np.bool_)

    def add(self, rewards: NDArray[Any], ended: NDArray[np.bool_], infos: Mapping[str, Any]) -> None:
        ended = ended & ~self.is_over
        self._reward += np.where(self.is_over, 0.0, rewards)
        for name, column in (
            ("success", self._success),
            ("score", self._score),
            ("reward_failed", self._failed),
        ):
            if name in infos:
                column[ended] = infos[name][ended]
        self.is_over |= ended

    def of(self, entry: Entry) -> float:
        column = {"success": self._success, "score": self._score, "reward": self._reward}[entry.metric]
        return float(column[~self._failed].mean())


def _make(
    entry: Entry, split: str, num_envs: int, granularity: str, **more: Any
) -> gym.vector.VectorEnv[Any, Any, Any]:
    shared = {"split": split, "granularity": granularity, "autoreset_mode": "DISABLED"}
    options = {**entry.options, **shared, **more}
    return gym.make_vec(entry.env, num_envs=num_envs, **options)
