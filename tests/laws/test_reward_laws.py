"""What holds for every reward, whatever the transcripts: batches, orders, sums, failures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.records import Problem, Scores, Transcript, Turn, Verdict
from lmgym.rewards import (
    Clipped,
    Correct,
    Crowding,
    Familiarity,
    Format,
    Length,
    PartialCredit,
    Repetition,
    Shaped,
    Vocabulary,
    at_step,
    make_reward,
    score,
)


def some_none(transcripts):
    return [None if len(row.response) % 3 == 0 else len(row.response) / 7 for row in transcripts]


def fragile(transcripts):
    if any("x" in row.response for row in transcripts):
        raise OSError("service down")
    return [float(len(row.response)) for row in transcripts]


def trl_style(prompts, completions, **kwargs):
    return [float(len(text) - len(prompt)) for prompt, text in zip(prompts, completions, strict=True)]


REWARDS = {
    "correct": Correct(wrong=-0.25),
    "partial": PartialCredit(),
    "format": Format(),
    "length": Length(unit="words", pay="turn"),
    "step": (Format() + Length()).paid("step"),
    "repetition": Repetition(size=1, pay="turn"),
    "gibberish": Vocabulary(words=("1", "x")) - Crowding(words=("x",), allowed=1) - Repetition(),
    "familiarity": Familiarity(texts=["x 1 x"], pay="step"),
    "none": make_reward(some_none),
    "fragile": make_reward(fragile),
    "trl": make_reward(trl_style),
    "shaped": Shaped(Length(pay="step"), lambda states: [len(state.response) / 8 for state in states], 0.5),
    "clipped": Clipped(make_reward(fragile) - Length(), -0.5, 0.25),
    "waiting": at_step(0.5 * Length() + make_reward(some_none)),
    "limited": make_reward("length", timeout_s=60.0),
    "sum": Correct()
    + 0.1 * Format()
    - 0.001 * Length()
    + make_reward(some_none)
    + 0.5 * make_reward(fragile),
}

texts = st.text(alphabet="1x \n\ud800", max_size=6)
verdicts = st.builds(
    lambda status, part: Verdict(status, "", None, 1.0 if status == "correct" else part),
    st.sampled_from(["correct", "wrong", "wrong", "error"]),
    st.sampled_from([0.0, 0.25, 0.5]),
)
transcripts = st.builds(
    lambda index, turns, whole, verdict: Transcript(
        Problem("1+1=", "2", "train", index),
        tuple(
            Turn(role, text, whole) for role, text in zip(("agent", "environment") * 2, turns, strict=False)
        ),
        True,
        False,
        verdict,
    ),
    st.integers(0, 9),
    st.lists(texts, max_size=3),
    st.booleans(),
    verdicts,
)
batches = st.lists(transcripts, max_size=6)


def assert_same(left: Scores, right: Scores, num_rows: int) -> None:
    assert left.failed.tolist() == right.failed.tolist()
    assert left.values.tolist() == right.values.tolist()
    none = ("",) * num_rows
    assert (left.reasons or none) == (right.reasons or none)
    zeros = [0.0] * num_rows
    for name in left.terms.keys() | right.terms.keys():  # a term that only failed rows lack is 0 there
        left_term, right_term = (s.terms[name].tolist() if name in s.terms else zeros for s in (left, right))
        assert left_term == right_term, name


@pytest.mark.parametrize("name", REWARDS)
@given(batch=batches)
@settings(max_examples=60, deadline=None)
def test_a_batch_is_its_rows_one_by_one(name, batch):
    reward = REWARDS[name]
    whole = score(reward, batch)
    for i, row in enumerate(batch):
        single = score(reward, [row])
        assert single.failed[0] == whole.failed[i]
        assert single.values[0] == whole.values[i]
        assert (single.reasons or ("",))[0] == (whole.reasons or [""] * len(batch))[i]


@pytest.mark.parametrize("name", REWARDS)
@given(batch=batches, random=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_permuting_rows_permutes_scores(name, batch, random):
    order = list(range(len(batch)))
    random.shuffle(order)
    whole = score(REWARDS[name], batch)
    expected = Scores(
        whole.values[order],
        {term: column[order] for term, column in whole.terms.items()},
        whole.failed[order],
        tuple(whole.reasons[i] for i in order) if whole.reasons else (),
    )
    assert_same(score(REWARDS[name], [batch[i] for i in order]), expected, len(batch))


@pytest.mark.parametrize("name", REWARDS)
@given(batch=batches)
@settings(max_examples=40, deadline=None)
def test_terms_sum_to_the_value_and_failed_rows_are_zero(name, batch):
    scores = score(REWARDS[name], batch)
    total = sum(scores.terms.values(), np.zeros(len(batch)))
    np.testing.assert_allclose(total, scores.values, rtol=0, atol=1e-12)
    assert not scores.values[scores.failed].any()
    assert bool(scores.reasons) == scores.failed.any()
    for failed, reason in zip(scores.failed, scores.reasons, strict=False):
        assert bool(reason) == bool(failed)


weights = st.floats(-4, 4, allow_subnormal=False)


@given(batch=batches, a=weights, b=weights)
@settings(max_examples=100, deadline=None)
def test_composition_is_linear(batch, a, b):
    first, second = REWARDS["correct"], REWARDS["fragile"]
    scores = [score(reward, batch) for reward in (a * first + b * second, first, second)]
    whole, left, right = scores
    assert whole.failed.tolist() == (left.failed | right.failed).tolist()
    expected = np.where(whole.failed, 0.0, a * left.values + b * right.values)
    np.testing.assert_allclose(whole.values, expected, rtol=1e-12, atol=1e-12)


@given(batch=batches)
@settings(max_examples=100, deadline=None)
def test_exactly_the_culprits_fail(batch):
    scores = score(REWARDS["fragile"], batch)
    for row, failed, value in zip(batch, scores.failed, scores.values, strict=True):
        assert failed == ("x" in row.response or row.verdict.status == "error")
        assert value == (0.0 if failed else float(len(row.response)))
