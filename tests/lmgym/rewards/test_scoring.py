from __future__ import annotations

import threading

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, MissingDependencyError, RewardError
from lmgym.records import Scores
from lmgym.rewards import Correct, make_reward, score


class Returns:
    """A reward that gives back what it is told to."""

    pay = "episode"
    name = "told"

    def __init__(self, result):
        self.result = result

    def __call__(self, transcripts):
        return self.result


def scores_of(values, terms=None, failed=None, reasons=()):
    values = np.asarray(values)
    return Scores(values, terms or {}, np.zeros(len(values), bool) if failed is None else failed, reasons)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1.0, 2.0], r"'told' returned a list; .*make_reward"),
        (scores_of([1.0]), r"'told': values must be 2 real numbers.*got an array of shape \[1\]"),
        (scores_of([1.0, np.nan]), r"'told': values is nan in row 1 \(problem 8 of 'train', response '3'\)"),
        (scores_of([np.inf, 1.0]), r"values is inf in row 0"),
        (scores_of(["a", "b"]), r"values must be 2 real numbers.*got <U1\[2\]"),
        (scores_of([1j, 0.0]), r"complex128"),
        (scores_of([1.0, 1.0], failed=np.zeros(3, bool)), r"`failed` must be bool\[2\], got bool\[3\]"),
        (scores_of([1.0, 1.0], failed=np.zeros(2)), r"`failed` must be bool\[2\], got float64\[2\]"),
        (scores_of([1.0, 1.0], reasons=("x",)), r"1 reasons for 2 rows"),
        (scores_of([1.0, 1.0], {"a": np.array([1.0])}), r"term 'a' must be 2 real numbers"),
        (scores_of([1.0, 1.0], {"a": np.array([1.0, -np.inf])}), r"term 'a' is -inf in row 1"),
        (
            scores_of([1.0, 1.0], {"a": np.array([1.0, 0.9])}),
            r"row 1: the terms \{'a': 0.9\} do not sum.*1\.0",
        ),
    ],
)
def test_what_a_reward_must_not_return(result, message, transcript):
    with pytest.raises(RewardError, match=message):
        score(Returns(result), [transcript("2", index=7), transcript("3", index=8)])


def test_numbers_become_float64_and_failed_rows_are_zero_whatever_they_held(transcript):
    failed = np.array([False, True])
    result = scores_of(np.array([2, 3], np.int8), {"a": np.array([2.0, np.nan])}, failed, ("", "down"))
    scores = score(Returns(result), [transcript("2"), transcript("3")])
    assert scores.values.dtype == np.float64
    assert scores.values.tolist() == [2.0, 0.0]
    assert scores.terms["a"].tolist() == [2.0, 0.0]
    assert scores.reasons == ("", "down")


def test_a_reward_without_terms_gets_one_of_its_own_name(transcript):
    scores = score(Returns(scores_of([2.0])), [transcript("2")])
    assert {name: term.tolist() for name, term in scores.terms.items()} == {"told": [2.0]}


def test_an_empty_batch(transcript):
    assert score(Correct(), []).values.shape == (0,)


def test_exactly_the_rows_on_which_the_reward_raises_fail(transcript):
    calls = []

    def fragile(transcripts):
        calls.append(len(transcripts))
        return [1 / len(row.response) for row in transcripts]

    rows = [transcript(text) for text in ("a", "", "bb", "", "cccc")]
    scores = score(make_reward(fragile), rows)
    assert scores.failed.tolist() == [False, True, False, True, False]
    assert scores.values.tolist() == [1.0, 0.0, 0.5, 0.0, 0.25]
    assert scores.terms["fragile"].tolist() == [1.0, 0.0, 0.5, 0.0, 0.25]
    assert scores.reasons[1] == "ZeroDivisionError: division by zero"
    assert calls == [5, 1, 1, 1, 1, 1]


def test_rows_with_a_broken_verdict_are_not_shown_to_the_reward(transcript):
    seen = []

    def watch(transcripts):
        seen.extend(row.problem.index for row in transcripts)
        return [float(row.problem.index) for row in transcripts]

    rows = [transcript("2", index=i, status="error" if i in (0, 3) else "wrong") for i in range(5)]
    scores = score(make_reward(watch), rows)
    assert seen == [1, 2, 4]
    assert scores.values.tolist() == [0.0, 1.0, 2.0, 0.0, 4.0]
    assert scores.failed.tolist() == [True, False, False, True, False]


def test_a_batch_in_which_every_row_fails(transcript):
    scores = score(Correct(), [transcript("2", status="error")] * 3)
    assert scores.failed.all()
    assert scores.values.tolist() == [0.0] * 3


@pytest.mark.parametrize("timeout_s", [None, 60.0])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MissingDependencyError("pip install x")])
def test_interrupts_and_mistakes_of_the_caller_pass_through(error, timeout_s, transcript):
    def interrupted(transcripts):
        raise error

    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind):
        score(make_reward(interrupted), [transcript("2")] * 2, timeout_s)


@pytest.mark.parametrize("num_rows", [1, 3])
def test_an_interrupt_while_rows_are_tried_singly_passes_through(num_rows, transcript):
    def interrupted(transcripts):
        raise KeyboardInterrupt if len(transcripts) == 1 else OSError

    with pytest.raises(KeyboardInterrupt):
        score(make_reward(interrupted), [transcript("2")] * num_rows)


def test_with_a_time_limit_exactly_the_row_that_hangs_fails(transcript):
    release = threading.Event()

    def hangs(transcripts):
        if any(row.response == "hang" for row in transcripts):
            release.wait()
        return [float(len(row.response)) for row in transcripts]

    try:
        rows = [transcript(text) for text in ("a", "hang", "bb", "ccc")]
        scores = score(make_reward(hangs), rows, timeout_s=0.2)
    finally:
        release.set()
    assert scores.failed.tolist() == [False, True, False, False]
    assert scores.values.tolist() == [1.0, 0.0, 2.0, 3.0]
    assert scores.reasons[1] == "timeout: no score within 0.2 s"


def test_more_hanging_rows_than_threads_end_too(transcript):
    release = threading.Event()

    def hangs(transcripts):
        release.wait()
        return [0.0] * len(transcripts)

    try:
        scores = score(make_reward(hangs), [transcript("a")] * 40, timeout_s=0.1)
    finally:
        release.set()
    assert scores.failed.all()


def test_a_reward_that_is_in_time_is_called_once(transcript):
    calls = []

    def quick(transcripts):
        calls.append(threading.current_thread())
        return [1.0] * len(transcripts)

    assert score(make_reward(quick), [transcript("a")] * 3, timeout_s=60.0).values.tolist() == [1.0] * 3
    assert len(calls) == 1


@pytest.mark.parametrize("timeout_s", [0, -1.0, float("nan")])
def test_a_time_limit_is_positive(timeout_s, transcript):
    with pytest.raises(InvalidValueError, match="timeout_s must be positive"):
        score(Correct(), [transcript("2")], timeout_s)
