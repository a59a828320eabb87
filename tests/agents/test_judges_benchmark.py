"""What benchmarks/judges.py measures with, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._judges_measure import Verdicts, agreement, calibration, longer_wins
from lmgym.preferences import Preference


def test_calibration_by_hand():
    chance = np.array([0.9, 0.9, 0.2, 0.65])
    bins, error, brier = calibration(chance, np.array([True, False, False, True]))
    assert [(row["count"], row["agreement"]) for row in bins] == [(1, 1.0), (1, 1.0), (2, 0.5)]
    assert error == pytest.approx((0.35 + 0.2 + 2 * 0.4) / 4)
    assert brier == pytest.approx((0.01 + 0.81 + 0.04 + 0.1225) / 4)


def test_the_order_turns_a_verdict_whose_bias_is_larger_than_its_lead():
    verdicts = Verdicts(np.array([0.8, 0.55, 0.3]), np.array([0.1, 1.0, -0.9]))
    assert verdicts.disagrees.tolist() == [False, True, True]
    assert verdicts.forward[0] == pytest.approx(np.log(4) + 0.1)


def test_the_longer_answer_wins_where_it_is_the_better_one():
    def pair(first: str, second: str, ranks: tuple[int, int]) -> Preference:
        return Preference("q", (first, second), "people", ranks, None, "2026-01-31T12:00:00Z")

    pairs = [
        pair("long", "s", (0, 1)),
        pair("long", "s", (1, 0)),
        pair("s", "long", (1, 0)),
        pair("x", "y", (0, 1)),
    ]
    assert longer_wins(pairs).tolist() == [True, False, True, False]
    assert agreement(longer_wins(pairs))["agreement"] == 0.5
