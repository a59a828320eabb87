"""``Noisy``: turned round at its rate, the same every time, by name."""

from __future__ import annotations

import math

import pytest

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.rewards import Noisy, make_reward

RECORDED = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def make_transcripts(count, is_correct=True):
    verdict = Verdict("correct" if is_correct else "wrong", score=float(is_correct))
    return [
        Transcript(Problem(f"{k}+0=", None, "train", k), (Turn("agent", str(k)),), True, False, verdict)
        for k in range(count)
    ]


def say(problem, *texts):
    return Transcript(problem, tuple(Turn("agent", text) for text in texts), True, False, Verdict("wrong"))


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5])
def test_pay_is_turned_round_at_its_rate(probability):
    reward = Noisy(probability=probability)
    for is_correct in (True, False):
        values = reward(make_transcripts(4000, is_correct)).values
        assert set(values) == {0.0, 1.0}
        rate = (values != float(is_correct)).mean()
        assert abs(rate - probability) < 4 * math.sqrt(probability * (1 - probability) / 4000)


def test_the_extremes_are_exact():
    assert Noisy(probability=0.0)(make_transcripts(50)).values.tolist() == [1.0] * 50
    assert Noisy(probability=1.0)(make_transcripts(50)).values.tolist() == [0.0] * 50


def test_the_same_transcript_is_always_paid_the_same():
    transcripts = make_transcripts(200)
    whole = Noisy(probability=0.4)(transcripts).values
    assert whole.tolist() == [Noisy(probability=0.4)([each]).values[0] for each in transcripts]
    # Drawn once and written down; another number here is another noise in every recorded result.
    assert Noisy(probability=0.4)(transcripts[:16]).values.tolist() == RECORDED


def test_other_turns_are_other_draws():
    problem = make_transcripts(1)[0].problem
    paid = [Noisy(probability=0.5)([say(problem, str(k))]).values[0] for k in range(2000)]
    assert 0.45 < sum(paid) / 2000 < 0.55


def test_texts_are_kept_apart():
    """Where one turn ends and the next begins is part of what was said."""
    problem = make_transcripts(1)[0].problem
    pairs = [((str(k), "x"), (f"{k}x", "")) for k in range(200)]
    reward = Noisy(probability=0.5)
    outcomes = [[reward([say(problem, *texts)]).values[0] for texts in pair] for pair in pairs]
    assert 40 < sum(one != other for one, other in outcomes) < 160


def test_hostile_text_is_paid():
    verdict = Verdict("wrong")
    transcript = Transcript(
        Problem("p", None, "train", 0), (Turn("agent", "\ud800\x00"),), True, False, verdict
    )
    assert Noisy()([transcript]).values[0] in (0.0, 1.0)


def test_by_name():
    assert make_reward("noisy:0.25") == Noisy(probability=0.25)
    for name in ("noisy:", "noisy:x", "noisy:2", "noisy:nan", "noisy:-0.1", "noisy:" + "9" * 10_000):
        with pytest.raises(InvalidValueError, match=r"noisy|Noisy\.probability"):
            make_reward(name)
    with pytest.raises(InvalidValueError, match=r"Noisy\.probability must be a number in \[0, 1\]"):
        Noisy(probability=True)
