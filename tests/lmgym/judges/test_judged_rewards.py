from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lmgym.conversation import AGENT, END, USER, Message, write_conversation, write_reply
from lmgym.errors import InvalidValueError, RewardError
from lmgym.judges.comparing import Pair, PairVerdict, win_rates
from lmgym.records import Problem, Scores, Transcript, Turn, Verdict
from lmgym.rewards import Length, bind, score
from lmgym.rewards.judged import Judged, WinRate, prompt_of
from lmgym.tasks.base import SingleTurnTask


class LengthJudge:
    """Marks by length, finds the longer answer better, has no verdict where it reads "?"."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Scores:
        self.prompts += prompts
        failed = np.array(["?" in text for text in responses])
        values = np.array([len(text) / 10 for text in responses])
        return Scores(values, {}, failed, tuple("timeout" if bad else "" for bad in failed))

    def win_rates(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Scores:
        self.prompts += prompts
        return win_rates(self.ask, prompts, responses, references)

    def ask(self, pairs: Sequence[Pair]) -> list[PairVerdict]:
        return [
            PairVerdict(None, "timeout") if "?" in pair.first else
            PairVerdict((np.sign(len(pair.first) - len(pair.second)) + 1) / 2)
            for pair in pairs
        ]  # fmt: skip


class LengthModel:
    """A reward model: a number a response."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        return np.array([np.inf if "?" in text else float(len(text)) for text in responses])


def row(text: str, reference: object = "12345", index: int = 0) -> Transcript:
    problem = Problem("Say something.", reference, "train", index)
    return Transcript(problem, (Turn("agent", text),), True, False, Verdict("wrong", "wrong"))


def test_a_mark_is_paid_and_a_row_without_one_fails():
    scores = score(Judged(LengthJudge()), [row("12345"), row("what?"), row("1" * 20), row(":")])
    assert scores.values.tolist() == [0.5, 0.0, 1.0, 0.0]
    assert scores.failed.tolist() == [False, True, False, False]
    assert scores.reasons == ("", "timeout", "", "") and list(scores.terms) == ["judged"]


def test_an_empty_answer_is_paid_nothing_and_nobody_is_asked():
    judge = LengthJudge()
    rows = [row(text) for text in ("", " ", ":", "Solution", "Thought process:")]
    for reward in (Judged(judge), WinRate(judge), WinRate(LengthModel())):
        scores = score(reward, rows)
        assert scores.values.tolist() == [0.0] * 5 and not scores.failed.any()
    assert judge.prompts == []
    assert score(Judged(judge, refuse_empty=False), [row("Solution")]).values.tolist() == [0.8]


def test_they_compose_with_other_rewards():
    reward = 2.0 * Judged(LengthJudge()) + WinRate(LengthJudge()) - 0.1 * Length()
    scores = score(reward, [row("1234567"), row("x?")])
    assert scores.values[0] == pytest.approx(2 * 0.7 + 1 - 0.7) and scores.failed.tolist() == [False, True]
    assert list(scores.terms) == ["judged", "win_rate", "length"]


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (None, [0.0, 0.5, 1.0]),
        ("12", [1.0, 1.0, 1.0]),
        (["12", "123456"], [1.0, 0.0, 1.0]),
        (lambda transcript: "123" if transcript.problem.index else None, [None, 1.0, 1.0]),
    ],
)
def test_a_win_is_against_the_reference_that_was_asked_for(references, expected):
    rows = [row("1234", index=0), row("1234x", index=1), row("123456", index=2)]
    scores = score(WinRate(LengthJudge(), references), rows)
    found = [None if bad else value for value, bad in zip(scores.values, scores.failed, strict=True)]
    assert found == expected


def test_a_problem_without_a_text_to_win_against_fails():
    scores = score(WinRate(LengthJudge()), [row("x", reference=12), row("123456")])
    assert scores.failed.tolist() == [True, False] and scores.reasons[0] == "no reference response"
    assert score(WinRate(LengthJudge()), [row("x", reference=None)]).failed.all()


class Greeting(SingleTurnTask):
    """Demonstrates "hello" and four letters that depend on the problem."""

    fingerprint = "Greeting()"

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        return [Problem("Hi", ("no", "text"), split, index) for index in indices]

    def verify(self, transcript: Transcript) -> Verdict:
        return Verdict("wrong", "wrong")

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return ("hello" + "".join(rng.choice(list("abcdefgh"), 4)),)


def test_where_the_reference_is_no_text_the_task_demonstrates_one():
    asked: list[Sequence[str]] = []

    class Noting(LengthJudge):
        def win_rates(self, prompts, responses, references):
            asked.append(references)
            return super().win_rates(prompts, responses, references)

    task = Greeting()
    rows = [
        Transcript(problem, (Turn("agent", text),), True, False, Verdict("wrong", "wrong"))
        for problem, text in zip(task.problems("train", [0, 1, 0]), ["x" * 10, "x", "x" * 9], strict=True)
    ]
    reward = bind(2.0 * WinRate(Noting()), task)
    assert score(reward, rows).values.tolist() == [2.0, 0.0, 1.0]
    assert asked[0][0] == asked[0][2] != asked[0][1] and asked[0][0].startswith("hello")
    assert score(WinRate(LengthJudge()), rows).failed.all(), "nobody to demonstrate"


def test_a_reward_model_wins_by_the_sigmoid_of_the_difference():
    scores = score(WinRate(LengthModel()), [row("1234567"), row("what?"), row("12345x")])
    assert scores.values[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert scores.failed.tolist() == [False, True, False] and scores.reasons[1] == "not a number"


def test_the_judge_reads_all_that_was_said_before_the_response():
    start = write_conversation([Message("user", "Hi")])
    problem = Problem(start, "ref", "train", 0)
    turns = (
        Turn("agent", f"Hello{USER}"), Turn("environment", write_reply("And?")), Turn("agent", "Well."),
        Turn("environment", write_reply("Bye")),
    )  # fmt: skip
    transcript = Transcript(problem, turns, True)
    expected = f"{USER}Hi{END}{AGENT}Hello\ufffd{END}{USER}And?{END}{AGENT}"
    assert prompt_of(transcript) == expected
    judge = LengthJudge()
    score(Judged(judge), [transcript])
    assert judge.prompts == [expected]


def test_paid_keeps_the_judge():
    reward = WinRate(LengthJudge()).paid("turn")
    assert reward.pay == "turn" and Judged(LengthJudge()).paid("step").pay == "step"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Judged(object()),
        lambda: WinRate(object()),
        lambda: Judged(LengthJudge(), pay="never"),
        lambda: WinRate(LengthJudge(), references=[]),
        lambda: WinRate(LengthJudge(), references=[1]),
        lambda: WinRate(LengthJudge(), references=3),
    ],
)
def test_what_can_not_be_used_is_named(make):
    with pytest.raises(InvalidValueError):
        make()


def test_a_reward_model_gives_no_marks():
    with pytest.raises(RewardError, match="a reward model is a reward of its own"):
        score(Judged(LengthModel()), [row("x")])
