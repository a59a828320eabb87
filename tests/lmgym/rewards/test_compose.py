from __future__ import annotations

import pytest

from lmgym.errors import InvalidValueError, RewardError
from lmgym.rewards import (
    Correct,
    Format,
    Length,
    PartialCredit,
    Reward,
    TimeLimited,
    make_reward,
    paid,
    score,
)


class Foreign:
    """A reward of somebody else's, without arithmetic."""

    pay = "episode"

    def __call__(self, transcripts):
        return score(Correct(), transcripts)


def test_a_weighted_sum_by_hand(transcript):
    reward = Correct() + 0.1 * Format() - 0.001 * Length()
    scores = score(reward, [transcript("42"), transcript("4\n2", status="wrong")])
    assert scores.values.tolist() == pytest.approx([1.0 + 0.1 - 0.002, -0.003], abs=1e-15)
    assert {name: term.tolist() for name, term in scores.terms.items()} == {
        "correct": [1.0, 0.0],
        "format": [0.1, 0.0],
        "length": [-0.002, -0.003],
    }


def test_arithmetic_distributes_and_flattens():
    nested = 2 * (Correct() - (Format() - 0.5 * Length()))
    assert [(weight, type(part)) for weight, part in nested.parts] == [
        (2.0, Correct),
        (-2.0, Format),
        (1.0, Length),
    ]
    assert (-Correct()).parts == ((-1.0, Correct()),)
    assert sum([Correct(), Format()]).parts == ((1.0, Correct()), (1.0, Format()))


def test_foreign_rewards_add_from_both_sides(transcript):
    for reward in (Foreign() + Correct(), Correct() + Foreign(), 2 * (Foreign() - 0 * Correct())):
        assert isinstance(reward, Reward)
        assert score(reward, [transcript("2")]).values.tolist() == [2.0]


def test_equal_names_are_numbered(transcript):
    scores = score(Correct() + Correct(wrong=-1.0) + Foreign(), [transcript("3", status="wrong")])
    assert {name: term.tolist() for name, term in scores.terms.items()} == {
        "correct": [0.0],
        "correct_2": [-1.0],
        "correct_3": [0.0],
    }


def test_a_row_that_fails_in_one_part_fails_as_a_whole_and_costs_only_that_part_a_second_call(transcript):
    calls = {"good": 0, "bad": 0}

    def good(transcripts):
        calls["good"] += 1
        return [1.0] * len(transcripts)

    def bad(transcripts):
        calls["bad"] += 1
        return [1 / len(row.response) for row in transcripts]

    reward = make_reward([good, bad])
    rows = [transcript("a"), transcript("")]
    scores = score(reward, rows)
    assert scores.values.tolist() == [2.0, 0.0]
    assert scores.failed.tolist() == [False, True]
    assert scores.terms["good"].tolist() == [1.0, 0.0]
    assert scores.reasons == ("", "ZeroDivisionError: division by zero")
    assert calls == {"good": 1, "bad": 3}
    assert reward(rows).values.tolist() == [2.0, 0.0]  # also without `score`


def test_a_mistake_in_a_part_is_named(transcript):
    def broken(transcripts):
        return [float("nan")] * len(transcripts)

    with pytest.raises(RewardError, match=r"'broken': values is nan in row 0"):
        score(Correct() + make_reward(broken), [transcript("2")])


def test_a_sum_that_overflows_is_an_error_not_a_warning(transcript):
    big = make_reward(lambda transcripts: [1e308] * len(transcripts))
    with pytest.raises(RewardError, match="inf"):
        score(big + big, [transcript("2")])


def test_payment_is_changed_for_all_parts():
    reward = (Correct() + 0.5 * Length()).paid("turn")
    assert reward.pay == "turn"
    assert [part.pay for _, part in reward.parts] == ["turn", "turn"]
    assert paid(Foreign(), "step").pay == "step"
    assert paid(Correct(), "episode") == Correct()
    assert (Correct() + Foreign()).paid("step").pay == "step"


def test_rewards_paid_at_different_times_do_not_add_up():
    with pytest.raises(InvalidValueError, match=r"paid at different times \(episode, step\).*\.paid"):
        Correct() + Length(pay="step")


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "2", True, None])
def test_weights_are_finite_numbers(weight):
    with pytest.raises(InvalidValueError, match="weight must be a finite number"):
        Correct() * weight


@pytest.mark.parametrize("other", [1.0, "correct", lambda transcripts: []])
def test_only_rewards_add(other):
    with pytest.raises(InvalidValueError, match="make_reward"):
        Correct() + other
    with pytest.raises(InvalidValueError, match="make_reward"):
        other - Correct()


def test_a_time_limit_keeps_payment_and_composes(transcript):
    reward = 2 * PartialCredit(pay="turn").within(60.0)
    assert reward.pay == "turn"
    assert score(reward, [transcript("2")]).values.tolist() == [2.0]
    assert TimeLimited(Correct(), 1.0).paid("step").pay == "step"
    with pytest.raises(InvalidValueError, match=r"TimeLimited\.timeout_s must be positive, got 0"):
        TimeLimited(Correct(), 0)
