"""Statistics against numbers worked by hand, against rliable, and by their laws."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from lmgym.bench import statistics as stats
from lmgym.bench.statistics import estimate, iqm
from lmgym.errors import EmptyProblemSetError
from lmgym.seeding import make_generator

TWO = [np.array([0.0, 0.2, 0.4, 1.0]), np.array([0.1, 0.3, 0.6, 0.8])]


def draw(seed, num_entries=5, num_runs=6):
    rng = make_generator(seed, "test")
    return [rng.normal(0.5, 0.2, num_runs) for _ in range(num_entries)]


def test_by_hand():
    # In order 0 .1 | .2 .3 .4 .6 | .8 1: a quarter of eight is cut off at either end.
    assert iqm(TWO) == pytest.approx((0.2 + 0.3 + 0.4 + 0.6) / 4)
    assert stats.mean(TWO) == pytest.approx((0.4 + 0.45) / 2)
    assert stats.median([*TWO, np.array([0.9] * 4)]) == pytest.approx(0.45)
    # Above the target 0.5 nothing is gained: (.5 .3 .1 0) and (.4 .2 0 0) fall short.
    assert stats.optimality_gap(TWO, 0.5) == pytest.approx((0.9 / 4 + 0.6 / 4) / 2)


def test_an_iqm_cuts_whole_runs():
    assert iqm([np.array([1.0, 2.0, 9.0])]) == 4.0  # a quarter of three is no whole run
    assert iqm([np.array([1.0, 2.0, 3.0, 5.0, 90.0])]) == pytest.approx(10 / 3)


def test_entries_weigh_the_same_where_runs_lack():
    # Entry one has one run of weight 1/2, entry two four of weight 1/8. In order of score the weights are
    # .1: 1/8, .3: 1/8 | .5: 1/2 | .6: 1/8, .8: 1/8; the middle half is the one run of entry one.
    assert iqm([np.array([0.5]), TWO[1]]) == pytest.approx(0.5)
    # With 0.7 in its place: .1 .3 | .6: 1/8, .7: 3/8 of 1/2 | ...
    assert iqm([np.array([0.7]), TWO[1]]) == pytest.approx((0.6 / 8 + 0.7 * 3 / 8) / 0.5)


def test_weights_agree_with_plain_cutting_where_both_are_defined():
    # 4 and 8 runs, the second being the first twice over, are the same distribution as 4 and 4.
    assert iqm([TWO[0], np.repeat(TWO[1], 2)]) == pytest.approx(iqm(TWO))


def test_profile_by_hand():
    profile = stats.performance_profile(TWO, np.array([-0.1, 0.2, 0.5, 1.0]))
    assert profile.tolist() == [1.0, (2 / 4 + 3 / 4) / 2, (1 / 4 + 2 / 4) / 2, 0.0]


def test_improvement_by_hand():
    one, other = [np.array([1.0, 2.0])], [np.array([1.0, 0.0, 3.0])]
    # Of six pairs 1 = 1, 1 > 0, 1 < 3, 2 > 1, 2 > 0, 2 < 3: three and a half won.
    assert stats.probability_of_improvement(one, other) == pytest.approx(3.5 / 6)


def peak_bytes(compute):
    tracemalloc.start()
    compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_many_runs_and_agents_take_bounded_memory():
    # An array of resamples, runs and runs would take 1,440 MB; one of resamples, agents and agents 90 MB.
    many = [draw(0, 1, 300)[0]]
    assert peak_bytes(lambda: stats.estimate_improvement(many, many)) < 40e6
    agents = {str(k): draw(k, 1, 2) for k in range(150)}
    assert peak_bytes(lambda: stats.estimate_ranks(agents)) < 30e6


def test_an_improvement_has_the_interval_of_its_resamples():
    one, other = [np.array([0.1, 0.5, 0.5])], [np.array([0.5, 0.2, 0.9, 0.9])]
    draws = [stats.resample(s, stream=name) for s, name in ((one, "one"), (other, "other"))]
    low, high = stats.percentile_interval(stats.probability_of_improvement(*draws))
    assert stats.estimate_improvement(one, other)[1:3] == (low, high)


def test_ranks_by_hand():
    one, two, three = ([np.array([a]), np.array([b])] for a, b in ((0.9, 0.1), (0.5, 0.5), (0.5, 0.7)))
    # First entry: 1, 2.5, 2.5; second: 3, 2, 1.
    assert stats.average_ranks([one, two, three]).tolist() == [2.0, 2.25, 1.75]


def rliable():
    try:
        from rliable import library, metrics
    except Exception as error:  # it fails in many ways under newer versions of what it imports
        pytest.skip(f"rliable can't be imported: {error}")
    return library, metrics


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("num_entries", "num_runs"), [(4, 3), (5, 6), (1, 7), (12, 5), (2, 10)])
def test_the_numbers_are_those_of_rliable(num_entries, num_runs):
    library, metrics = rliable()
    ours, others = draw(1, num_entries, num_runs), draw(2, num_entries, num_runs)
    theirs = np.stack(ours, axis=1)  # runs by tasks
    assert iqm(ours) == pytest.approx(metrics.aggregate_iqm(theirs), abs=1e-12)
    assert stats.mean(ours) == pytest.approx(metrics.aggregate_mean(theirs), abs=1e-12)
    assert stats.median(ours) == pytest.approx(metrics.aggregate_median(theirs), abs=1e-12)
    assert stats.optimality_gap(ours) == pytest.approx(metrics.aggregate_optimality_gap(theirs), abs=1e-12)
    improvement = metrics.probability_of_improvement(theirs, np.stack(others, axis=1))
    assert stats.probability_of_improvement(ours, others) == pytest.approx(improvement, abs=1e-12)
    thresholds = np.linspace(0, 1, 11)
    profile = [library.run_score_deviation(theirs, threshold) for threshold in thresholds]
    assert stats.performance_profile(ours, thresholds) == pytest.approx(profile, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_the_intervals_are_those_of_rliable_up_to_the_draws():
    library, metrics = rliable()
    ours = draw(3, 6, 8)
    _, theirs = library.get_interval_estimates(
        {"a": np.stack(ours, axis=1)}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=2000,
        random_state=np.random.RandomState(0),
    )  # fmt: skip
    found = estimate(iqm, ours)
    width = found.high - found.low
    assert abs(found.low - theirs["a"][0, 0]) < 0.1 * width
    assert abs(found.high - theirs["a"][1, 0]) < 0.1 * width


def test_a_bootstrap_draws_inside_entries():
    draws = stats.resample([np.array([1.0, 2.0]), np.array([10.0, 20.0, 30.0])], num_resamples=500)
    assert [each.shape for each in draws] == [(500, 2), (500, 3)]
    assert set(draws[0].ravel()) == {1.0, 2.0} and set(draws[1].ravel()) == {10.0, 20.0, 30.0}
    assert abs((draws[0] == 1.0).mean() - 0.5) < 0.05
    # Four kinds of pairs are equally likely: runs are drawn independently.
    assert abs((draws[0][:, 0] == draws[0][:, 1]).mean() - 0.5) < 0.08


def test_the_interval_of_two_runs_by_hand():
    # One entry, runs 0 and 1: the mean of a resample is 0, 1/2, 1/2 or 1, each end in a quarter of the draws.
    found = estimate(stats.mean, [np.array([0.0, 1.0])])
    assert found == (0.5, 0.0, 1.0, 2)
    assert estimate(stats.mean, [np.array([0.0, 1.0])], confidence=0.2)[1:3] == (0.5, 0.5)


def test_estimates_repeat_and_follow_the_seed():
    strata = draw(4)
    assert estimate(iqm, strata) == estimate(iqm, strata)
    assert estimate(iqm, strata, seed=1) != estimate(iqm, strata, seed=2)
    assert estimate(iqm, strata).num_runs == 30


def test_equal_agents_have_equal_intervals():
    assert estimate(iqm, draw(5)) == estimate(iqm, [each.copy() for each in draw(5)])


def test_shifting_all_scores_shifts_the_estimate():
    strata = draw(6)
    one, other = estimate(iqm, strata), estimate(iqm, [each + 0.25 for each in strata])
    assert other[:3] == pytest.approx([number + 0.25 for number in one[:3]])


def test_a_band_holds_its_profile_and_falls():
    profile, low, high = stats.estimate_profile(draw(7), np.linspace(-0.5, 1.5, 21))
    assert (low <= profile).all() and (profile <= high).all()
    assert (np.diff(profile) <= 0).all() and profile[0] == 1 and profile[-1] == 0
    assert (low < high).any()


def test_improvement_is_estimated_with_an_interval():
    one = draw(8)
    won = stats.estimate_improvement([each + 5 for each in one], one)
    assert won[:3] == (1.0, 1.0, 1.0)
    even = stats.estimate_improvement(one, one)
    assert even.value == 0.5 and even.low < 0.5 < even.high


def test_ranks_are_estimated_with_intervals():
    one = draw(9)
    found = stats.estimate_ranks({"worse": one, "better": [each + 5 for each in one]})
    assert found["better"][:3] == (1.0, 1.0, 1.0) and found["worse"][:3] == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("strata", [[], [np.zeros(0)]])
def test_nothing_has_no_statistic(strata):
    with pytest.raises(EmptyProblemSetError):
        estimate(iqm, strata)


@pytest.mark.slow
@pytest.mark.parametrize(("num_runs", "least"), [(3, 0.80), (5, 0.87), (20, 0.92)])
def test_intervals_cover_the_truth(num_runs, least):
    """Of normal scores on six entries; with few runs a percentile interval is known to be too narrow."""
    rng = make_generator(0, "coverage")
    centres = np.linspace(0.1, 0.9, 6)
    truth = float(iqm([rng.normal(centre, 0.1, 200_000) for centre in centres]))
    hits = 0
    for _ in range(400):
        found = estimate(iqm, [rng.normal(centre, 0.1, num_runs) for centre in centres], num_resamples=1000)
        hits += found.low <= truth <= found.high
    assert least <= hits / 400 <= 0.99
