"""Anchors: the agents that play at random and by demonstration, and that the suites' anchors are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.bench.anchors import measure_demonstrations, measure_random
from lmgym.bench.suites import load_suite, suite_ids
from tests.lmgym.bench.made_results import make_entry

ENTRIES = [(id_, entry) for id_ in suite_ids() for entry in load_suite(id_).entries]
NAMES = [f"{id_}-{entry.name}" for id_, entry in ENTRIES]


def test_random_play_by_hand():
    # Of the tokens 0, 1, 2, 3 and the end, one digit and then the end are right: 1 / 25.
    entry = make_entry("count", env="lmgym/Count-v0", options={"length": 3})
    rate = measure_random(entry, "test", num_episodes=20_000)
    assert abs(rate - 1 / 25) < 4 * math.sqrt(1 / 25 * 24 / 25 / 20_000)
    assert rate == measure_random(entry, "test", num_episodes=20_000)


def test_random_play_over_several_turns_by_hand():
    # Four letters and the end, a word of one: say it (1/5), end (1/5), then end a turn within two tokens, at
    # once (1/5) or behind a letter (4/5 * 1/5): 1/25 * 9/25.
    options = {"num_turns": 2, "act_on": "first", "length": 1, "alphabet": "abcd"}
    entry = make_entry("delayed", env="lmgym/Delayed-v0", options=options)
    rate = measure_random(entry, "train", num_episodes=20_000)
    assert abs(rate - 9 / 625) < 4 * math.sqrt(9 / 625 / 20_000)


def test_metrics_of_random_play():
    options = {"length": 2, "alphabet": "ab", "reward": "partial"}
    rates = {
        metric: measure_random(make_entry("echo", metric=metric, options=options), "train", num_episodes=5000)
        for metric in ("success", "score", "reward")
    }
    assert rates["score"] == pytest.approx(rates["reward"]) and rates["success"] < rates["score"] < 1


def test_demonstrations_are_played_to_the_end():
    entry = make_entry("guess", env="lmgym/Guess-v0", options={"high": 63})
    assert measure_demonstrations(entry, "test", num_problems=50) == 1.0


def test_demonstrations_are_the_best_that_there_are():
    options = {"demonstration_quality": 0.0}
    entry = make_entry("shortcut", env="lmgym/Shortcut-v0", options=options)
    assert measure_demonstrations(entry, "test", num_problems=50) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("id_", "entry"), ENTRIES, ids=NAMES)
def test_the_optimum_is_reached_by_demonstrations(id_, entry):
    for split, anchor in entry.anchors.items():
        assert measure_demonstrations(entry, split, num_problems=50) == anchor.optimal == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("id_", "entry"), ENTRIES, ids=NAMES)
def test_the_random_anchor_is_what_random_play_measures(id_, entry):
    """With other draws than the file's, within what chance explains."""
    count = 200 if entry.env in ("lmgym/Proof-v0", "lmgym/Maze-v0", "lmgym/Equation-v0") else 1000
    for split, anchor in entry.anchors.items():
        rate = measure_random(entry, split, num_episodes=count, seed=1)
        spread = math.sqrt(max(anchor.random, 1 / count) / count) * 2**0.5
        assert abs(rate - anchor.random) < 5 * spread, (split, rate, anchor.random)


def test_noise_is_in_the_pay_and_not_in_the_measure():
    entry = make_entry("echo", options={"length": 4, "reward": "noisy:0.25"})
    assert measure_demonstrations(entry, "train", num_problems=400) == 1.0
    paid = measure_demonstrations(
        make_entry("echo", metric="reward", options=entry.options), "train", num_problems=400
    )
    assert abs(paid - 0.75) < 4 * math.sqrt(0.25 * 0.75 / 400)
    assert np.isclose(paid * 400, round(paid * 400))
