"""Advantages without a value function, by hand and against a slow loop."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.grpo_rewards import longest_turns
from lmgym_agents.group_advantages import Kind, estimate_advantages
from lmgym_agents.losses import ppo_policy_loss, sequence_ratio_logps
from tests.reference.group_advantages import slow_advantages

F64 = torch.float64
KINDS = get_args(Kind)


def make_batch(seed, num_rows=24, width=9):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, width + 1, num_rows)
    in_row = np.arange(width) < lengths[:, None]
    is_action = (rng.random((num_rows, width)) < 0.6) & in_row
    is_action[:, 1] = True
    is_action[:, 0] = False
    rewards = np.where(is_action, rng.integers(-2, 3, (num_rows, width)), 0).astype(float)
    group = np.sort(rng.integers(0, 7, num_rows))  # unequal sizes
    return {
        "rewards": torch.tensor(rewards, dtype=F64),
        "is_action": torch.tensor(is_action),
        "group": torch.tensor(group),
    }


def of_rows(returns, group, kind, num_actions=1):
    """Advantages of rows of ``num_actions`` tokens whose last one is paid."""
    rewards = torch.zeros(len(returns), 1 + num_actions, dtype=F64)
    rewards[:, -1] = torch.tensor(returns, dtype=F64)
    is_action = torch.ones_like(rewards, dtype=torch.bool)
    is_action[:, 0] = False
    got = estimate_advantages(rewards=rewards, is_action=is_action, group=torch.tensor(group), kind=kind)
    assert (got[:, 0] == 0).all() and (got[:, 1:] == got[:, 1:2]).all()
    return got[:, 1].tolist()


RETURNS, GROUP = [1.0, 0.0, 2.0, 3.0, 3.0], [0, 0, 0, 1, 1]  # mean 1, sample variance 1; a uniform group


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("grpo", [0, -1, 1, 0, 0]),
        ("dr_grpo", [0, -1, 1, 0, 0]),
        ("rloo", [1 - 1, 0 - 1.5, 2 - 0.5, 0, 0]),
        ("reinforce", [-0.8, -1.8, 0.2, 1.2, 1.2]),  # the batch's mean is 1.8
        ("reinforce++_baseline", [x / math.sqrt(0.4) for x in (0, -1, 1, 0, 0)]),
        # mean 1.8, variance 6.8 / 5
        ("reinforce++", [x / math.sqrt(1.36) for x in (-0.8, -1.8, 0.2, 1.2, 1.2)]),
    ],
)
def test_advantages_worked_by_hand(kind, expected):
    assert of_rows(RETURNS, GROUP, kind, num_actions=3) == pytest.approx(expected, abs=2e-6)


def test_dividing_by_the_standard_deviation_is_what_tells_grpo_from_dr_grpo():
    returns = [10 * x for x in RETURNS]
    assert of_rows(returns, GROUP, "grpo") == pytest.approx(of_rows(RETURNS, GROUP, "grpo"), abs=2e-6)
    assert of_rows(returns, GROUP, "dr_grpo") == [0, -10, 10, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_advantages_equal_those_of_a_slow_loop(kind, seed):
    batch = make_batch(seed)
    slow = slow_advantages(*(batch[name].tolist() for name in ("rewards", "is_action", "group")), kind)
    np.testing.assert_allclose(estimate_advantages(**batch, kind=kind).numpy(), slow, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_rows_permutes_advantages_exactly(kind):
    batch = make_batch(7)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    one = estimate_advantages(**batch, kind=kind)
    other = estimate_advantages(**{name: x[order] for name, x in batch.items()}, kind=kind)
    assert torch.equal(one[order], other)


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "rloo"])
def test_groups_know_nothing_of_each_other(kind):
    batch = make_batch(8)
    rows = batch["group"] != 3
    alone = estimate_advantages(**{name: x[rows] for name, x in batch.items()}, kind=kind)
    assert torch.equal(estimate_advantages(**batch, kind=kind)[rows], alone)


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "rloo", "reinforce++_baseline"])
def test_a_row_that_is_alone_in_its_group_has_advantage_zero(kind):
    assert of_rows([5.0], [0], kind) == [0.0]
    assert of_rows([5.0, 1.0, 2.0], [0, 1, 1], kind)[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["reinforce++", "reinforce++_baseline"])
def test_whitened_advantages_have_mean_zero_and_variance_one_over_all_actions(kind):
    batch = make_batch(9)
    chosen = estimate_advantages(**batch, kind=kind)[batch["is_action"]]
    assert float(chosen.mean()) == pytest.approx(0, abs=1e-12)
    assert float(chosen.square().mean()) == pytest.approx(1, abs=1e-6)


def test_rewards_of_turns_reach_every_action_but_those_of_reinforce_plus_plus_only_what_came_before():
    # Two turns of one token each; the first is paid 1 in row 0, the second 1 in row 1.
    batch = {
        "rewards": torch.tensor([[0, 1.0, 0, 0], [0, 0, 0, 1.0]], dtype=F64),
        "is_action": torch.tensor([[False, True, False, True]] * 2),
        "group": torch.tensor([0, 0]),
    }
    assert (estimate_advantages(**batch, kind="grpo") == 0).all()  # both episodes earned 1
    got = estimate_advantages(**batch, kind="reinforce++")
    # To come: 1, 0 and 1, 1: mean 0.75, variance 3 / 16.
    std = math.sqrt(3 / 16)
    expected = [[0, 0.25 / std, 0, -0.75 / std], [0, 0.25 / std, 0, 0.25 / std]]
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-6)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidValueError, match="kind must be one of grpo, dr_grpo"):
        of_rows(RETURNS, GROUP, "median")


def test_the_longest_turn_is_the_longest_run_of_actions():
    rows = ["..##.###", "########", "........", ".#.#.#..", "##....##"]
    acts = torch.tensor([[cell == "#" for cell in row] for row in rows])
    assert longest_turns(acts).tolist() == [3, 8, 0, 1, 2]


def test_the_ratio_of_a_response_is_the_geometric_mean_of_its_tokens_and_is_clipped_as_one():
    old = torch.zeros(2, 4, dtype=F64)
    policy = torch.log(
        torch.tensor([[math.nan, 2.0, 0.5, 4.0], [math.nan, 1.5, math.nan, math.nan]]).double()
    )
    policy.requires_grad_()
    acts = torch.tensor([[False, True, True, True], [False, True, False, False]])
    logps = sequence_ratio_logps(policy, old, acts)
    expected = [[1, 4 ** (1 / 3), 4 ** (1 / 3), 4 ** (1 / 3)], [1, 1.5, 1, 1]]
    np.testing.assert_allclose(logps.exp().detach().numpy(), expected)
    loss, stats = ppo_policy_loss(
        logp_policy=logps, logp_old=old, advantages=torch.ones(2, 4).double(), is_action=acts,
        denominator=2.0, aggregation="sequence", clip_low=0.2, clip_high=0.55,
    )  # fmt: skip
    assert float(loss.detach()) == pytest.approx(-(1.55 + 1.5) / 2)  # the first response alone is clipped
    assert float(stats["clip_fraction_high"]) == 3
    loss.backward()
    np.testing.assert_allclose(policy.grad.numpy(), [[0, 0, 0, 0], [0, -1.5 / 2, 0, 0]])
