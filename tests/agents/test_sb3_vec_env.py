"""``TokenVecEnv`` against Stable-Baselines3's own ``DummyVecEnv`` over single environments, row by row."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import InvalidActionError, InvalidValueError, UnknownNameError
from lmgym.seeding import make_generator

pytest.importorskip("stable_baselines3")

from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from lmgym_agents.baselines.sb3_actions import make_token_env, needed_tokens
from lmgym_agents.baselines.sb3_vec_env import TokenVecEnv, make_token_vec_env

ROWS = 5
CASES = {
    "one turn": ("lmgym/Math-v0", {"level": 1}),
    "several turns": ("lmgym/Guess-v0", {"high": 7}),
    "truncated": ("lmgym/Guess-v0", {"high": 7, "max_episode_tokens": 14}),
    "paid in part": ("lmgym/Echo-v0", {"length": 3, "alphabet": "cdef", "reward": "partial"}),
}


def make_rows(env_id, options, **settings):
    return make_token_vec_env(env_id, ROWS, options, **settings)


def make_singles(env_id, options, seed):
    """A DummyVecEnv whose r-th environment plays the problems of row r."""
    singles = DummyVecEnv([lambda: make_token_env(env_id, options) for _ in range(ROWS)])
    singles.seed(seed)
    singles._seeds = [seed] * ROWS
    singles.set_options([{"row": row} for row in range(ROWS)])
    return singles


def assert_equal(found, expected):
    """Compares nested dictionaries of arrays and plain values."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key])
    else:
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", CASES)
def test_rows_play_what_single_environments_play(case):
    env_id, options = CASES[case]
    rows, singles = make_rows(env_id, options, seed=3), make_singles(env_id, options, 3)
    assert rows.observation_space == singles.observation_space and rows.action_space == singles.action_space
    assert_equal(rows.reset(), dict(singles.reset()))
    for row in range(ROWS):
        assert_equal(rows.reset_infos[row], singles.reset_infos[row])
    draws = make_generator(0, "test", case)
    num_ended = num_truncated = 0
    for _ in range(60):
        actions = draws.integers(0, rows.num_actions, ROWS)
        mine, theirs = rows.step(actions), singles.step(actions)
        assert_equal(mine[0], dict(theirs[0]))
        assert mine[1].dtype == theirs[1].dtype == np.float32
        assert mine[2].dtype == theirs[2].dtype == np.bool_
        np.testing.assert_array_equal(mine[1], theirs[1])
        np.testing.assert_array_equal(mine[2], theirs[2])
        for row in range(ROWS):
            assert_equal(mine[3][row], theirs[3][row])
            assert_equal(rows.reset_infos[row], singles.reset_infos[row])
        num_ended += int(mine[2].sum())
        num_truncated += sum(info["TimeLimit.truncated"] for info in mine[3])
    assert num_ended > ROWS and (num_truncated > 0) == (case == "truncated")


def test_problems_are_picked_by_options_of_the_next_reset_alone():
    rows = make_rows("lmgym/Math-v0", {"level": 1}, seed=0)
    first = rows.reset()
    rows.set_options([{"split": "test", "problem_index": 2 * row} for row in range(ROWS)])
    rows.reset()
    assert [info["problem_index"] for info in rows.reset_infos] == [0, 2, 4, 6, 8]
    assert {info["split"] for info in rows.reset_infos} == {"test"}
    rows.seed(0)
    assert_equal(rows.reset(), first)
    rows.set_options({"problem_index": 7})
    rows.reset()
    assert {info["problem_index"] for info in rows.reset_infos} == {7}
    rows.set_options([{"split": "test"}] + [{}] * (ROWS - 1))
    with pytest.raises(InvalidValueError, match="row 1"):
        rows.reset()


def test_without_a_seed_each_environment_plays_problems_of_its_own():
    np.random.seed(0)  # from which Stable-Baselines3 draws, and this class like it
    made = [make_rows("lmgym/Math-v0", {}) for _ in range(2)]
    for rows in made:
        rows.seed()
    first, second = (rows.reset()["input_ids"] for rows in made)
    assert not np.array_equal(first, second)
    assert len(set(made[0].seed(4))) == 1


def test_actions_are_needed_tokens_or_all_of_them():
    few = make_rows("lmgym/Math-v0", {"mask_actions": True})
    full = make_rows("lmgym/Math-v0", {"mask_actions": True}, is_full_vocabulary=True)
    assert few.tokens.tolist() == needed_tokens(few.env.setup).tolist()
    assert full.num_actions == full.action_space.n == full.env.tokenizer.vocab_size
    masks = np.stack(full.env_method("action_masks"))
    assert masks.shape == (ROWS, full.num_actions) and masks.dtype == np.bool_
    assert set(few.tokens) <= set(np.flatnonzero(masks[0])) and masks[0].sum() < 30
    assert np.stack(few.env_method("action_masks", indices=[1, 2])).tolist() == [[True] * few.num_actions] * 2
    few.reset()
    for wrong in (np.full(ROWS, few.num_actions), np.full(ROWS, -1), np.zeros(2, int), np.zeros(ROWS)):
        with pytest.raises(InvalidActionError):
            few.step(wrong)


def test_what_wrappers_and_algorithms_ask_of_it():
    rows = make_rows("lmgym/Math-v0", {"level": 1}, seed=0)
    rows.reset()
    assert rows.has_attr("action_masks") and not rows.has_attr("no such thing")
    assert rows.get_attr("context_length", 1) == [12] and rows.get_attr("render_mode") == [None] * ROWS
    assert rows.get_attr("tokens_left", [0, 3]) == [4, 4]
    assert rows.env_method("render", indices=2) == [rows.env.render()[2]]
    assert rows.env_is_wrapped(gym.Wrapper) == [False] * ROWS
    with pytest.raises(UnknownNameError, match="action_masks"):
        rows.env_method("action_mask")
    with pytest.raises(InvalidValueError, match="'x'"):
        rows.set_attr("x", 1)
    monitor = VecMonitor(rows)
    monitor.reset()
    told = [
        info["episode"]
        for _ in range(4)
        for info in monitor.step(np.zeros(ROWS, int))[3]
        if "episode" in info
    ]
    assert len(told) == 4 * ROWS and {episode["l"] for episode in told} == {1}  # action 0 is the end token


def test_only_rows_that_begin_again_in_the_same_step_are_taken():
    for mode in ("NEXT_STEP", "DISABLED"):
        with pytest.raises(InvalidValueError, match=mode):
            TokenVecEnv(gym.make_vec("lmgym/Math-v0", 2, autoreset_mode=mode))
    with pytest.raises(InvalidValueError, match="TextVectorEnv"):
        TokenVecEnv(gym.make_vec("lmgym/Math-v0", 2, granularity="response", autoreset_mode="SAME_STEP"))
