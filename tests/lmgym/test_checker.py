"""Each law that the checkers state is broken once, and the checker must say which."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from lmgym.checker import check_env, check_vector_env
from lmgym.envs.text import TextEnv
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import CheckError
from lmgym.tasks.probes import Echo


class Broken(gym.Wrapper[Any, Any, Any, Any]):
    """A token environment whose ``step`` or ``reset`` is spoilt by ``spoil``; nothing below is unwrapped."""

    def __init__(self, spoil_step: Any = None, spoil_reset: Any = None, env: Any = None) -> None:
        super().__init__(env or TokenEnv(Echo()))
        self.spoil_step, self.spoil_reset = spoil_step, spoil_reset
        self.memory: dict[str, Any] = {}

    @property
    def unwrapped(self) -> Any:
        return self

    @property
    def _np_random(self) -> Any:
        return self.env.unwrapped._np_random

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        if self.spoil_reset:
            return self.spoil_reset(self, seed, options)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        result = self.env.step(action)
        return self.spoil_step(self, action, *result) if self.spoil_step else result


def shift_left(env: Any, action: Any, obs: Any, *rest: Any) -> Any:
    return {key: np.roll(value, 1) for key, value in obs.items()}, *rest


def retokenise(env: Any, action: Any, obs: Any, *rest: Any) -> Any:
    ids = obs["input_ids"].copy()
    ids[int(obs["attention_mask"].sum()) - 1] = 5 if action != 5 else 6
    return {**obs, "input_ids": ids}, *rest


def rewrite_prompt(env: Any, action: Any, obs: Any, *rest: Any) -> Any:
    ids = obs["input_ids"].copy()
    ids[0] = (ids[0] + 1) % 146
    return {**obs, "input_ids": ids}, *rest


def numpy_reward(env: Any, action: Any, obs: Any, reward: Any, *rest: Any) -> Any:
    return obs, np.float32(reward), *rest


def nan_reward(env: Any, action: Any, obs: Any, reward: Any, terminated: Any, *rest: Any) -> Any:
    return obs, float("nan") if terminated else reward, terminated, *rest


def end_both_ways(
    env: Any, action: Any, obs: Any, reward: Any, terminated: Any, truncated: Any, info: Any
) -> Any:
    return obs, reward, terminated, terminated and env.memory.setdefault("steps", 0) == 0 and action > 0, info


def forget_a_term(
    env: Any, action: Any, obs: Any, reward: Any, terminated: Any, truncated: Any, info: Any
) -> Any:
    return obs, reward + (0.5 if terminated else 0.0), terminated, truncated, info


@pytest.mark.parametrize(
    "spoil, message",
    [
        (shift_left, "padding on the left"),
        (retokenise, "what was sampled must be what is kept"),
        (rewrite_prompt, "decoded and encoded again"),
        (numpy_reward, "numpy scalar"),
        (nan_reward, "finite reward"),
        (forget_a_term, "reward_terms"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*reward is a NaN")  # Gymnasium's own checker may meet it first
def test_a_spoilt_step_is_found(spoil: Any, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        check_env(Broken(spoil_step=spoil))


def test_an_episode_that_ends_both_ways_is_found() -> None:
    with pytest.raises(AssertionError, match=r"truncates after 1 step|not both"):
        check_env(Broken(spoil_step=end_both_ways))


def ignore_seed(env: Any, seed: Any, options: Any) -> Any:
    return env.env.reset(seed=None if seed is None else 7, options=options)


def start_over(env: Any, seed: Any, options: Any) -> Any:
    if seed is not None:
        env.memory["seed"] = seed
    return env.env.reset(seed=env.memory.get("seed", 0), options=options)


def hide_options(env: Any, seed: Any, options: Any) -> Any:
    return env.env.reset(seed=seed)


def draw_globally(env: Any, seed: Any, options: Any) -> Any:
    env.env.reset(seed=seed)
    env.memory["count"] = env.memory.get("count", 0) + 1
    return env.env.reset(options={"problem_index": env.memory["count"]})


@pytest.mark.parametrize(
    "spoil, message",
    [
        (ignore_seed, "random number generators are not different"),
        (start_over, "starts over instead of going on"),
        (hide_options, "unknown option passes silently"),
    ],
)
def test_a_spoilt_reset_is_found(spoil: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_env(Broken(spoil_reset=spoil))


def test_unseeded_randomness_is_found() -> None:
    with pytest.raises(AssertionError, match="same seed"):
        check_env(Broken(spoil_reset=draw_globally))


class Forgetful(TokenEnv):
    """Restores its tokens, but not which problem comes next."""

    def set_state(self, state: Any) -> None:
        super().set_state({**state, "stream": self.get_state()["stream"]})


class Shared(TokenEnv):
    """Its copies play on in the same rows."""

    def clone(self) -> Any:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy


class Lenient(TokenEnv):
    """Takes any action: what is outside the vocabulary wraps around."""

    def step(self, action: Any) -> Any:
        return super().step(int(action or 0) % 146 if not isinstance(action, str) else 3)


class Undead(TextEnv):
    """Goes on after the end."""

    def step(self, action: Any) -> Any:
        if not self._play.rows.is_live[0]:
            return self._observe(), 0.0, True, False, {}
        return super().step(action)


class Careful(TextEnv):
    """Has a verifier that breaks on digits without end."""

    def step(self, action: Any) -> Any:
        int("".join(c for c in str(action) if c in "0123456789")[:100_000] or "0")
        return super().step(action)


@pytest.mark.parametrize(
    "cls, error, message",
    [
        (Forgetful, CheckError, "the next problem"),
        (Shared, CheckError, "clone"),
        (Lenient, CheckError, "passes silently"),
        (Undead, CheckError, "step after the end passes silently"),
        (Careful, ValueError, "Exceeds the limit"),
    ],
)
def test_a_spoilt_class_is_found(cls: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_env(cls(Echo()))


class BrokenVector(TokenVectorEnv):
    def __init__(self, spoil: Any, mode: str) -> None:
        super().__init__(Echo(), num_envs=3, autoreset_mode=mode)
        self.spoil = spoil
        self.buffer: Any = None

    def step(self, actions: Any) -> Any:
        return self.spoil(self, *super().step(actions))


def lose_final_observation(
    env: Any, obs: Any, rewards: Any, terminated: Any, truncated: Any, infos: Any
) -> Any:
    infos = {key: value for key, value in infos.items() if "final_obs" not in key}
    return obs, rewards, terminated, truncated, infos


def mix_rows(env: Any, obs: Any, *rest: Any) -> Any:
    return {key: value[::-1].copy() for key, value in obs.items()}, *rest


def reuse_buffer(env: Any, obs: Any, *rest: Any) -> Any:
    if env.buffer is None:
        env.buffer = obs
    for key, value in obs.items():
        env.buffer[key][:] = value
    return env.buffer, *rest


def return_lists(env: Any, obs: Any, rewards: Any, *rest: Any) -> Any:
    return obs, list(rewards), *rest


def merge_ends(env: Any, obs: Any, rewards: Any, terminated: Any, truncated: Any, infos: Any) -> Any:
    return obs, rewards, terminated, terminated | truncated, infos


def drop_masks(env: Any, obs: Any, rewards: Any, terminated: Any, truncated: Any, infos: Any) -> Any:
    return obs, rewards, terminated, truncated, {k: v for k, v in infos.items() if not k.startswith("_")}


def pay_twice(env: Any, obs: Any, rewards: Any, terminated: Any, truncated: Any, infos: Any) -> Any:
    return obs, rewards + 1.0, terminated, truncated, infos


@pytest.mark.parametrize(
    "spoil, mode, message",
    [
        (lose_final_observation, "SAME_STEP", "lost in the reset"),
        (mix_rows, "DISABLED", "step\\(\\), row"),
        (reuse_buffer, "NEXT_STEP", "without a copy"),
        (return_lists, "NEXT_STEP", "rewards as an array"),
        (merge_ends, "NEXT_STEP", "not both"),
        (drop_masks, "DISABLED", "without the mask"),
        (pay_twice, "NEXT_STEP", "reward 0|reward_terms"),
    ],
)
def test_a_spoilt_vector_environment_is_found(spoil: Any, mode: str, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        check_vector_env(BrokenVector(spoil, mode))


def test_a_mode_that_is_no_mode_is_found() -> None:
    env = TokenVectorEnv(Echo(), num_envs=2)
    env.metadata = {"autoreset_mode": "NextStep"}
    with pytest.raises(CheckError, match="given as a string"):
        check_vector_env(env)


def test_a_mode_that_is_not_kept_is_found() -> None:
    env = TokenVectorEnv(Echo(), num_envs=2, autoreset_mode="SAME_STEP")
    env.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(CheckError):
        check_vector_env(env)


def test_environments_of_other_kinds_pass_what_concerns_them() -> None:
    check_vector_env(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"))
