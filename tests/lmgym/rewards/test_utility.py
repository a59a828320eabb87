"""The reward that pays a task's own utility."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.errors import RewardError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.rewards import Utility, bind, score
from lmgym.tasks.base import SingleTurnTask


@dataclass(frozen=True)
class Loud(SingleTurnTask):
    """Counts capital letters over all turns; silence can't be judged."""

    fingerprint = "Loud()"

    def problems(self, split, indices):
        return [Problem("?", None, split, index) for index in indices]

    def verify(self, transcript):
        return Verdict("wrong", "quiet")

    def demonstrations(self, problem, rng):
        return ("A",)

    def utility(self, transcript):
        texts = [turn.text for turn in transcript.turns if turn.role == "agent"]
        return sum(char.isupper() for text in texts for char in text) - 0.5 if any(texts) else None


def said(*texts):
    turns = [Turn("agent", texts[0])] if texts else []
    for text in texts[1:]:
        turns += [Turn("environment", "and?"), Turn("agent", text)]
    return Transcript(Problem("?", None, "train", 0), tuple(turns), terminated=True)


def test_pays_the_utility_and_fails_where_there_is_none():
    scores = score(bind(Utility(), Loud()), [said("aB"), said(""), said("x")])
    assert scores.values.tolist() == [0.5, 0.0, -0.5]
    assert scores.failed.tolist() == [False, True, False]
    assert scores.reasons == ("", "no utility", "")


def test_turns_add_up_to_the_episode():
    reward = bind(Utility(pay="turn"), Loud())
    first, second = said("AB"), said("AB", "CDE")
    payments = [score(reward, [state]).values[0] for state in (first, second)]
    assert payments == [1.5, 3.0]
    assert sum(payments) == score(bind(Utility(), Loud()), [second]).values[0]


def test_asks_for_its_task():
    with pytest.raises(RewardError, match="bind"):
        Utility()([said("A")])


def test_is_the_score_of_the_verdict_unless_a_task_says_otherwise():
    env = gym.make("lmgym/Math-v0", granularity="response", reward="utility")
    env.reset(seed=1)
    task = env.unwrapped.setup.task
    problem = task.problem("train", 3)
    right = Transcript(problem, (Turn("agent", str(problem.reference.value)),), terminated=True)
    wrong = Transcript(problem, (Turn("agent", "no"),), terminated=True)
    assert (task.utility(right), task.utility(wrong)) == (1.0, 0.0)
    assert task.utility(right._replace(verdict=Verdict("error", "timeout"))) is None
    assert env.step("no")[1:3] == (0.0, True)
