"""What benchmarks/rlhf_smollm2.py measures with, on numbers worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks._rlhf_smollm2_measure import Verdict, compare_with_gold


def verdict(is_first, golds, lengths, bias=0.0, swap_disagrees=False):
    return Verdict(is_first, golds, lengths, bias, swap_disagrees)


def test_agreement_with_the_gold_by_hand():
    found = compare_with_gold(
        [
            verdict(1.0, (0.9, 0.1), (10, 20), bias=1.0),  # right; the longer one is worse
            verdict(0.0, (0.1, 0.9), (5, 20), bias=-0.5, swap_disagrees=True),  # right; so is the longer one
            verdict(1.0, (0.4, 0.5), (9, 9), bias=0.5),  # wrong; equally long: half right
            verdict(0.5, (0.6, 0.5), (30, 20), bias=1.0, swap_disagrees=True),  # a tie; longer is right
            verdict(1.0, (0.5, 0.5), (1, 2), bias=0.5),  # no answer is right
        ]
    )
    assert found["pairs"] == 5 and found["pairs_of_different_gold"] == 4
    assert found["judge"]["agreement"] == pytest.approx(2.5 / 4)
    assert found["judge_on_clear_pairs"]["agreement"] == 1.0
    assert found["longer"]["agreement"] == pytest.approx(2.5 / 4)
    # Of the three pairs of different lengths: against, for, and a tie.
    assert found["judge_prefers_longer"]["agreement"] == pytest.approx(1.5 / 3)
    assert found["swap_disagrees"] == pytest.approx(2 / 5)
    assert found["position_bias"] == pytest.approx(2.5 / 5)
    assert 0 <= found["judge"]["low"] < found["judge"]["agreement"] < found["judge"]["high"] <= 1
