"""The loss of pairs: numbers worked by hand, a slow reference in plain floats, finite differences, shares."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.errors import InvalidValueError
from lmgym_agents.reward_models.losses import estimate_tie_parameter, preference_loss


def floats(low, high):
    """Without subnormal numbers, which do not exist in a process in which a training has run."""
    return st.floats(low, high, allow_subnormal=False)


FLOATS = floats(-6, 6)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def slow_loss(pairs, *, eps=0.0, nu=0.0, tie_loss="davidson", centre=0.0):
    """Davidson's probabilities as the paper writes them, with worths e^r; pairs are (r, r', tie, w, m)."""

    def chance(better, worse, outcome):
        a, b = math.exp(better), math.exp(worse)
        tie = nu * math.sqrt(a * b) if tie_loss == "davidson" else 0.0
        return {"win": a, "tie": tie}[outcome] / (a + b + tie)

    total = 0.0
    for better, worse, is_tie, weight, margin in pairs:
        if not is_tie:
            right = chance(better - margin, worse, "win")
            turned = chance(worse - margin, better, "win")
            loss = -(1 - eps) * math.log(right) - eps * math.log(turned)
        elif tie_loss == "half":
            loss = -(math.log(chance(better, worse, "win")) + math.log(chance(worse, better, "win"))) / 2
        else:
            loss = -math.log(chance(better, worse, "tie"))
        total += weight * (loss + centre * (better + worse) ** 2)
    return total


def fast_loss(pairs, denominator=1.0, **options):
    better, worse, is_tie, weights, margins = zip(*pairs, strict=True)
    return preference_loss(
        double(*better), double(*worse), denominator=denominator, is_tie=torch.tensor(is_tie),
        weights=double(*weights), margins=double(*margins), **options,
    )  # fmt: skip


def test_by_hand():
    # σ(1) = 0.7310586, -log = 0.3132617; a difference of 0 is worth log 2.
    loss = preference_loss(double(2.0, 0.5), double(1.0, 0.5), denominator=2.0)
    assert loss.loss.item() == pytest.approx((0.3132616875 + 0.6931471806) / 2)
    assert loss.stats["accuracy"].item() == 1.5  # one right, one half right


def test_margin_smoothing_and_half_a_tie_by_hand():
    def loss(**options):
        return preference_loss(double(2.0), double(1.0), denominator=1.0, **options).loss.item()

    # -log σ(1) = 0.3132617 and -log σ(-1) = 1.3132617; a margin of 1 leaves a difference of 0, worth log 2.
    assert loss(margins=double(1.0)) == pytest.approx(0.6931471806)
    assert loss(label_smoothing=0.25) == pytest.approx(0.75 * 0.3132616875 + 0.25 * 1.3132616875)
    half = loss(is_tie=torch.tensor([True]), tie_loss="half")
    assert half == pytest.approx((0.3132616875 + 1.3132616875) / 2)


def test_ties_are_no_part_of_the_accuracy():
    ties = torch.tensor([True, False, True])
    loss = preference_loss(
        double(2.0, 0.0, 1.0), double(1.0, 1.0, 1.0), denominator=3.0, is_tie=ties, tie_loss="half"
    )
    assert [loss.stats[name].item() for name in ("accuracy", "score_gap", "num_tokens")] == [0.0, -1.0, 1]


def test_davidson_by_hand():
    # Equal scores and ν = 2: win, lose and tie have chances 1/4, 1/4 and 1/2.
    pair = double(0.7), double(0.7)
    options = {"denominator": 1.0, "tie_parameter": 2.0}
    assert preference_loss(*pair, **options).loss.item() == pytest.approx(math.log(4))
    assert preference_loss(*pair, is_tie=torch.tensor([True]), **options).loss.item() == pytest.approx(
        math.log(2)
    )


@pytest.mark.parametrize("nu", [0.3, 2.0])
def test_the_odds_of_decided_pairs_are_those_of_bradley_and_terry(nu):
    won, lost = (preference_loss(double(a), double(b), denominator=1.0, tie_parameter=nu).loss.item()
                 for a, b in ((1.7, 0.4), (0.4, 1.7)))  # fmt: skip
    assert lost - won == pytest.approx(1.3)


pair_lists = st.lists(
    st.tuples(FLOATS, FLOATS, st.booleans(), floats(0, 3), floats(0, 2)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(pair_lists, st.sampled_from(["davidson", "half"]), floats(0, 0.4), floats(0.05, 4))
def test_equals_the_slow_reference(pairs, tie_loss, eps, nu):
    expected = slow_loss(pairs, eps=eps, nu=nu, tie_loss=tie_loss, centre=0.03)
    found = fast_loss(
        pairs, label_smoothing=eps, tie_parameter=nu, tie_loss=tie_loss, centre_coefficient=0.03
    )
    assert found.loss.item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(pair_lists, st.integers(1, 5))
def test_shares_of_a_batch_add_up(pairs, cut):
    options = {"tie_parameter": 1.0, "label_smoothing": 0.1, "centre_coefficient": 0.01}
    whole = fast_loss(pairs, 7.0, **options).loss.item()
    parts = [part for part in (pairs[:cut], pairs[cut:]) if part]
    assert sum(fast_loss(part, 7.0, **options).loss.item() for part in parts) == pytest.approx(whole)


def test_gradients_are_finite_differences():
    pairs = [(0.3, 1.1, False, 1.0, 0.5), (-0.2, 0.4, True, 2.0, 0.0), (2.0, -1.0, False, 0.5, 0.0)]
    better = double(*(pair[0] for pair in pairs)).requires_grad_()
    worse = double(*(pair[1] for pair in pairs)).requires_grad_()

    def loss(better, worse):
        return preference_loss(
            better, worse, denominator=2.5, is_tie=torch.tensor([False, True, False]),
            weights=double(1.0, 2.0, 0.5), margins=double(0.5, 0.0, 0.0), label_smoothing=0.1,
            tie_parameter=0.7, centre_coefficient=0.05,
        ).loss  # fmt: skip

    assert torch.autograd.gradcheck(loss, (better, worse))


@pytest.mark.parametrize("size", [1e4, 1e6])
def test_stays_finite_far_out(size):
    pairs = [(size, -size, False, 1.0, 0.0), (-size, size, False, 1.0, 0.0), (size, -size, True, 1.0, 0.0)]
    assert math.isfinite(fast_loss(pairs, label_smoothing=0.1, tie_parameter=1.0).loss.item())


def test_the_tie_parameter_gives_equal_responses_the_share_of_ties():
    nu = estimate_tie_parameter(30, 100)
    tie = preference_loss(
        double(0.0), double(0.0), denominator=1.0, is_tie=torch.tensor([True]), tie_parameter=nu
    )
    assert math.exp(-tie.loss.item()) == pytest.approx(0.3)
    assert estimate_tie_parameter(0, 10) == 0.0
    assert math.isfinite(estimate_tie_parameter(10, 10))


@pytest.mark.parametrize(
    "options",
    [
        {"denominator": 0.0},
        {"label_smoothing": 0.5},
        {"label_smoothing": -0.1},
        {"tie_loss": "thirds"},
        {"tie_parameter": math.inf},
        {"centre_coefficient": -1.0},
        {"is_tie": torch.tensor([True])},  # with ν = 0 a tie has probability 0
    ],
)
def test_refuses_parameters_out_of_range(options):
    with pytest.raises(InvalidValueError):
        preference_loss(double(1.0), double(0.0), **{"denominator": 1.0, **options})
