from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, RewardError, UnknownNameError
from lmgym.rewards import Correct, Format, Length, PartialCredit, make_reward, per_transcript, score


@pytest.mark.parametrize(
    ("name", "kind"),
    [("correct", Correct), ("format", Format), ("length", Length), ("partial", PartialCredit)],
)
def test_rewards_by_name(name, kind):
    assert make_reward(name) == kind()
    assert make_reward(name, pay="step").pay == "step"


def test_an_unknown_name_answers_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown reward 'corect'\. Did you mean 'correct'\?"):
        make_reward("corect")
    with pytest.raises(UnknownNameError, match="model:FOLDER, noisy:P, partial"):
        make_reward("modell:runs/rm/model")


def test_a_reward_is_returned_as_it_is():
    reward = Correct() + Format()
    assert make_reward(reward) is reward


def test_a_plain_function_scores_the_batch(transcript):
    def shortness(transcripts):
        return np.array([-len(row.response) for row in transcripts], np.int64)

    scores = score(make_reward(shortness), [transcript("a"), transcript("bbb")])
    assert scores.values.tolist() == [-1.0, -3.0]
    assert list(scores.terms) == ["shortness"]


def test_a_function_of_one_transcript_is_told_by_its_parameter_or_by_wrapping(transcript):
    def shout(transcript):
        return transcript.response.isupper()

    rows = [transcript("A"), transcript("b")]
    assert score(make_reward(shout), rows).values.tolist() == [1.0, 0.0]
    wrapped = per_transcript(lambda row: len(row.response), name="size", pay="turn")
    assert wrapped.pay == "turn"
    assert list(score(wrapped, rows).terms) == ["size"]


def test_a_list_is_the_sum(transcript):
    reward = make_reward(["correct", Length(), lambda transcripts: [0.5] * len(transcripts)], pay="turn")
    assert reward.pay == "turn"
    assert score(reward, [transcript("22")]).values.tolist() == [3.5]


def test_a_row_to_which_nothing_applies_fails_and_is_left_out_of_a_sum(transcript):
    def only_long(transcripts):
        return [1.0 if len(row.response) > 1 else None for row in transcripts]

    rows = [transcript("22"), transcript("2")]
    alone = score(make_reward(only_long), rows)
    assert alone.failed.tolist() == [False, True]
    assert alone.reasons == ("", "not applicable")
    both = score(make_reward([only_long, "correct"]), rows)
    assert both.failed.tolist() == [False, False]
    assert both.values.tolist() == [2.0, 1.0]
    neither = score(make_reward([only_long, only_long]), rows)
    assert neither.failed.tolist() == [False, True]
    assert neither.values.tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (1.0, r"'give' returned 1\.0 for a batch of 2.*one number a transcript.*per_transcript"),
        (None, r"'give' returned None"),
        ("12", r"'give' returned '12'"),
        ([1.0], r"'give' returned 1 numbers for 2 transcripts"),
        ([1.0, 2.0, 3.0], r"'give' returned 3 numbers for 2 transcripts"),
        ([1.0, float("nan")], r"'give': values is nan in row 1"),
        ([float("-inf"), 1.0], r"'give': values is -inf in row 0"),
        ([1.0, "2"], r"'give' returned '2' \(str\) for row 1"),
        ([1.0, [2.0]], r"\(list\) for row 1"),
        ([1.0, 1j], r"\(complex\) for row 1"),
        ([1.0, 10**400], r"\(int\) for row 1"),
        (np.zeros((2, 2)), r"\(ndarray\) for row 0"),
    ],
)
def test_what_a_function_must_not_return(result, message, transcript):
    def give(transcripts):
        return result

    with pytest.raises(RewardError, match=message):
        score(make_reward(give), [transcript("2"), transcript("3")])


@pytest.mark.parametrize("spec", [None, 3.0, [], {"correct": 1.0}])
def test_what_is_no_reward(spec):
    with pytest.raises(InvalidValueError, match="a reward must be a name"):
        make_reward(spec)


def test_a_class_instead_of_an_object():
    with pytest.raises(InvalidValueError, match=r"got the class Correct; write Correct\(\)"):
        make_reward(Correct)


def test_an_asynchronous_function_is_refused():
    async def judge(transcripts):
        return []

    with pytest.raises(InvalidValueError, match="judge is asynchronous"):
        make_reward(judge)


def test_a_time_limit_is_kept_over_a_change_of_payment(transcript):
    reward = make_reward("correct", pay="turn", timeout_s=60.0)
    assert reward.pay == "turn"
    assert score(reward, [transcript("2")]).values.tolist() == [1.0]
