"""Sample efficiency: curves on a common grid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lmgym.bench.curves import efficiency_curves
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from tests.lmgym.bench.made_results import make_curve, make_failure, make_result, make_suite

SUITE = make_suite("one", "two")


def test_by_hand():
    # The budget is 1000 tokens: from 0.2 at none to 0.6 at half of it, then level.
    run = make_result("a", "one", 0, curve=make_curve((0, 0.2), (500, 0.6)))
    long = make_result("b", "one", 0, curve=make_curve((100, 0.0), (1000, 0.9)))
    one, other = efficiency_curves([run, long], SUITE, num_points=5)
    assert (one.agent, other.agent) == ("a", "b")
    assert one.x.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert one.score == pytest.approx([0.2, 0.4, 0.6, 0.6, 0.6])
    assert other.score == pytest.approx([0.0, 0.15, 0.4, 0.65, 0.9])
    assert one.low == pytest.approx(one.score), "one run has no spread"
    assert (one.num_runs, one.num_entries) == (1, 1)


def test_other_axes_have_their_units():
    run = make_result("a", "one", 0, curve=make_curve((0, 0.0), (500, 0.5)))
    assert efficiency_curves([run], SUITE, axis="flops", num_points=3)[0].x.tolist() == [0.0, 2500.0, 5000.0]
    assert efficiency_curves([run], SUITE, axis="num_gradient_steps", num_points=3)[0].x.tolist() == [
        0.0,
        25.0,
        50.0,
    ]


def test_no_flops_were_spent_before_any_work():
    start, *later = make_curve((0, 0.0), (500, 0.5), (1000, 0.5))
    start = dataclasses.replace(start, flops=None)
    (curve,) = efficiency_curves(
        [make_result("a", "one", 0, curve=(start, *later)), make_result("b", "one", 0, curve=(start,))],
        SUITE, axis="flops", num_points=5,
    )  # fmt: skip
    assert curve.agent == "a" and curve.x.tolist() == [0.0, 2500.0, 5000.0, 7500.0, 10000.0]
    assert curve.score == pytest.approx([0.0, 0.25, 0.5, 0.5, 0.5])


def test_a_band_reaches_from_run_to_run():
    """Of two runs, level at 0 and at 1, a quarter of the draws takes the same one twice."""
    runs = [make_result("a", "one", seed, curve=make_curve((0, seed), (1000, seed))) for seed in (0, 1)]
    curve = efficiency_curves(runs, SUITE, num_points=3)[0]
    assert (
        curve.score.tolist() == [0.5] * 3
        and curve.low.tolist() == [0.0] * 3
        and curve.high.tolist() == [1.0] * 3
    )


def test_runs_without_what_is_asked_for_are_left_out():
    points = make_curve((0, 0.0), (500, 0.5))
    unknown = tuple(type(point)(**{**vars(point), "flops": None}) for point in points)
    results = [
        make_result("a", "one", 0, curve=points), make_result("a", "one", 1, curve=unknown),
        make_result("b", "one", 0, curve=unknown), make_result("c", "one", 0),
        make_failure("d", "one", 0, curve=points),
    ]  # fmt: skip
    assert [(c.agent, c.num_runs) for c in efficiency_curves(results, SUITE, axis="flops")] == [("a", 1)]
    assert [(c.agent, c.num_runs) for c in efficiency_curves(results, SUITE)] == [("a", 2), ("b", 1)]


def test_one_entry_alone():
    results = [
        make_result("a", entry, 0, curve=make_curve((0, score)))
        for entry, score in (("one", 0.1), ("two", 0.9))
    ]
    assert efficiency_curves(results, SUITE, entry="two")[0].score == pytest.approx(0.9)
    assert efficiency_curves(results, SUITE)[0].score == pytest.approx(0.5)
    assert efficiency_curves(results, SUITE)[0].num_entries == 2


def test_the_order_of_results_changes_nothing():
    results = [
        make_result(agent, "one", seed, curve=make_curve((0, seed), (500, 1)))
        for agent in "ab"
        for seed in range(3)
    ]
    for one, other in zip(
        efficiency_curves(results, SUITE), efficiency_curves(results[::-1], SUITE), strict=True
    ):
        assert one.agent == other.agent and np.array_equal(one.low, other.low)


def test_mistakes_are_typed():
    run = make_result("a", "one", 0, curve=make_curve((0, 0.2)))
    with pytest.raises(InvalidValueError, match="axis must be one of num_tokens"):
        efficiency_curves([run], SUITE, axis="wall_s")
    with pytest.raises(UnknownNameError, match="entry of lmgym-made-1 'three'"):
        efficiency_curves([run], SUITE, entry="three")
    with pytest.raises(EmptyProblemSetError):
        efficiency_curves([], SUITE)
