from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.reward_shaping import RunningScale, overlong_penalty, penalise_missing_stop


def test_missing_stop_worked_by_hand():
    scores, stopped = torch.tensor([1.0, 0.5]), torch.tensor([True, False])
    assert penalise_missing_stop(scores, stopped, penalty=1.0).tolist() == [1.0, -0.5]
    assert penalise_missing_stop(scores, stopped, replacement=-1.0).tolist() == [1.0, -1.0]
    for options in ({}, {"penalty": 1.0, "replacement": -1.0}):
        with pytest.raises(InvalidValueError, match="one of"):
            penalise_missing_stop(scores, stopped, **options)


def test_overlong_worked_by_hand():
    # Budget 100, buffer 20: nothing up to 80, half at 90, all from 100 on.
    got = overlong_penalty(
        torch.tensor([5, 80, 90, 100, 120]), max_new_tokens=100, buffer_tokens=20, weight=2.0
    )
    assert got.tolist() == [0, 0, -1, -2, -2]
    with pytest.raises(InvalidValueError, match="buffer_tokens"):
        overlong_penalty(torch.tensor([5]), max_new_tokens=10, buffer_tokens=11)


def test_running_scale_equals_the_scale_of_everything_seen():
    rng = np.random.default_rng(0)
    running, seen = RunningScale(), []
    for size in (1, 7, 30):
        scores = 1e6 + rng.normal(size=size)
        valid = rng.random(size) < 0.8
        valid[0] = True
        seen += list(scores[valid])
        scores[~valid] = np.nan
        running.update(torch.tensor(scores), torch.tensor(valid))
    expected = np.array([2.5, -0.1]) / np.std(seen, ddof=1)
    np.testing.assert_allclose(running.scale(torch.tensor([2.5, -0.1]).double()).numpy(), expected, rtol=1e-6)


def test_running_scale_clips_and_starts_without_scaling():
    running = RunningScale(clip=3.0)
    assert running.scale(torch.tensor([0.5, 99.0])).tolist() == [0.5, 3.0]
    running.update(torch.tensor([2.0, 2.0]), torch.tensor([True, True]))  # no spread: still not scaled
    assert running.scale(torch.tensor([0.5, -99.0])).tolist() == [0.5, -3.0]
