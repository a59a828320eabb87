import itertools
import math

import numpy as np
import pytest

from lmgym.seeding import make_generator
from lmgym_agents.search.gumbel import (
    halving_schedule,
    interior_scores,
    mixed_value,
    root_scores,
    softmax,
    transformed_q,
)


@pytest.mark.parametrize(
    ("m", "n", "expected"),
    [
        (1, 3, (0, 1, 2)),
        (2, 2, (0, 0)),
        (2, 6, (0, 0, 1, 1, 2, 2)),
        # Three phases of 12: 8 survivors once, 4 once, 2 twice: 8 + 4 = 12, then pairs.
        (8, 16, (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3)),
        (4, 16, (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)),
    ],
)
def test_schedule_by_hand(m, n, expected):
    assert halving_schedule(m, n) == expected


def test_following_the_schedule_visits_in_halves():
    """With scores that never change the halving keeps the best of each phase."""
    scores, visits = np.array([3.0, 1.0, 2.0, 0.0, -9.0]), np.zeros(5, np.int64)
    for count in halving_schedule(4, 16):
        found = root_scores(scores, np.zeros(5), np.zeros(5), visits, count)
        visits[found.argmax()] += 1
    assert visits.tolist() == [6, 2, 6, 2, 0]


def test_mixed_value_by_hand():
    logits = np.log([0.5, 0.25, 0.25])
    # (0.1 + 3 (0.5 · 0.8 + 0.25 · 0.2) / 0.75) / 4
    mixed = mixed_value(0.1, logits, np.array([2, 1, 0]), np.array([0.8, 0.2, 99.0]))
    assert mixed == pytest.approx((0.1 + 3 * 0.6) / 4)
    assert mixed_value(0.1, logits, np.zeros(3, np.int64), np.array([9.0, 9.0, 9.0])) == 0.1


def test_transformed_q_by_hand():
    logits, visits, q = np.zeros(3), np.array([1, 3, 0]), np.array([0.2, 0.6, 77.0])
    mixed = (0.3 + 4 * 0.4) / 5
    plain = transformed_q(0.3, logits, visits, q, c_visit=10, c_scale=0.5, rescale=False)
    assert plain.tolist() == pytest.approx([13 * 0.5 * value for value in (0.2, 0.6, mixed)])
    scaled = transformed_q(0.3, logits, visits, q, c_visit=10, c_scale=0.5)
    assert scaled.tolist() == pytest.approx([0.0, 6.5, 6.5 * (mixed - 0.2) / 0.4])


def test_interior_choices_follow_the_improved_policy():
    logits, sigma, visits = np.log([0.5, 0.3, 0.2]), np.zeros(3), np.zeros(3, np.int64)
    for _ in range(1000):
        visits[interior_scores(logits, sigma, visits).argmax()] += 1
    assert (visits / 1000).tolist() == pytest.approx([0.5, 0.3, 0.2], abs=2e-3)


@pytest.mark.parametrize("seed", range(20))
def test_the_improved_policy_is_no_worse_than_the_prior(seed):
    """All actions visited, exact values: Σ π' q >= Σ π q, strictly unless all q are equal."""
    rng = make_generator(seed, "improvement")
    prior, q = rng.dirichlet(np.ones(5)), rng.normal(size=5)
    visits = rng.integers(1, 6, size=5)
    for rescale in (True, False):
        sigma = transformed_q(prior @ q, np.log(prior), visits, q, rescale=rescale)
        assert softmax(np.log(prior) + sigma) @ q > prior @ q


@pytest.mark.parametrize("seed", range(20))
def test_two_simulations_improve_in_expectation(seed):
    """n = m = 2: the exact mean over all pairs that Gumbel top-2 can draw, P(a, b) = π_a π_b / (1 - π_a)."""
    rng = make_generator(seed, "pairs")
    prior, q = rng.dirichlet(np.ones(4)), rng.random(4)
    value, gained = prior @ q, 0.0
    for a, b in itertools.permutations(range(4), 2):
        visits = np.zeros(4, np.int64)
        visits[[a, b]] = 1
        sigma = transformed_q(value, np.log(prior), visits, q)
        gained += prior[a] * prior[b] / (1 - prior[a]) * (softmax(np.log(prior) + sigma) @ q)
    assert gained > value


def test_softmax_of_large_scores():
    assert softmax(np.array([1e9, 1e9, -1e9])).tolist() == [0.5, 0.5, 0.0]
    assert math.isclose(softmax(np.array([0.0, math.log(3)]))[1], 0.75)
