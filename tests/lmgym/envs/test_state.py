"""States, copies and curricula: what is saved goes on exactly, in this process or another."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from lmgym.checker.laws import are_equal, check_plain
from lmgym.envs.curriculum import Curriculum
from lmgym.envs.make import make_env, make_vector_env
from lmgym.envs.row_problems import BLOCK, problem_index
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Delayed, Echo, Guess
from tests.lmgym.envs.tiny_tasks import Levelled, Silent, play_text

TASKS = [Math(), Guess(), Delayed(), Silent()]


def through_json(state: Any) -> Any:
    """Returns the state after a journey through text, arrays as lists."""
    return json.loads(json.dumps(state, default=np.ndarray.tolist))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize("granularity", ["token", "step"])
@pytest.mark.parametrize("pay", ["episode", "step"])
def test_a_restored_vector_environment_goes_on_alike(task: Any, granularity: str, pay: str) -> None:
    def make() -> Any:
        return make_vector_env(
            task,
            num_envs=3,
            granularity=granularity,
            pay=pay,
            reward=["partial", "length"],
            autoreset_mode="SAME_STEP",
        )

    rng = np.random.default_rng(0)
    if granularity == "token":
        actions = [rng.choice([1, 3, 21, 22, 70], 3) for _ in range(150)]
    else:
        actions = [tuple(rng.choice(["a", "4\n", "b\n", "7"], 3)) for _ in range(150)]
    env = make()
    env.reset(seed=1)
    for moment in (0, 1, 7, 150 // 2):
        fresh = make()
        for step in actions[:moment]:
            env.step(step)
        state = env.get_state()
        check_plain(state)
        copy = env.clone()
        fresh.set_state(through_json(state))
        future = [env.step(step) for step in actions]
        assert are_equal(future, [copy.step(step) for step in actions])
        assert are_equal(future, [fresh.step(step) for step in actions])
        env.set_state(state)
        assert are_equal(future, [env.step(step) for step in actions])
        assert are_equal(env.reset(), fresh.reset())


def test_a_state_is_not_disturbed_by_what_follows() -> None:
    env = TokenVectorEnv(Math(), num_envs=2)
    env.reset(seed=0)
    state = env.get_state()
    saved = through_json(state)
    for _ in range(40):
        env.step(np.array([21, 1]))
    assert through_json(state) == saved


def test_states_of_other_environments_are_refused() -> None:
    env = TokenVectorEnv(Math(), num_envs=2)
    env.reset(seed=0)
    state = env.get_state()
    for other, match in (
        (TokenVectorEnv(Echo(), num_envs=2), "task"),
        (TokenVectorEnv(Math(), num_envs=3), "num_rows"),
        (TokenVectorEnv(Math(), num_envs=2, max_new_tokens=9), "context_length"),
        (TokenVectorEnv(Math(), num_envs=2, curriculum=True, max_episode_tokens=17), "curriculum"),
    ):
        with pytest.raises(InvalidValueError, match=match):
            other.set_state(state)
    with pytest.raises(InvalidValueError, match="lacks rows"):
        env.set_state({key: value for key, value in state.items() if key != "rows"})


def test_problem_addresses() -> None:
    assert problem_index(3, 5, 64 + 7) == problem_index(3, 5, 64) + 7
    assert problem_index(3, 5, 63) + 1 != problem_index(3, 5, 64)
    addresses = Counter(
        problem_index(seed, row, episode)
        for seed in range(6)
        for row in range(6)
        for episode in range(3 * BLOCK)
    )
    assert len(addresses) == 36 * 3 * BLOCK and all(0 <= address < 2**63 for address in addresses)


def test_a_row_plays_the_same_problems_whatever_its_neighbours_do() -> None:
    few, many = TokenVectorEnv(Math(), num_envs=2), TokenVectorEnv(Math(), num_envs=9)
    assert (
        few.reset(seed=4)[1]["problem_index"].tolist() == many.reset(seed=4)[1]["problem_index"][:2].tolist()
    )
    single = TokenEnv(Math())
    first = single.reset(seed=4, options={"row": 1})[1]["problem_index"]
    assert first == few.reset(seed=4)[1]["problem_index"][1]
    assert [single.reset()[1]["problem_index"] for _ in range(130)][-1] == problem_index(4, 1, 130)


def test_without_a_seed_environments_differ() -> None:
    assert TokenEnv(Math()).reset()[1] != TokenEnv(Math()).reset()[1]
    assert TokenVectorEnv(Math(), num_envs=1).reset()[1] != TokenVectorEnv(Math(), num_envs=1).reset()[1]


def test_a_curriculum_raises_the_level_with_success_worked_by_hand() -> None:
    env = TokenEnv(Levelled(), curriculum=Curriculum(threshold=0.75, window=4, max_level=3))
    assert env.context_length == (4 + 3) + (1 + 3)
    levels = []
    # Right or wrong; at each level four must be played, three of the last four be right.
    for is_right in [True, False, False, True, True, True, True, True, True, True, False, False]:
        _, info = env.reset(seed=0 if not levels else None)
        level = int(info["difficulty"])
        assert info["prompt"].endswith("x" * level)
        levels.append(level)
        play_text(env, [str(level) if is_right else "0"])
    assert levels == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    for _ in range(9):
        env.reset()
        play_text(env, ["3"])
    assert env.task.level == 3


def say(env: TokenVectorEnv, text: str, rows: list[int]) -> None:
    """Lets ``rows`` say ``text`` as a whole turn."""
    ids = [*env.tokenizer.encode(text), 1]
    active = np.isin(np.arange(env.num_envs), rows)
    env.step_responses(np.tile(ids, (env.num_envs, 1)), np.full(env.num_envs, len(ids)), active)


def test_episodes_begun_on_an_earlier_level_do_not_count_for_a_later_one() -> None:
    rule = Curriculum(threshold=1.0, window=2)
    env = TokenVectorEnv(Levelled(), num_envs=3, autoreset_mode="DISABLED", curriculum=rule)
    env.reset(seed=0)
    say(env, "1", [0, 1])
    assert env.task.level == 2
    env.reset(options={"reset_mask": np.array([True, True, False])})
    say(env, "1", [2])  # right, but asked on level 1
    say(env, "2", [0])
    assert env.task.level == 2
    say(env, "2", [1])
    assert env.task.level == 3


def test_episodes_without_a_reward_do_not_count_for_the_curriculum() -> None:
    def judge(transcripts: Any) -> Any:
        raise ConnectionError("the judge is down")

    rule = Curriculum(threshold=1.0, window=2)
    env = TokenVectorEnv(Levelled(), num_envs=3, reward=judge, autoreset_mode="DISABLED", curriculum=rule)
    env.reset(seed=0)
    say(env, "1", [0, 1, 2])
    assert env.task.level == 1


@pytest.mark.parametrize("granularity", ["token", "response"])
def test_a_curriculum_is_part_of_the_state(granularity: str) -> None:
    def make() -> Any:
        return make_env(Levelled(), granularity=granularity, curriculum=Curriculum(threshold=0.5, window=3))

    def say(env: Any, text: str) -> Any:
        return play_text(env, [text])[0] if granularity == "token" else env.step(text)

    env = make()
    history = []
    env.reset(seed=0)
    for text in ("1", "1", "1", "2", "2"):
        say(env, text)
        env.reset()
    state, fresh = env.get_state(), make()
    fresh.set_state(through_json(state))
    for each in (env, env.clone(), fresh):
        history.append([(say(each, text), each.reset()) for text in ("2", "3", "3", "0", "3")])
    assert are_equal(history[0], history[2]) and env.task.level == 4
    env.set_state(state)
    assert env.task.level == 2


def test_a_copy_is_independent() -> None:
    env = TokenEnv(Silent(), reward="partial", pay="turn")
    env.reset(seed=0)
    play_text(env, ["a"])
    copy = env.clone()
    play_text(copy, ["b", "c"])
    assert env.step(1)[2:4] == (False, False) and env.is_action.sum() == 3
    with pytest.raises(InvalidValueError):
        Curriculum(threshold=0.0)
    with pytest.raises(InvalidValueError):
        Curriculum(window=0)
    with pytest.raises(InvalidValueError):
        Curriculum(max_level=0)
