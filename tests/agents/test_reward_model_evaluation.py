"""Calibration and the other numbers of a scorer: by hand, by law, by simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.seeding import make_generator
from lmgym_agents.errors import MetricsError
from lmgym_agents.report.calibration import draw_reliability
from lmgym_agents.reward_models.calibration import (
    Bin,
    calibration_error,
    expected_error,
    fit_temperature,
    log_loss,
    reliability_bins,
)
from lmgym_agents.reward_models.evaluation import evaluate_scorer, measure_temperature
from lmgym_agents.reward_models.pairs import Pair
from tests.agents.reward_scorers import WrittenScorer

NINE = math.log(9)  # odds of nine to one: a confidence of 0.9


def honest_gaps(count, spread=1.5, seed=0):
    """Differences whose sign is right as often as they say."""
    rng = make_generator(seed, "honest_gaps")
    d = rng.normal(0, spread, count)
    return np.where(rng.random(count) < 1 / (1 + np.exp(-d)), d, -d)


def test_bins_and_error_by_hand():
    # Ten pairs at 0.9, of which seven are right; two at 0.5.
    gaps = np.array([NINE] * 7 + [-NINE] * 3 + [0.0] * 2)
    bins = reliability_bins(gaps, num_bins=10, binning="width")
    assert [(round(b.confidence, 6), round(b.accuracy, 6), b.count) for b in bins] == [
        (0.5, 0.5, 2),
        (0.9, 0.7, 10),
    ]
    assert calibration_error(bins) == pytest.approx(0.2 * 10 / 12)
    assert log_loss(np.array([NINE, -NINE])) == pytest.approx(-(math.log(0.9) + math.log(0.1)) / 2)


@pytest.mark.parametrize("num_bins", [1, 3, 10, 50])
def test_bins_of_equal_mass_hold_every_pair_once(num_bins):
    gaps = honest_gaps(203)
    bins = reliability_bins(gaps, num_bins=num_bins)
    assert sum(each.count for each in bins) == 203 and len(bins) == min(num_bins, 203)
    assert max(b.count for b in bins) - min(b.count for b in bins) <= 1
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    # Whatever the bins, the accuracy stays.
    assert sum(b.accuracy * b.count for b in bins) / 203 == pytest.approx((gaps > 0).mean())


def test_equal_confidences_are_never_apart():
    bins = reliability_bins(np.array([1.0] * 5 + [-1.0] * 4), num_bins=4)
    assert [(each.accuracy, each.count) for each in bins] == [(5 / 9, 9)]


def test_an_honest_model_is_calibrated_and_a_louder_one_is_not():
    gaps = honest_gaps(20_000)
    assert calibration_error(reliability_bins(gaps)) < 0.01
    assert calibration_error(reliability_bins(3 * gaps)) > 0.08
    assert fit_temperature(gaps) == pytest.approx(1.0, abs=0.05)
    assert fit_temperature(3 * gaps) == pytest.approx(3 * fit_temperature(gaps), rel=1e-6)


def test_the_temperature_has_the_lowest_loss_of_a_grid():
    gaps = honest_gaps(300, seed=5) * 2.7
    best = log_loss(gaps / fit_temperature(gaps))
    assert all(best <= log_loss(gaps / t) + 1e-12 for t in np.geomspace(0.01, 100, 400))
    assert fit_temperature(np.array([1.0])) == pytest.approx(0.01)  # always right: never sure enough
    assert fit_temperature(np.array([-1.0])) == pytest.approx(100)


def test_the_expected_error_of_honest_models_is_what_they_show():
    shown = np.mean([calibration_error(reliability_bins(honest_gaps(150, seed=s))) for s in range(60)])
    assert expected_error(honest_gaps(150)) == pytest.approx(shown, rel=0.12)


def test_bins_refuse_nothing_to_bin():
    for arguments in (
        {"gaps": np.zeros(0)},
        {"gaps": np.zeros(1), "num_bins": 0},
        {"gaps": np.zeros(1), "binning": "x"},
    ):
        with pytest.raises(InvalidValueError):
            reliability_bins(**arguments)


def test_all_numbers_by_hand():
    pairs = [
        Pair("p", "3", "1", gold_gap=1.0),  # right
        Pair("q", "1", "22", gold_gap=-2.0),  # the verdict is against the gold, and the score with it
        Pair("r", "5", "5", True, gold_gap=0.5),  # a tie
        Pair("s", "10", "2"),  # right, and longer
    ]
    found = evaluate_scorer(WrittenForms(), pairs, temperature=2.0)
    assert found["num_pairs"] == 3 and found["num_ties"] == 1 and found["tie_gap"] == 0.0
    assert found["accuracy"]["mean"] == pytest.approx(2 / 3)
    assert found["accuracy"]["low"] < 2 / 3 < found["accuracy"]["high"]
    losses = [math.log1p(math.exp(-d)) for d in (2, -21, 8)]
    assert found["calibration"]["log_loss"] == pytest.approx(sum(losses) / 3)
    halved = [math.log1p(math.exp(-d / 2)) for d in (2, -21, 8)]
    assert found["calibration_at_temperature"]["log_loss"] == pytest.approx(sum(halved) / 3)
    # Of p, q and r the gold is known: p and q are as the gold says, the equal scores of r half of it; the
    # verdicts agree on p, contradict it on q and half on r.
    assert found["gold"]["num_pairs"] == 3
    assert found["gold"]["agreement"]["mean"] == pytest.approx(2.5 / 3)
    assert found["gold"]["labels"] == pytest.approx(1.5 / 3)
    length = found["length"]
    assert length["longer_wins"] == pytest.approx((0.5 + 0.0 + 1.0) / 3)
    assert length["accuracy_where_longer_is_better"] == 1.0
    assert length["accuracy_where_shorter_is_better"] == 0.0
    assert found["order_change"] == 0.0
    json.dumps(found, allow_nan=False)


class WrittenForms(WrittenScorer):
    """Reads the first number of a response, so that sentences can be added to it."""

    def score(self, prompts, responses):
        return super().score(prompts, [text.split()[0] for text in responses])


class LengthScorer(WrittenScorer):
    def score(self, prompts, responses):
        return np.array([len(text) for text in responses], np.float64)


def test_a_scorer_that_counts_characters_is_found_out():
    pairs = [Pair("p", "x" * n, "x" * (20 - n)) for n in range(1, 15)]
    length = evaluate_scorer(LengthScorer(), pairs)["length"]
    assert length["correlation"] == pytest.approx(1.0)
    assert length["accuracy_where_longer_is_better"] == 1.0
    assert length["accuracy_where_shorter_is_better"] == 0.0
    assert length["neutral_sentence"] > 1 and length["doubled"] > 1


def test_a_scorer_that_remembers_the_order_is_found_out():
    class Shifting(WrittenForms):
        def score(self, prompts, responses):
            return super().score(prompts, responses) + 0.1 * np.arange(len(responses))

    assert evaluate_scorer(Shifting(), [Pair("p", "3", "1"), Pair("q", "2", "1")])["order_change"] > 0.1


def test_ties_alone_have_neither_accuracy_nor_temperature():
    ties = [Pair("p", "1", "2", True)]
    found = evaluate_scorer(WrittenForms(), ties)
    assert found["num_pairs"] == 0 and "accuracy" not in found and found["gold"] is None
    assert measure_temperature(WrittenForms(), ties) == 1.0
    with pytest.raises(EmptyProblemSetError):
        evaluate_scorer(WrittenForms(), [])


def test_the_picture_is_a_picture():
    bins = reliability_bins(honest_gaps(100))
    assert (
        draw_reliability({"one": bins, "two": [Bin(0.7, 1.0, 3)]}, title="t", subtitle="s")[:4] == b"\x89PNG"
    )
    with pytest.raises(MetricsError):
        draw_reliability({})
    with pytest.raises(MetricsError):
        draw_reliability({"none": []})
