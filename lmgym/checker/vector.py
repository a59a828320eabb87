"""``check_vector_env``: what Gymnasium demands of vector environments but has no checker for."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from lmgym.checker.laws import (
    are_equal,
    check_growth,
    check_number,
    check_row,
    check_terms,
    is_token_space,
    require,
)
from lmgym.checker.single import sample_action

VectorEnv = gym.vector.VectorEnv[Any, Any, Any]


def check_vector_env(env: VectorEnv, *, seed: int = 0, num_steps: int = 200) -> None:
    """Checks that ``env`` keeps the contract of its autoreset mode and the laws of token and text rows.

    Every row is followed through ``num_steps`` random steps: within an episode it only grows, rewards are
    finite, terms sum to rewards, no transition leads from one episode into another, ended rows are reset
    when the mode says so, and arrays that were returned never change afterwards.

    Args:
        env: any Gymnasium vector environment; laws about observations are tested where the single
            observation is text, or a Dict with ``input_ids`` and ``attention_mask``.
        seed: of the episodes.
        num_steps: steps to follow.

    Raises:
        CheckError: a law is broken; the message names the call, what was expected, and the likely cause.
    """
    mode = env.metadata.get("autoreset_mode")
    require(
        isinstance(mode, AutoresetMode),
        "env.metadata['autoreset_mode']",
        "an AutoresetMode",
        mode,
        "the mode was left out, or given as a string",
    )
    _check_seeds(env, seed)
    follower = _Follower(env, seed)
    for _ in range(num_steps):
        follower.step()
    require(
        follower.num_ended,
        f"{num_steps} random steps",
        "an episode that ends",
        "none",
        "episodes are longer than num_steps (raise it), or never end",
    )
    env.reset(seed=seed)


class _Follower:
    """Steps an environment at random and compares each row with the row before."""

    def __init__(self, env: VectorEnv, seed: int) -> None:
        self.env = env
        self.mode = env.metadata["autoreset_mode"]
        self.rng = np.random.default_rng(seed)
        self.has_rows = is_token_space(env.single_observation_space)
        observation, infos = env.reset(seed=seed)
        self.before = [self.row_of(observation, row) for row in range(env.num_envs)]
        self.kept = (observation, _copied(observation))
        self.ended = np.zeros(env.num_envs, np.bool_)
        self.totals = np.zeros(env.num_envs)
        self.num_ended = 0
        self._check(observation, infos, "reset()")

    def row_of(self, observation: Any, row: int) -> Any:
        if isinstance(observation, dict):
            return {key: values[row].copy() for key, values in observation.items()}
        return observation[row]

    def step(self) -> None:
        if self.mode == AutoresetMode.DISABLED and self.ended.any():
            self._reset_ended()
        env = self.env
        drawn = [sample_action(env.single_action_space, self.rng) for _ in range(env.num_envs)]
        actions = np.array(drawn) if isinstance(drawn[0], int) else tuple(drawn)
        observation, rewards, terminated, truncated, infos = env.step(actions)
        require(
            are_equal(*self.kept),
            "step()",
            "observations returned before to stay as they were",
            "changed ones",
            "a buffer is handed out without a copy",
        )
        self._check(observation, infos, "step()")
        self._check_arrays(rewards, terminated, truncated)
        for row in range(env.num_envs):
            self._follow(row, drawn[row], observation, rewards, terminated[row] or truncated[row], infos)
        self.ended = np.asarray(terminated) | np.asarray(truncated)
        self.num_ended += int(self.ended.sum())
        self.kept = (observation, _copied(observation))

    def _follow(
        self,
        row: int,
        action: Any,
        observation: Any,
        rewards: NDArray[Any],
        has_ended: Any,
        infos: dict[str, Any],
    ) -> None:
        call = f"step(), row {row}"
        now = self.row_of(observation, row)
        if self.mode == AutoresetMode.NEXT_STEP and self.ended[row]:
            require(
                rewards[row] == 0 and not has_ended,
                call,
                "reward 0 and no end in the step that resets the row",
                (rewards[row], has_ended),
                "the action of the ignored step was carried out",
            )
            self.before[row], self.totals[row] = now, 0.0
            return
        self.totals[row] += rewards[row]
        info = row_info(infos, row)
        last = now
        if self.mode == AutoresetMode.SAME_STEP:
            require(
                has_ended == ("final_obs" in info) == ("final_info" in info),
                call,
                "final_obs and final_info in the rows that ended, and in no other",
                sorted(info),
                "the last observation of the episode was lost in the reset",
            )
            last, info = info.get("final_obs", now), info.get("final_info", info)
        if self.has_rows or isinstance(last, str):
            check_growth(self.before[row], last, action, call)
        if has_ended:
            check_terms(info, float(self.totals[row]), call)
            self.totals[row] = 0.0
        self.before[row] = now

    def _reset_ended(self) -> None:
        mask = self.ended.copy()
        observation, infos = self.env.reset(options={"reset_mask": mask})
        self._check(observation, infos, "reset(options={'reset_mask': …})")
        for row in range(self.env.num_envs):
            now = self.row_of(observation, row)
            require(
                mask[row] or are_equal(now, self.before[row]),
                f"reset(options={{'reset_mask': …}}), row {row}",
                "a row outside the mask to stay as it was",
                now,
                "all rows are reset, whatever the mask says",
            )
            self.before[row] = now
        self.totals[mask] = 0.0
        self.kept = (observation, _copied(observation))

    def _check(self, observation: Any, infos: dict[str, Any], call: str) -> None:
        env = self.env
        require(
            observation in env.observation_space,
            call,
            f"observations in {env.observation_space}",
            observation,
            "wrong dtype or shape, or a token beyond the vocabulary",
        )
        if self.has_rows:
            for row in range(env.num_envs):
                check_row(self.row_of(observation, row), f"{call}, row {row}")
        for key in infos:
            has_key = infos.get(f"_{key}")
            require(
                key.startswith("_") or (isinstance(has_key, np.ndarray) and has_key.dtype == np.bool_),
                call,
                f"infos['_{key}'] as bool[{env.num_envs}] beside infos[{key!r}]",
                type(has_key).__name__,
                "an info without the mask that says which rows have it",
            )

    def _check_arrays(self, rewards: Any, terminated: Any, truncated: Any) -> None:
        shape = (self.env.num_envs,)
        for name, array, kind in (
            ("rewards", rewards, "f"),
            ("terminated", terminated, "b"),
            ("truncated", truncated, "b"),
        ):
            require(
                isinstance(array, np.ndarray) and array.shape == shape and array.dtype.kind == kind,
                "step()",
                f"{name} as an array of {shape[0]} {'floats' if kind == 'f' else 'bools'}",
                array,
                "a list or another dtype was returned",
            )
        for reward in rewards:
            check_number(reward, "step()")
        require(
            not (terminated & truncated).any(),
            "step()",
            "rows that terminated or were truncated, not both",
            np.flatnonzero(terminated & truncated).tolist(),
            "a budget that ended together with the task: then the task has ended",
        )


def row_info(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """Returns the part of vector infos that is ``row``'s."""
    own = {}
    for key, values in infos.items():
        if not key.startswith("_") and infos[f"_{key}"][row]:
            own[key] = row_info(values, row) if isinstance(values, dict) else values[row]
    return own


def _check_seeds(env: VectorEnv, seed: int) -> None:
    first, again = env.reset(seed=seed), env.reset(seed=seed)
    require(
        are_equal(first, again),
        f"reset(seed={seed}), twice",
        "equal observations and infos",
        "others",
        "randomness that does not come from the seed",
    )
    other = env.reset(seed=seed + 1)
    require(
        not are_equal(first, other),
        f"reset(seed={seed}) and reset(seed={seed + 1})",
        "different problems",
        "equal ones",
        "the seed is accepted and ignored",
    )


def _copied(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {key: np.array(values) for key, values in observation.items()}
    return observation
