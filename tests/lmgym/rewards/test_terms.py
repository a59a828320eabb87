from __future__ import annotations

import re

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, RewardError
from lmgym.rewards import Correct, Format, Length, PartialCredit, score


def test_correct_pays_one_for_a_correct_verdict_and_wrong_for_others(transcript):
    rows = [transcript("2"), transcript("3", status="wrong")]
    assert score(Correct(), rows).values.tolist() == [1.0, 0.0]
    assert score(Correct(wrong=-0.5), rows).values.tolist() == [1.0, -0.5]


def test_partial_credit_pays_the_score_of_the_verdict(transcript):
    rows = [transcript("2"), transcript("3", status="wrong", score=0.25)]
    assert score(PartialCredit(), rows).values.tolist() == [1.0, 0.25]


@pytest.mark.parametrize("reward", [Correct(), PartialCredit()])
def test_a_missing_verdict_is_the_callers_mistake(reward, transcript):
    with pytest.raises(RewardError, match=r"needs the verdict of problem 7 of 'train'.*task\.verify"):
        score(reward, [transcript("2"), transcript("2", status=None, index=7)])


@pytest.mark.parametrize("reward", [Correct(), PartialCredit(), Format(), Length()])
def test_a_verdict_that_is_an_error_fails_the_row_and_is_never_paid_zero(reward, transcript):
    scores = score(reward, [transcript("2"), transcript("2", status="error"), transcript("2")])
    assert scores.failed.tolist() == [False, True, False]
    assert scores.reasons == ("", "verifier: error", "")
    assert scores.values[0] == scores.values[2] == 1.0


@pytest.mark.parametrize(
    ("text", "is_complete", "expected"),
    [
        ("42", True, 1.0),
        ("42\n", True, 1.0),
        ("42", False, 0.0),
        ("", True, 0.0),
        (" \t", True, 0.0),
        ("6*7\n42", True, 0.0),
        ("6*7\r42", True, 0.0),
        ("6*7\u202842", True, 0.0),
        ("\ud800", True, 1.0),
        ("x" * 4096, True, 1.0),
        ("x" * 4097, True, 0.0),
    ],
)
def test_format_without_a_pattern_is_one_complete_line(text, is_complete, expected, transcript):
    assert score(Format(), [transcript(text, is_complete=is_complete)]).values.tolist() == [expected]


def test_format_with_a_pattern_wants_the_whole_text_and_sees_no_more_than_max_chars(transcript):
    reward = Format(pattern=re.compile(r"-?\d+"), max_chars=5)
    rows = [transcript(text) for text in ("-12", "12.", " 12", "12345", "123456")]
    assert score(reward, rows).values.tolist() == [1.0, 0.0, 0.0, 1.0, 0.0]


def test_format_of_an_episode_wants_every_agent_turn_of_a_turn_only_the_last(transcript):
    row = transcript("two\nlines", "one")
    assert score(Format(), [row]).values.tolist() == [0.0]
    assert score(Format(pay="turn"), [row]).values.tolist() == [1.0]


def test_format_of_an_unfinished_turn_holds_for_a_step_that_its_newline_ended(transcript):
    rows = [
        transcript("a\nb\n", is_complete=False),
        transcript("a\nb", is_complete=False),
        transcript("a\n\n"),
    ]
    assert score(Format(pay="step"), rows).values.tolist() == [1.0, 0.0, 0.0]


def test_length_counts_what_its_unit_says(transcript):
    row = transcript("ab c\nde\n", "f")
    assert score(Length(), [row]).values.tolist() == [9.0]
    assert score(Length(unit="words"), [row]).values.tolist() == [4.0]
    assert score(Length(unit="lines"), [row]).values.tolist() == [3.0]


@pytest.mark.parametrize("unit", ["chars", "words", "lines"])
def test_lengths_of_steps_add_up_to_the_turn_and_those_of_turns_to_the_episode(unit, transcript):
    turns = ["ab c\nde\n\nf", "", "\n", "x\u2028y\n"]
    episode = score(Length(unit=unit), [transcript(*turns)]).values[0]
    by_turn = 0.0
    for number in range(1, len(turns) + 1):
        turn = score(Length(unit=unit, pay="turn"), [transcript(*turns[:number])]).values[0]
        text = turns[number - 1]
        ends = [i + 1 for i, char in enumerate(text) if char == "\n"]
        prefixes = [transcript(*turns[: number - 1], text[:end], is_complete=False) for end in ends]
        prefixes.append(transcript(*turns[:number]))  # the end of the turn: what follows the last newline
        assert score(Length(unit=unit, pay="step"), prefixes).values.sum() == turn
        by_turn += turn
    assert by_turn == episode


def test_terms_of_a_transcript_in_which_the_agent_said_nothing(transcript):
    silent = transcript("x")._replace(turns=())
    for pay in ("episode", "turn", "step"):
        assert score(Format(pay=pay), [silent]).values.tolist() == [0.0]
        assert score(Length(pay=pay), [silent]).values.tolist() == [0.0]


@pytest.mark.parametrize(
    "text", ["", "x" * 10**6, "\x00\x1b[2J", "\ud800\udfff", "(" * 10**5, "9" * 10**5, "\n" * 10**5]
)
def test_any_text_is_scored(text, transcript):
    rows = [transcript(text, status="wrong")]
    for reward in (Correct(), PartialCredit(), Format(), Format(pattern=re.compile(r"\d+")), Length()):
        for pay in ("episode", "turn", "step"):
            scores = score(reward.paid(pay), rows)
            assert not scores.failed.any()
            assert np.isfinite(scores.values).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Correct(pay="token"), r"pay must be one of 'episode', 'turn', 'step', got 'token'"),
        (lambda: Format(pattern="a+"), r"Format\.pattern must be re\.compile"),
        (lambda: Format(max_chars=0), r"Format\.max_chars must be at least 1, got 0"),
        (lambda: Length(unit="tokens"), r"Length\.unit must be 'chars', 'words' or 'lines', got 'tokens'"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()
