"""Other people's checkers, wrappers, vector environments and agents take these environments as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium_env
from gymnasium.utils.performance import benchmark_step
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import (
    FlattenObservation,
    OrderEnforcing,
    RecordEpisodeStatistics,
    TimeLimit,
    TransformReward,
)
from gymnasium.wrappers import vector as vector_wrappers

import lmgym
from lmgym.checker.laws import are_equal
from lmgym.errors import UnknownNameError
from lmgym.spaces import UnicodeText
from tests.registered import INSTALLED as TABLE

ROOT = Path(__file__).resolve().parents[3]
IDS = [entry.id for entry in TABLE]
GRANULARITIES = ["token", "step", "response"]


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_gymnasium_checks_every_environment(id: str, granularity: str) -> None:
    env = gym.make(id, granularity=granularity)
    check_gymnasium_env(env.unwrapped)
    check_gymnasium_env(gym.make(id, granularity=granularity, render_mode="ansi").unwrapped)
    assert env.spec.id == id and gym.spec(id).vector_entry_point


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_our_own_checks_hold_for_every_environment(id: str, granularity: str) -> None:
    lmgym.check_env(gym.make(id, granularity=granularity))
    for mode in AutoresetMode:
        lmgym.check_vector_env(gym.make_vec(id, num_envs=3, granularity=granularity, autoreset_mode=mode))


@pytest.mark.parametrize("id", IDS)
def test_stable_baselines3_checks_every_token_environment(id: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gym.make(id).unwrapped, warn=True)


def test_stable_baselines3_trains_on_a_probe() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    options = {"length": 1, "max_new_tokens": 2}
    env = env_util.make_vec_env(
        "lmgym:lmgym/Echo-v0",
        n_envs=2,
        seed=0,
        env_kwargs=options,
    )
    agent = sb3.PPO("MultiInputPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    agent.learn(128)
    actions, _ = agent.predict(env.reset())
    assert actions.shape == (2,)


@pytest.mark.parametrize("id", ["lmgym/Math-v0", "lmgym/Delayed-v0"])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_native_vector_environment_speaks_like_gymnasiums(id: str, mode: AutoresetMode) -> None:
    """Same shapes, dtypes, info keys and masks as SyncVectorEnv gives for the same rows."""
    native = gym.make_vec(id, num_envs=3, autoreset_mode=mode)
    sync = SyncVectorEnv([lambda: gym.make(id)] * 3, autoreset_mode=mode)
    assert native.observation_space == sync.observation_space and native.action_space == sync.action_space
    _, native_infos = native.reset(seed=0)
    for row, env in enumerate(sync.envs):  # each is told which row it plays
        env.unwrapped._play.stream.readdress(0, row)
    observation, sync_infos = sync.reset(seed=[0, 0, 0])
    assert are_equal((observation, sync_infos), (native.reset(seed=0)[0], native_infos))
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.choice([1, 20, 25, 70, 71], 3)
        ours, theirs = native.step(actions), sync.step(actions)
        final = [infos.pop("final_obs", np.full(3, None)) for infos in (ours[4], theirs[4])]
        assert are_equal(*(list(each) for each in final))
        assert are_equal(ours, theirs)


def _make_math() -> Any:
    return gym.make("lmgym:lmgym/Math-v0")


def _make_text() -> Any:
    return gym.make("lmgym:lmgym/Guess-v0", granularity="response")


def test_worker_processes_play_the_same_episodes() -> None:
    sync, parallel = SyncVectorEnv([_make_math] * 4), AsyncVectorEnv([_make_math] * 4, context="spawn")
    rng = np.random.default_rng(0)
    assert are_equal(sync.reset(seed=3), parallel.reset(seed=3))
    for _ in range(50):
        actions = rng.choice([1, 20, 25], 4)
        assert are_equal(sync.step(actions), parallel.step(actions))
    parallel.close()


def test_text_passes_between_processes() -> None:
    # Gymnasium reads a Text observation out of shared memory once, at the beginning: pipes must carry it.
    sync = SyncVectorEnv([_make_text] * 2)
    parallel = AsyncVectorEnv([_make_text] * 2, context="spawn", shared_memory=False)
    assert are_equal(sync.reset(seed=3), parallel.reset(seed=3))
    for actions in (("5", "é\ud800"), ("", "7"), ("8", "9")):
        assert are_equal(sync.step(actions), parallel.step(actions))
    parallel.close()


def test_standard_wrappers_take_the_single_environment() -> None:
    env = TransformReward(gym.make("lmgym/Echo-v0"), lambda reward: 2 * reward)
    env = RecordEpisodeStatistics(TimeLimit(OrderEnforcing(FlattenObservation(env)), 3))
    observation, info = env.reset(seed=0)
    assert observation in env.observation_space and observation.ndim == 1
    for token in [*env.unwrapped.tokenizer.encode(info["prompt"][:2]), 1]:
        *_, terminated, _, info = env.step(token)
    assert info["episode"]["r"] == 2.0 and info["episode"]["l"] == 3 and terminated
    env.reset()
    ends = [env.step(20)[2:4] for _ in range(3)]
    assert ends[:2] == [(False, False)] * 2 and ends[2][1]
    env.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_wrappers_record_statistics(mode: AutoresetMode) -> None:
    env = vector_wrappers.RecordEpisodeStatistics(
        gym.make_vec("lmgym/Echo-v0", num_envs=3, autoreset_mode=mode)
    )
    _, infos = env.reset(seed=0)
    words = np.array([[*env.unwrapped.tokenizer.encode(prompt[:2]), 1] for prompt in infos["prompt"]])
    for column in words.T:
        *_, infos = env.step(column)
    assert infos["episode"]["r"].tolist() == [1.0] * 3 and infos["episode"]["l"].tolist() == [3] * 3
    if mode == AutoresetMode.DISABLED:
        _, infos = env.reset(options={"reset_mask": np.array([True, False, False])})
        assert infos["_prompt"].tolist() == [True, False, False]
    env.close()


def test_gymnasium_can_measure_the_speed() -> None:
    assert benchmark_step(gym.make("lmgym/Echo-v0"), target_duration=0, seed=0) > 0


def test_environments_made_from_a_spec_are_equal() -> None:
    env = gym.make("lmgym/Math-v0", level=3, split="test")
    again = gym.make(env.spec)
    assert are_equal(env.reset(seed=0), again.reset(seed=0))
    vector = gym.make_vec("lmgym/Math-v0", num_envs=2, level=3)
    assert vector.spec.kwargs["level"] == 3 and vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


def test_mistaken_names_get_the_nearest() -> None:
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `Math`"):
        gym.make("lmgym/Mth-v0")
    for make in (gym.make, gym.make_vec):
        with pytest.raises(UnknownNameError, match=r"'levl'.*Did you mean 'level'"):
            make("lmgym/Math-v0", levl=3)
        with pytest.raises(UnknownNameError, match=r"'max_new_token'.*Did you mean 'max_new_tokens'"):
            make("lmgym/Math-v0", max_new_token=3)
        with pytest.raises(UnknownNameError, match=r"'tokens'.*Did you mean 'token'"):
            make("lmgym/Math-v0", granularity="tokens")


def test_importing_is_cheap_and_making_needs_no_import() -> None:
    heavy = "['torch', 'sympy', 'transformers', 'tokenizers', 'lmgym.tasks', 'lmgym.envs', 'lmgym.checker']"
    code = f"import sys, lmgym, json; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    assert json.loads(run_python(code)) == []
    code = (
        "import sys, gymnasium as gym\n"
        "env = gym.make('lmgym:lmgym/Math-v0'); env.reset(seed=0); env.step(1)\n"
        "vec = gym.make_vec('lmgym:lmgym/Math-v0', num_envs=2); vec.reset(seed=0)\n"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    assert run_python(code) == "[]"


TRAJECTORIES = """
import hashlib, numpy as np, gymnasium as gym, lmgym
from tests.registered import INSTALLED as TABLE
digest = hashlib.sha256()
for entry in TABLE:
    env = gym.make_vec(entry.id, num_envs=8, autoreset_mode='SAME_STEP')
    observation, infos = env.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(100):
        tokens = rng.choice([1, 3, 21, 22, 30, 70, 71, 72], 8)
        observation, rewards, terminated, truncated, infos = env.step(tokens)
        for array in (observation['input_ids'], rewards, terminated, truncated):
            digest.update(array.tobytes())
        digest.update(repr(infos.get('prompt')).encode() + repr(infos.get('final_info')).encode())
print(digest.hexdigest())
"""


def test_trajectories_are_equal_in_every_process_and_under_every_hash_seed() -> None:
    assert len({run_python(TRAJECTORIES, PYTHONHASHSEED=seed) for seed in ("0", "1", "random")}) == 1


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_no_transition_crosses_episodes_in_ten_thousand_steps(mode: AutoresetMode) -> None:
    """Every row of an episode begins with that episode's prompt, and is followed by itself, grown by one."""
    env = gym.make_vec("lmgym/Math-v0", num_envs=50, autoreset_mode=mode)
    observation, infos = env.reset(seed=0)
    rng = np.random.default_rng(0)
    prompts = list(infos["prompt"])
    ended = np.zeros(50, bool)
    num_transitions = 0
    for _ in range(200):
        before = {key: value.copy() for key, value in observation.items()}
        actions = rng.choice([1, 20, 21, 22, 23], 50)
        observation, _, terminated, truncated, infos = env.step(actions)
        now_ended = terminated | truncated
        for row in range(50):
            last = {key: value[row] for key, value in observation.items()}
            if mode == AutoresetMode.NEXT_STEP and ended[row]:
                prompts[row] = infos["prompt"][row]
                continue
            if mode == AutoresetMode.SAME_STEP and now_ended[row]:
                last = infos["final_obs"][row]
            length = int(before["attention_mask"][row].sum())
            tokens = last["input_ids"]
            assert tokens[length] == actions[row] and last["attention_mask"].sum() == length + 1
            assert (tokens[:length] == before["input_ids"][row, :length]).all()
            assert env.tokenizer.decode(tokens).startswith(prompts[row])
            num_transitions += 1
            if mode == AutoresetMode.SAME_STEP and now_ended[row]:
                prompts[row] = infos["prompt"][row]
        ended = now_ended
        if mode == AutoresetMode.DISABLED and ended.any():
            observation, infos = env.reset(options={"reset_mask": ended})
            for row in np.flatnonzero(ended):
                prompts[row] = infos["prompt"][row]
    assert num_transitions > 7_000 and (mode == AutoresetMode.NEXT_STEP or num_transitions == 10_000)


def test_unicode_text_admits_every_text_and_flattens() -> None:
    space = UnicodeText(40, seed=0)
    for text in ("", "é😀\x00\ud800", "x" * 40, *(space.sample() for _ in range(50))):
        assert text in space
        assert gym.spaces.unflatten(space, gym.spaces.flatten(space, text)) == text
    assert "x" * 41 not in space and 3 not in space and b"x" not in space
    assert space == UnicodeText(40) != UnicodeText(41) and gym.spaces.flatten_space(space).shape == (40,)
    with pytest.raises(ValueError, match="neither mask"):
        space.sample(mask=(3, None))
