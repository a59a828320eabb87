from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmgym  # noqa: F401
from lmgym.envs.curriculum import Curriculum
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError, RewardError
from lmgym.grading.derivation import cut_lines
from lmgym.records import StepVerdict, Transcript, Turn, Verdict
from lmgym.rewards import (
    Correct,
    Length,
    Normalized,
    StepCorrect,
    at_end,
    at_step,
    bind,
    make_reward,
    score,
    to_trl,
)
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import SingleTurnTask
from lmgym.tokenization import CharTokenizer

TASK = Math(level=2, style="worked")
PROBLEM = TASK.problem("train", 3)  # 94+63
RIGHT = "\n90+60=150\n4+3=7\n150+7=157\n157"
EPISODES = {  # what each step is paid, worked by hand with each=0.1, answer=0.5
    RIGHT: [0, 0.1, 0.1, 0.1, 0.7],
    "\n90+60=140\n4+3=7\n140+7=147\n147": [0, 0, 0, 0, 0],
    "\n90+60=150\n4+3=7\n150+7=158\n158": [0, 0.1, 0.1, 0, 0],
    "\n90+60=150\n4+3=8\n157": [0, 0.1, 0, 0],  # a right answer after a wrong step
    "157": [1.0],
    "\n1+1=2\n2+2=4\n157": [0, 0, 0, 1.0],  # true, but beside the point
    "\n90+60=150\n90+60=150\n157\n157": [0, 0.1, 0, 0.1, 0.8],
    "\n90+60=150\nso what": [0, 0.1, 0],
}


def end(text, task=TASK, problem=PROBLEM):
    transcript = Transcript(problem, (Turn("agent", text),), terminated=True)
    return transcript._replace(verdict=task.verify(transcript))


@pytest.mark.parametrize("text", EPISODES)
def test_steps_are_paid_as_worked_by_hand_in_every_environment(text):
    options = {"level": 2, "style": "worked", "reward": "steps"}
    by_step = gym.make("lmgym/Math-v0", granularity="step", **options)
    by_response = gym.make("lmgym/Math-v0", granularity="response", **options)
    by_token = gym.make("lmgym/Math-v0", max_new_tokens=80, **options)
    vector = TokenVectorEnv(TASK, num_envs=2, reward="steps", autoreset_mode="DISABLED", max_new_tokens=80)
    for env in (by_step, by_response, by_token, vector):
        env.reset(options={"problem_index": 3})
    paid = [by_step.step(line)[1] for line in text.splitlines(keepends=True)]
    assert paid == pytest.approx(EPISODES[text], abs=1e-12)
    total = by_response.step(text)
    assert total[1] == pytest.approx(sum(EPISODES[text]), abs=1e-12)
    ids = [*CharTokenizer().encode(text), CharTokenizer().end_id]
    steps = [by_token.step(i) for i in ids]
    at = [i for i, char in enumerate(text) if char == "\n"] + [len(text)]
    assert [steps[i][1] for i in at] == pytest.approx(EPISODES[text], abs=1e-12)
    fast = vector.step_responses(np.tile(ids, (2, 1)), np.full(2, len(ids)), np.ones(2, np.bool_))
    assert fast.rewards[1, at].tolist() == pytest.approx(EPISODES[text], abs=1e-12)
    for info in (total[4], steps[-1][4]):
        expected = TASK.verify_steps(end(text))
        firsts = [i for i, v in enumerate(expected) if v.status in ("wrong", "unparsed")]
        assert info["first_wrong_step"] == (firsts[0] if firsts else -1)
        assert set(info["reward_terms"]) == {"steps", "steps_answer"}
    assert fast.infos["first_wrong_step"].tolist() == [info["first_wrong_step"]] * 2


def test_the_first_wrong_step_is_named_by_hand():
    reward = StepCorrect().bound_to(TASK)
    texts = [RIGHT, "\n90+60=140\n4+3=7\n147", "\n90+60=150\nhm\n157", "\n1+1=2\n158"]
    assert reward.first_wrong_steps([end(text) for text in texts]).tolist() == [-1, 1, 2, 2]


lines = st.sampled_from(
    [
        "",
        "90+60=150",
        "4+3=7",
        "150+7=157",
        "157",
        "158",
        "1+1=2",
        "94+63=157",
        "60+90=150",
        "0+0=0",
        "7+150=157",
    ]
)


@given(st.lists(lines, min_size=1, max_size=40), st.floats(0.01, 1), st.floats(0.5, 1))
@settings(max_examples=150, deadline=None)
def test_an_episode_earns_between_0_and_1_and_padding_earns_nothing(parts, each, answer):
    reward = StepCorrect(each=each, answer=answer, pay="episode").bound_to(TASK)
    text = "\n".join(parts)
    whole = score(reward, [end(text)])
    assert -1e-12 <= whole.values[0] <= 1 + 1e-12
    assert whole.terms["steps"][0] <= 1 - answer + 1e-12
    padded = score(reward, [end("\n".join(["1+1=2", "2+2=4", "", "0+0=0", *parts]))])
    assert padded.values[0] == whole.values[0]


@given(st.lists(lines, min_size=1, max_size=12), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_steps_of_an_episode_add_up_to_the_episode(parts, ends_line):
    text = "\n".join(parts) + ("\n" if ends_line else "")
    env = gym.make(
        "lmgym/Math-v0", level=2, style="worked", reward="steps", granularity="step", max_new_tokens=500
    )
    env.reset(options={"problem_index": 3})
    total, is_over = 0.0, False
    for line in [*text.splitlines(keepends=True), *([""] if not text or text.endswith("\n") else [])]:
        _, reward, is_over, _, _ = env.step(line)
        total += reward
    assert is_over
    assert total == pytest.approx(score(StepCorrect(pay="episode").bound_to(TASK), [end(text)]).values[0])


def test_it_adds_up_with_other_rewards_and_travels_to_trl():
    reward = bind(make_reward("steps") + at_step(-0.001 * Length()), TASK)
    scores = score(reward, [end(RIGHT)])
    assert scores.terms["length"].tolist() == [-0.001 * len(RIGHT)]
    function = to_trl(at_end(StepCorrect()), TASK)
    paid = function(["94+63="] * 2, [RIGHT, "\n90+60=150\n1"], problem_index=[3, 3], split=["train"] * 2)
    assert paid == pytest.approx([1.0, 0.1])


def test_mistakes_are_named():
    with pytest.raises(RewardError, match=r"needs the task.*bound_to"):
        score(StepCorrect(), [end("157")])
    with pytest.raises(InvalidValueError, match="Math with these options can't check steps"):
        gym.make("lmgym/Math-v0", reward="steps")
    with pytest.raises(InvalidValueError, match=r"StepCorrect\.answer must be in \[0\.5, 1\]"):
        StepCorrect(answer=0.2)
    with pytest.raises(InvalidValueError, match=r"StepCorrect\.each"):
        StepCorrect(each=0.0)
    with pytest.raises(InvalidValueError, match="paid at different times"):
        Correct() + StepCorrect()


class Levelled(SingleTurnTask):
    """A task whose steps are right only for the task of the problem's own level."""

    fingerprint = property(lambda self: f"Levelled({self.level})")
    level, max_level = property(lambda self: self._level), 2

    def __init__(self, level=1):
        self._level = level

    def at_level(self, level):
        return Levelled(level)

    def problems(self, split, indices):
        return [problem._replace(difficulty=float(self.level)) for problem in TASK.problems(split, indices)]

    def verify(self, transcript):
        return Verdict("correct", "", None, 1.0)

    def verify_steps(self, transcript):
        is_mine = transcript.problem.difficulty == self.level
        lines = cut_lines(transcript.response)
        return tuple(StepVerdict("right" if is_mine and line == "ok" else "wrong") for line in lines)

    def demonstrations(self, problem, rng):
        return ("ok",)


def test_each_row_of_a_curriculum_is_checked_by_the_task_of_its_level():
    curriculum = Curriculum(window=2, threshold=0.5)
    env = TokenVectorEnv(
        Levelled(), num_envs=2, reward=Normalized(StepCorrect(each=0.5)), curriculum=curriculum,
        autoreset_mode="DISABLED",
    )  # fmt: skip
    tokenizer = CharTokenizer()
    env.reset(seed=0)
    level = np.ones(2)
    for mask in (
        np.array([True, True]),
        np.array([True, False]),
        np.array([False, True]),
        np.ones(2, np.bool_),
    ):
        ids = np.tile([*tokenizer.encode("ok"), tokenizer.end_id], (2, 1))
        result = env.step_responses(ids, np.full(2, 3), mask)
        assert result.infos["first_wrong_step"][mask].tolist() == [-1] * int(mask.sum())
        _, infos = env.reset(options={"reset_mask": mask})
        level[mask] = infos["difficulty"][mask]
    assert level.tolist() == [2.0, 2.0]
    (state,) = env.get_state()["payments"]["rewards"]
    assert state["count"] == 6
