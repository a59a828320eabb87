"""Scores, comparisons, ranks: worked by hand, and by laws that any ranking should keep."""

from __future__ import annotations

import numpy as np
import pytest

from lmgym.bench.comparison import (
    ability_scores,
    estimate_difference,
    improvements,
    is_better,
    mean_ranks,
    rank_agents,
)
from lmgym.bench.scores import group_by_suite, score_table
from lmgym.bench.suites import Anchor
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.seeding import make_generator
from tests.lmgym.bench.made_results import (
    make_entry,
    make_failure,
    make_result,
    make_results,
    make_suite,
)

SUITE = make_suite("one", "two")
GOOD = {"one": [0.9, 0.8, 0.85], "two": [0.7, 0.75, 0.8]}
BAD = {"one": [0.2, 0.3, 0.25], "two": [0.1, 0.15, 0.2]}


def table(**agents):
    return score_table(make_results(agents), SUITE)


def labels(found):
    return [(each.agent, each.label) for each in rank_agents(found)]


def test_scores_are_normalised_on_the_headline_split():
    anchors = {"test": Anchor(0.2, 1.0), "validation": Anchor(0.0, 1.0)}
    suite = make_suite(make_entry("one", anchors=anchors))
    found = score_table([make_result("a", "one", 1, 0.6), make_result("a", "one", 0, 0.2)], suite)
    assert found.runs["a", "one"].seeds == (0, 1)
    assert found.runs["a", "one"].scores.tolist() == pytest.approx([0.0, 0.5])
    assert found.runs["a", "one"].values.tolist() == [0.2, 0.6]


def test_failed_and_missing_jobs_are_counted_and_never_averaged_in():
    results = [make_result("a", "one", 0, 0.6), make_failure("a", "one", 1), make_result("a", "two", 2, 0.4)]
    found = score_table(results, SUITE)
    assert found.runs["a", "one"].scores.tolist() == [0.6]
    assert len(found.failed["a"]) == 1 and found.num_unfinished["a"] == 3 and found.num_runs("a") == 2
    assert found.is_complete("a")
    assert rank_agents(found)[0].iqm.value == pytest.approx(0.5), "of two runs nothing is cut"


def test_what_cannot_be_compared_is_refused():
    one = make_result("a", "one", 0)
    with pytest.raises(EmptyProblemSetError, match="no results"):
        score_table([], SUITE)
    with pytest.raises(InvalidValueError, match="different problems"):
        score_table([one, make_result("b", "one", 0, suite_hash="cd" * 32)], SUITE)
    with pytest.raises(InvalidValueError, match="results are of lmgym-made-1, but the suite given"):
        score_table([one], make_suite("one").__class__(**{**vars(make_suite("one")), "version": 2}))
    with pytest.raises(InvalidValueError, match="two results of agent 'a', entry 'one', seed 0"):
        score_table([one, one], SUITE)
    with pytest.raises(UnknownNameError, match="entry of lmgym-made-1 'three'"):
        score_table([make_result("a", "three", 0)], SUITE)
    with pytest.raises(InvalidValueError, match="no score on the split 'ood'"):
        score_table([one], SUITE, split="ood")
    assert len(group_by_suite([one, make_result("b", "one", 0, suite_hash="cd" * 32)])) == 2


@pytest.mark.parametrize("score", [-0.01, 1.01, 50.0])
@pytest.mark.parametrize("metric", ["success", "score", "reward"])
def test_a_rate_lies_between_0_and_1(metric, score):
    suite = make_suite(make_entry("e", metric=metric))
    results = make_results({"x": {"e": [0.5, score]}})
    if metric == "reward":
        assert score_table(results, suite).runs["x", "e"].values.tolist() == [0.5, score]
    else:
        with pytest.raises(InvalidValueError, match=f"'x', entry 'e', seed 1 has the {metric} {score}"):
            score_table(results, suite)


def test_more_than_can_be_compared_is_refused():
    suite = make_suite("e")
    with pytest.raises(InvalidValueError, match="301 agents, up to 1 of one"):
        score_table([make_result(str(k), "e", 0) for k in range(301)], suite)
    with pytest.raises(InvalidValueError, match="1 agents, up to 301 of one"):
        score_table([make_result("x", "e", k) for k in range(301)], suite)


def test_a_dominating_agent_is_first():
    assert labels(table(bad=BAD, good=GOOD)) == [("good", "1"), ("bad", "2")]
    assert is_better(table(bad=BAD, good=GOOD), "good", "bad")
    assert not is_better(table(bad=BAD, good=GOOD), "bad", "good")


def test_equal_agents_tie():
    found = table(a=GOOD, b=GOOD, c=BAD, d=BAD, e={"one": [0.0] * 3, "two": [0.0] * 3})
    assert labels(found) == [("a", "1="), ("b", "1="), ("c", "3="), ("d", "3="), ("e", "5")]


def test_a_difference_inside_the_noise_is_a_tie():
    found = table(
        a={"one": [0.1, 0.9, 0.6], "two": [0.2, 0.8, 0.5]}, b={"one": [0.8, 0.1, 0.5], "two": [0.9, 0.2, 0.3]}
    )
    assert [label for _, label in labels(found)] == ["1=", "1="]


def test_a_group_is_held_together_by_its_first():
    # b is not surely worse than a, and c not surely worse than b, but c is than a: c opens a group.
    a = {"one": [0.60, 0.62, 0.61], "two": [0.60, 0.62, 0.61]}
    b = {"one": [0.40, 0.50, 0.90], "two": [0.40, 0.90, 0.50]}
    c = {"one": [0.50, 0.50, 0.50], "two": [0.50, 0.50, 0.50]}
    found = table(a=a, b=b, c=c)
    assert not is_better(found, "a", "b") and not is_better(found, "b", "c") and is_better(found, "a", "c")
    assert labels(found) == [("a", "1="), ("b", "1="), ("c", "3")]


def test_the_order_of_results_changes_nothing():
    results = make_results({"a": GOOD, "b": BAD, "c": {"one": [0.5] * 3, "two": [0.9] * 3}})
    shuffled = [results[at] for at in make_generator(0, "shuffle").permutation(len(results))]
    one, other = score_table(results, SUITE), score_table(shuffled, SUITE)
    assert rank_agents(one) == rank_agents(other)
    assert improvements(one) == improvements(other) and mean_ranks(one) == mean_ranks(other)


def test_names_of_agents_change_no_number():
    one = table(a=GOOD, b=BAD)
    other = table(y=BAD, z=GOOD)
    assert [each.iqm for each in rank_agents(one)] == [each.iqm for each in rank_agents(other)]
    assert improvements(one)["a", "b"].value == improvements(other)["z", "y"].value


def test_an_agent_that_lacks_an_entry_is_not_ranked():
    results = [
        *make_results({"a": BAD, "b": {"one": [1.0] * 3}}),
        make_failure("b", "two", 0),
        make_failure("c", "one", 0),
    ]
    ranked = rank_agents(score_table(results, SUITE))
    assert [(each.agent, each.label) for each in ranked] == [("a", "1"), ("b", ""), ("c", "")]
    assert ranked[1].iqm.value == 1.0 and ranked[2].iqm is None


def test_too_few_common_runs_support_nothing():
    few = {"one": [0.9, 0.9], "two": [0.9, 0.9]}
    assert labels(table(few=few, bad=BAD)) == [("few", "1="), ("bad", "1=")]
    # Three runs each, of which two are of the same seeds.
    results = [
        *make_results({"bad": BAD}),
        *(make_result("b", e, s, 0.9) for e in ("one", "two") for s in (1, 2, 3)),
    ]
    assert not is_better(score_table(results, SUITE), "b", "bad")


def test_a_difference_is_paired_by_seed():
    # The seed moves both by as much, so that the difference is the same in every draw of seeds.
    shared = np.array([0.0, 0.2, 0.4])
    found = estimate_difference([shared + 0.55], [shared + 0.5])
    assert found[:3] == pytest.approx((0.05, 0.05, 0.05))
    assert estimate_difference([shared + 0.55], [shared[::-1] + 0.5]).low < 0


def test_the_interval_of_a_difference_by_hand():
    # Two runs, differences 0 and 1: the draws are 0, 1/2, 1, spread about 1/2 by sqrt(2 / 1).
    found = estimate_difference([np.array([1.0, 1.0])], [np.array([1.0, 0.0])])
    assert found[:3] == pytest.approx((0.5, 0.5 - 0.5 * 2**0.5, 0.5 + 0.5 * 2**0.5))


def test_improvements_of_a_pair_add_up_to_one():
    found = improvements(table(a=GOOD, b={"one": [0.8, 0.9, 0.1], "two": [0.7, 0.7, 0.9]}))
    one, other = found["a", "b"], found["b", "a"]
    assert one.value + other.value == 1 and one.low + other.high == pytest.approx(1)
    # one: 0.9 0.8 0.85 against 0.8 0.9 0.1 win (1, .5, 1), (.5, 0, 1), (1, 0, 1): 6 of 9 pairs;
    # two: 0.7 0.75 0.8 against 0.7 0.7 0.9 win (.5, .5, 0), (1, 1, 0), (1, 1, 0): 5 of 9.
    assert one.value == pytest.approx((6 / 9 + 5 / 9) / 2)


def test_mean_ranks_are_of_complete_agents():
    results = [*make_results({"a": GOOD, "b": BAD}), make_result("c", "one", 0)]
    found = mean_ranks(score_table(results, SUITE))
    assert {agent: each.value for agent, each in found.items()} == {"a": 1.0, "b": 2.0}


def test_abilities_are_means_over_their_entries():
    suite = make_suite(
        make_entry("one", abilities=("memory",)),
        make_entry("two", abilities=("memory", "credit")),
        make_entry("three"),
    )
    results = make_results(
        {"a": {"one": [0.2, 0.4], "two": [0.9, 0.9], "three": [0.0, 0.0]}, "b": {"two": [0.5]}}
    )
    found = ability_scores(score_table(results, suite))
    assert list(found) == ["basics", "credit", "memory"]
    assert found["memory"]["a"].value == pytest.approx(0.6) and found["memory"]["a"].num_runs == 4
    assert found["memory"]["b"] is None and found["credit"]["b"].value == 0.5


@pytest.mark.slow
def test_equal_agents_are_rarely_told_apart():
    """Of pairs that are equally good few are called different: here, with five seeds, under one in eight."""
    rng = make_generator(0, "equal agents")
    wrong = 0
    for _ in range(300):
        one, other = ([centre + rng.normal(0, 0.1, 5) for centre in (0.2, 0.5, 0.6, 0.8)] for _ in range(2))
        found = estimate_difference(one, other, num_resamples=1000)
        wrong += found.low > 0 or found.high < 0
    assert wrong < 300 / 8
