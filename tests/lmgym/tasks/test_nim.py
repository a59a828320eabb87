"""Nim against fixed opponents."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401
from lmgym.errors import InvalidValueError
from lmgym.games.nim import grundy
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.match import GameReference
from lmgym.tasks.nim import Nim
from lmgym.tasks.nim.task import LEVELS


def make_problem(*heaps: int) -> Problem:
    return Problem(",".join(map(str, heaps)) + ">", GameReference(1, heaps), "train", 0)


def test_an_episode_by_hand() -> None:
    task = Nim()
    problem = make_problem(1, 2)
    first = task.respond(task.start(problem), Turn("agent", "b1"))
    assert first.reply in ("\n0,1>", "\n1,0>") and not first.is_over
    last = "b1" if first.reply == "\n0,1>" else "a1"
    assert task.respond(first.state, Turn("agent", last)).is_over
    turns = (Turn("agent", "b1"), Turn("environment", first.reply or ""), Turn("agent", last))
    assert task.verify(Transcript(problem, turns, terminated=True)) == ("correct", "", last, 1.0)


def test_one_mistake_loses_against_a_perfect_opponent() -> None:
    task = Nim(level=4)
    for problem in task.problems("train", range(50)):
        heaps = problem.reference.position
        for move in task.rules.legal_moves(heaps):
            right = grundy(task.rules.apply(heaps, move)) == 0
            assert task.optimal_value(problem, (), move) == float(right)
            assert task.optimal_value(problem, (Turn("agent", move),), "") == float(right)
        letters = {move[0] for move in task.rules.legal_moves(heaps)}
        good = {
            move[0] for move in task.rules.legal_moves(heaps)
            if grundy(task.rules.apply(heaps, move)) == 0
        }  # fmt: skip
        assert {letter for letter in letters if task.optimal_value(problem, (), letter)} == good


@pytest.mark.parametrize("text", ["b3", "c1", "a0", "a", "1", "b-1", "B1", "b1\n", "b01", "a１", ""])
def test_what_is_no_move_loses_at_once(text: str) -> None:
    task = Nim()
    response = task.respond(task.start(make_problem(1, 2)), Turn("agent", text))
    assert response.is_over and response.state.result == -1
    transcript = Transcript(make_problem(1, 2), (Turn("agent", text),), terminated=True)
    assert task.verify(transcript) == ("wrong", "illegal", None, 0.0)


def test_sizes_of_problems() -> None:
    for level, (num_heaps, largest) in LEVELS.items():
        task = Nim(level=level)
        for split in task.splits:
            for problem in task.problems(split, range(100)):
                heaps = problem.reference.position
                assert len(heaps) == num_heaps and min(heaps) >= 1 and grundy(heaps)
                assert (max(heaps) > largest) == (split == "ood_heaps")


def test_a_chance_against_a_random_opponent_lies_between() -> None:
    task = Nim(num_heaps=3, max_heap=5, opponent="random")
    problem = make_problem(1, 2, 3)  # lost against perfect play
    value = task.optimal_value(problem, (), "")
    assert value is not None and 0.5 < value < 1
    assert Nim(level=3).optimal_value(problem, (), "") == 0.0


def test_the_gymnasium_environment_plays_against_any_function() -> None:
    env = gym.make("lmgym/Nim-v0", granularity="response", opponent=lambda text: "z9")
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("a1")
    assert terminated and reward == 1.0 and info["success"]


def test_demonstrations_of_a_random_player_lose_often() -> None:
    rng, task = np.random.default_rng(0), Nim(level=4, demonstration_quality=0.0)
    won = 0
    for problem in task.problems("train", range(100)):
        turns = tuple(Turn("agent", move) for move in task.demonstrations(problem, rng))
        won += task.verify(Transcript(problem, turns, terminated=True)).status == "correct"
    assert won < 30


def test_bad_options_are_typed_errors() -> None:
    for options in ({"num_heaps": 6}, {"max_heap": 2}, {"level": 7}, {"opponent": "mixed", "mistakes": 2}):
        with pytest.raises(InvalidValueError, match=list(options)[-1]):
            Nim(**options)  # type: ignore[arg-type]
