"""One law: single, vector, fast path and text environment give what the slow reference gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmgym.envs.make import make_env, make_vector_env
from lmgym.envs.setup import make_setup, make_task
from lmgym.rewards import Correct, Format, Length
from tests.lmgym.envs.playing import Episode, play_responses, play_single, play_slowly, play_vector
from tests.registered import INSTALLED as TABLE

ROWS, EPISODES, SEED = 2, 6, 11
ROOM = (None, 8, 24)
"""Tokens of an episode beyond the longest prompt; None: no budget."""
REWARD = Correct() + 0.1 * Format() - 0.01 * Length()
CASES = [
    pytest.param(entry, pay, room, id=f"{entry.id.removeprefix('lmgym/')}-{pay}{f'-{room}' if room else ''}")
    for entry in TABLE
    for pay in ("episode", "turn", "step")
    for room in ROOM
]


def budget(entry: Any, room: int | None) -> dict[str, int]:
    if room is None:
        return {}
    return {"max_episode_tokens": make_setup(make_task(entry.task, {})).max_prompt_tokens + room}


def slow_episodes(task_spec: str, options: dict[str, Any], pay: str) -> list[list[Episode]]:
    task = make_task(task_spec, {})
    env = make_env(task, **options)
    rows = []
    for row in range(ROWS):
        problems, episodes = play_single(env, row, SEED, EPISODES)
        slow = play_slowly(task, env, row, problems, REWARD, pay)
        assert_same(episodes, slow)
        rows.append(slow)
    return rows


def assert_same(found: list[Episode], expected: list[Episode], *, is_action: bool = True) -> None:
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        one = one if is_action else one._replace(is_action=other.is_action)
        assert one._replace(rewards=(), infos=()) == other._replace(rewards=(), infos=()), number
        assert one.rewards == pytest.approx(other.rewards, abs=1e-12), number
        assert [*map(rounded, one.infos)] == [*map(rounded, other.infos)], number


def rounded(info: dict[str, Any]) -> dict[str, Any]:
    terms = info.get("reward_terms")
    return info if terms is None else {**info, "reward_terms": {k: round(v, 9) for k, v in terms.items()}}


@pytest.mark.parametrize("entry, pay, room", CASES)
def test_all_ways_of_playing_agree_with_the_reference(entry: Any, pay: str, room: int | None) -> None:
    options = {"reward": REWARD, "pay": pay, **budget(entry, room)}
    expected = slow_episodes(entry.task, options, pay)
    for mode in ("NEXT_STEP", "SAME_STEP", "DISABLED"):
        env = make_vector_env(entry.task, num_envs=ROWS, autoreset_mode=mode, **options)
        for found, slow in zip(play_vector(env, SEED, EPISODES), expected, strict=True):
            assert_same(found, slow, is_action=mode != "SAME_STEP")
    env = make_vector_env(entry.task, num_envs=ROWS, autoreset_mode="DISABLED", **options)
    for found, slow in zip(play_responses(env, SEED, EPISODES), expected, strict=True):
        assert_same(found, slow)


@pytest.mark.parametrize("entry, pay, room", CASES)
def test_text_environment_earns_what_the_token_environment_earns(
    entry: Any, pay: str, room: int | None
) -> None:
    options = {"reward": REWARD, "pay": pay, **budget(entry, room)}
    expected = slow_episodes(entry.task, options, pay)[0]
    for granularity in ("response", "step"):
        env = make_env(entry.task, granularity=granularity, **options)
        for number, episode in enumerate(expected):
            observation, info = env.reset(seed=SEED if number == 0 else None)
            assert info == episode.infos[0]
            total, last = 0.0, {}
            for expected_info in episode.infos[1:]:
                for piece in pieces(expected_info, granularity):
                    before = observation
                    observation, paid, terminated, truncated, last = env.step(piece)
                    assert observation.startswith(before) and type(paid) is float
                    total += paid
            assert (terminated, truncated) == (episode.terminated, episode.truncated)
            assert total == pytest.approx(sum(episode.rewards), abs=1e-9)
            same = {**rounded(last), "num_actions": None}
            assert same == {**rounded(episode.infos[-1]), "num_actions": None}


def pieces(info: dict[str, Any], granularity: str) -> list[str]:
    """Returns the actions that say a turn; what was cut is overfull, so that it is cut again."""
    text = info["response"] + ("" if info["stopped"] else "x" * 500)
    if granularity == "response":
        return [text]
    lines = text.split("\n")
    said = [line + "\n" for line in lines[:-1]] + [lines[-1]]
    # A newline that uses up the budget ends the turn: nothing more can be said.
    return said[:-1] if not info["stopped"] and info["response"].endswith("\n") else said


def test_scripts_reach_every_kind_of_end() -> None:
    """The law above says little unless its scripts succeed, fail, stop, are cut and are truncated."""
    seen = set()
    for entry in TABLE:
        for room in ROOM:
            options = {"reward": REWARD, "pay": "step", **budget(entry, room)}
            for row in slow_episodes(entry.task, options, "step"):
                for episode in row:
                    info = episode.infos[-1]
                    seen.add((episode.terminated, info["stopped"], info["success"], len(episode.infos) > 2))
    assert {(True, True, True, False), (True, True, False, False), (True, False, False, False)} <= seen
    assert {(False, False, False, False), (True, True, True, True)} <= seen
    assert (False, False, False, True) in seen  # truncated after the first turn


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.id)
def test_rows_of_neighbouring_seeds_share_nothing(entry: Any) -> None:
    env = make_vector_env(entry.task, num_envs=8)
    indices = [set(env.reset(seed=seed)[1]["problem_index"].tolist()) for seed in range(8)]
    assert len(set.union(*indices)) == 64
    blocks = np.array([sorted(index >> 6 for index in row) for row in indices])
    assert len(set(blocks.ravel().tolist())) == 64
