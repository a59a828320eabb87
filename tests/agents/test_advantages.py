from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.advantages import (
    explained_variance,
    gae,
    length_adaptive_lambda,
    monte_carlo_returns,
    whiten,
)
from lmgym_agents.group_advantages import group_advantages, is_informative
from tests.reference.gae import compact_gae, row_gae

F64 = torch.float64


def make_batch(seed, num_rows=13, width=17, dtype=F64):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, width + 1, num_rows)
    is_action = rng.random((num_rows, width)) < 0.6
    is_action[:, 0] = False
    is_action[:, 1] = True
    is_action &= np.arange(width) < lengths[:, None]
    rewards = rng.normal(size=(num_rows, width)) * (np.arange(width) >= 1)
    rewards *= np.arange(width) < lengths[:, None]
    return {
        "rewards": torch.tensor(rewards, dtype=dtype),
        "values": torch.tensor(rng.normal(size=(num_rows, width)), dtype=dtype),
        "is_action": torch.tensor(is_action),
        "lengths": torch.tensor(lengths),
        "terminated": torch.tensor(rng.random(num_rows) < 0.5),
        "bootstrap_values": torch.tensor(rng.normal(size=num_rows), dtype=dtype),
    }


def reference(batch, gamma, lam):
    rows = zip(
        *(batch[k].tolist() for k in ("rewards", "values", "is_action", "lengths", "terminated")),
        batch["bootstrap_values"].tolist(),
        strict=True,
    )
    return torch.tensor(np.stack([row_gae(*row, gamma, lam) for row in rows]))


def test_four_tokens_worked_by_hand():
    # Tokens 2..5 of a row of 6 are actions, reward 1 on the last; V = 0.5, 0.25, 0.5, 1 before them; it ends.
    # gamma = 0.5, lambda = 0.9, so a step back weighs 0.45:
    #   delta_5 = 1 - 1                = 0        A_5 = 0
    #   delta_4 = 0.5 * 1    - 0.5     = 0        A_4 = 0
    #   delta_3 = 0.5 * 0.5  - 0.25    = 0        A_3 = 0
    #   delta_2 = 0.5 * 0.25 - 0.5     = -0.375   A_2 = -0.375
    # and with V = 0.5, 0.25, 0.5, 0.2 instead:
    #   delta_5 = 1 - 0.2              = 0.8      A_5 = 0.8
    #   delta_4 = 0.5 * 0.2 - 0.5      = -0.4     A_4 = -0.4   + 0.45 * 0.8    = -0.04
    #   delta_3 = 0.5 * 0.5 - 0.25     = 0        A_3 = 0.45 * -0.04           = -0.018
    #   delta_2 = 0.5 * 0.25 - 0.5     = -0.375   A_2 = -0.375 + 0.45 * -0.018 = -0.3831
    values = torch.tensor([[9.0, 9.0, 0.5, 0.25, 0.5, 1.0], [9.0, 9.0, 0.5, 0.25, 0.5, 0.2]])
    got = gae(
        rewards=torch.tensor([[0.0, 0, 0, 0, 0, 1]] * 2),
        values=values,
        is_action=torch.tensor([[False, False, True, True, True, True]] * 2),
        lengths=torch.tensor([6, 6]),
        terminated=torch.tensor([True, True]),
        bootstrap_values=torch.tensor([7.0, 7.0]),
        gamma=0.5,
        lam=0.9,
    )
    expected = torch.tensor([[0, 0, -0.375, 0, 0, 0], [0, 0, -0.3831, -0.018, -0.04, 0.8]])
    torch.testing.assert_close(got.advantages, expected, atol=1e-7, rtol=0)
    # returns = A + V
    targets = torch.tensor([[0, 0, 0.125, 0.25, 0.5, 1], [0, 0, 0.1169, 0.232, 0.46, 1.0]])
    torch.testing.assert_close(got.returns, targets, atol=1e-7, rtol=0)


def test_truncation_bootstraps_worked_by_hand():
    # One action, reward 1, V = 0.5 before it, 2 after the row: terminated A = 1 - 0.5 = 0.5,
    # truncated A = 1 + 0.5 * 2 - 0.5 = 1.5.
    got = gae(
        rewards=torch.tensor([[0.0, 1.0]] * 2),
        values=torch.tensor([[0.0, 0.5]] * 2),
        is_action=torch.tensor([[False, True]] * 2),
        lengths=torch.tensor([2, 2]),
        terminated=torch.tensor([True, False]),
        bootstrap_values=torch.tensor([2.0, 2.0]),
        gamma=0.5,
        lam=0.9,
    )
    assert got.advantages.tolist() == [[0.0, 0.5], [0.0, 1.5]]


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 1.0), (0.5, 0.0), (1.0, 1.0)])
def test_multi_turn_rows_equal_their_actions_alone(gamma, lam):
    batch = make_batch(0)
    got = gae(**batch, gamma=gamma, lam=lam)
    torch.testing.assert_close(got.advantages, reference(batch, gamma, lam), atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(
        got.returns, torch.where(batch["is_action"], got.advantages + batch["values"], 0)
    )


def test_environment_tokens_between_turns_change_nothing():
    rng = np.random.default_rng(1)
    rewards, values = rng.normal(size=5), rng.normal(size=5)
    compact = compact_gae(rewards, values, 0.7, 0.9, 0.8)
    where = [2, 3, 7, 8, 11]  # two of the five are followed by environment tokens, and so is the last
    row = np.zeros((3, 1, 14))
    row[0, 0, where], row[1, 0, where] = rewards, values
    is_action = np.zeros((1, 14), dtype=bool)
    is_action[0, where] = True
    got = gae(
        rewards=torch.tensor(row[0]),
        values=torch.tensor(row[1]),
        is_action=torch.tensor(is_action),
        lengths=torch.tensor([13]),
        terminated=torch.tensor([False]),
        bootstrap_values=torch.tensor([0.7], dtype=F64),
        gamma=0.9,
        lam=0.8,
    )
    np.testing.assert_allclose(got.advantages[0, where].numpy(), compact, atol=1e-13)


def test_reward_on_environment_tokens_counts_for_the_action_before():
    batch = make_batch(2)
    moved = {**batch, "rewards": batch["rewards"].clone()}
    row = next(b for b in range(13) if (~batch["is_action"][b, 2 : batch["lengths"][b]]).any())
    t = next(t for t in range(2, int(batch["lengths"][row])) if not batch["is_action"][row, t])
    before = max(s for s in range(t) if batch["is_action"][row, s])
    moved["rewards"][row, before] += moved["rewards"][row, t]
    moved["rewards"][row, t] = 0
    torch.testing.assert_close(gae(**batch).advantages, gae(**moved).advantages, atol=1e-12, rtol=0)


@pytest.mark.parametrize("poison", [1e6, float("nan")])
def test_what_no_action_holds_is_never_read(poison):
    batch = make_batch(3)
    poked = {k: v.clone() for k, v in batch.items()}
    in_row = torch.arange(17) < batch["lengths"][:, None]
    poked["values"][~batch["is_action"]] = poison
    poked["rewards"][~in_row] = poison
    poked["rewards"][:, 0] = poison  # the prompt: no action has come before
    poked["bootstrap_values"][batch["terminated"]] = poison
    poked["is_action"] = poked["is_action"] | ~in_row  # a careless mask must not reach beyond the row
    clean, dirty = gae(**batch), gae(**poked)
    assert torch.equal(clean.advantages, dirty.advantages)
    assert torch.equal(clean.returns, dirty.returns)


def test_decay_of_its_own_for_value_targets_and_for_each_row():
    batch = make_batch(4)
    got = gae(**batch, gamma=0.9, lam=0.5, lam_value=1.0)
    torch.testing.assert_close(got.advantages, reference(batch, 0.9, 0.5), atol=1e-12, rtol=0)
    monte_carlo = reference({**batch, "values": torch.zeros_like(batch["values"])}, 0.9, 1.0)
    torch.testing.assert_close(got.returns, monte_carlo, atol=1e-12, rtol=0)
    inputs = {k: v for k, v in batch.items() if k != "values"}
    torch.testing.assert_close(monte_carlo_returns(**inputs, gamma=0.9), monte_carlo, atol=1e-12, rtol=0)
    lam = torch.linspace(0, 1, 13, dtype=F64)
    rowwise = torch.stack([reference(batch, 0.9, float(x))[b] for b, x in enumerate(lam)])
    torch.testing.assert_close(gae(**batch, gamma=0.9, lam=lam).advantages, rowwise, atol=1e-12, rtol=0)


def test_length_adaptive_decay():
    # alpha 0.05: 1 - 1/(0.05 * 100) = 0.8; 1 - 1/(0.05 * 40) = 0.5; 10 tokens would give -1, hence 0.
    got = length_adaptive_lambda(torch.tensor([100, 40, 10, 0]), alpha=0.05)
    torch.testing.assert_close(got, torch.tensor([0.8, 0.5, 0.0, 0.0]))


def test_permuting_rows_permutes_everything_exactly():
    batch = make_batch(5, num_rows=64, dtype=torch.float32)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    a = gae(**batch).advantages
    b = gae(**{k: v[order] for k, v in batch.items()}).advantages
    assert torch.equal(a[order], b)
    white = whiten(a, batch["is_action"])
    assert torch.equal(white[order], whiten(b, batch["is_action"][order]))
    # float64, so that no final rounding hides a sum that depends on the order
    scores = torch.randn(64, generator=torch.Generator().manual_seed(1), dtype=F64)
    group = torch.randint(0, 9, (64,), generator=torch.Generator().manual_seed(2))  # unequal sizes
    valid = torch.rand(64, generator=torch.Generator().manual_seed(3)) < 0.9
    for baseline in ("mean", "others"):
        for scale in ("none", "std"):
            options = {"baseline": baseline, "scale": scale}
            first = group_advantages(scores, group, valid, **options)
            second = group_advantages(scores[order], group[order], valid[order], **options)
            assert torch.equal(first[order], second)


def test_two_state_process_of_known_value():
    # From A (reward 1) to B (reward 0) to A ...: V(A) = 1 + gamma V(B), V(B) = gamma V(A), so with
    # gamma = 0.8: V(A) = 1 / (1 - 0.64) = 2.7778, V(B) = 2.2222. Every episode is cut after three steps by a
    # budget; a table fitted to the targets must find the values of the endless process.
    gamma = 0.8
    table = torch.zeros(2, dtype=F64)
    for _ in range(200):
        starts = torch.tensor([0, 1])
        states = (starts[:, None] + torch.arange(4)) % 2  # 4th: the state after the last action
        rewards = (states == 0).double()
        targets = gae(
            rewards=rewards[:, :3],
            values=table[states[:, :3]],
            is_action=torch.ones(2, 3, dtype=torch.bool),
            lengths=torch.tensor([3, 3]),
            terminated=torch.tensor([False, False]),
            bootstrap_values=table[states[:, 3]],
            gamma=gamma,
            lam=0.9,
        ).returns
        for state in (0, 1):
            table[state] += 0.3 * (targets[states[:, :3] == state] - table[state]).mean()
    np.testing.assert_allclose(table.numpy(), [1 / 0.36, 0.8 / 0.36], atol=1e-3)


def test_whitening_worked_by_hand():
    # Valid: 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
    x = torch.tensor([[1.0, 3.0, float("nan")], [5.0, 7.0, 1e6]], dtype=F64)
    valid = torch.tensor([[True, True, False]] * 2)
    root = 5**0.5
    expected = torch.tensor([[-3, -1, 0], [1, 3, 0]], dtype=F64) / root
    torch.testing.assert_close(whiten(x, valid), expected)
    unshifted = torch.tensor([[1, 3, 0], [5, 7, 0]], dtype=F64) / root
    torch.testing.assert_close(whiten(x, valid, shift_mean=False), unshifted)


def test_whitening_without_spread_or_without_cells():
    x = torch.full((2, 3), 0.1)
    some = torch.ones(2, 3, dtype=torch.bool)
    assert whiten(x, some).abs().max() <= 1e-7
    assert torch.equal(whiten(x, some, shift_mean=False), x)
    assert torch.equal(whiten(x, ~some), torch.zeros(2, 3))


def test_failed_rows_do_not_touch_the_whitening_of_others():
    batch = make_batch(6)
    advantages = gae(**batch).advantages
    failed = torch.zeros(13, dtype=torch.bool)
    failed[[2, 7]] = True
    advantages[failed] = float("nan")
    valid = batch["is_action"] & ~failed[:, None]
    got = whiten(advantages, valid)
    assert torch.equal(got[~failed], whiten(advantages[~failed], batch["is_action"][~failed]))
    assert (got[failed] == 0).all()


def test_group_advantages_worked_by_hand():
    # Group 5: scores 1, 0, 2 -> mean 1; the others' means: 1, 1.5, 0.5. Sample variance (0 + 1 + 1) / 2 = 1.
    # Group 9: a single valid row. Group 2: no spread.
    scores = torch.tensor([1.0, 4.0, 0.0, 2.0, float("nan"), 3.0, 3.0], dtype=F64)
    group = torch.tensor([5, 9, 5, 5, 9, 2, 2])
    valid = torch.tensor([True, True, True, True, False, True, True])
    zero = [0.0, 0.0]
    got = group_advantages(scores, group, valid)
    assert got.tolist() == [0.0, 0.0, -1.0, 1.0, 0.0, *zero]
    got = group_advantages(scores, group, valid, baseline="others")
    np.testing.assert_allclose(got.numpy(), [0, 0, -1.5, 1.5, 0, *zero], atol=1e-12)
    got = group_advantages(scores * 3, group, valid, scale="std")
    np.testing.assert_allclose(got.numpy(), [0, 0, -1, 1, 0, *zero], atol=1e-6)
    assert is_informative(scores, group, valid).tolist() == [True, False, True, True, False, False, False]


def test_equal_scores_have_advantage_zero_whatever_their_mean_rounds_to():
    scores = torch.full((3,), 0.1, dtype=F64)  # 0.1 + 0.1 + 0.1 is not 0.3 in binary
    for scale in ("none", "std"):
        got = group_advantages(scores, torch.zeros(3).long(), torch.ones(3).bool(), scale=scale)
        assert (got == 0).all()


def test_group_options_are_checked():
    one = torch.ones(1)
    with pytest.raises(InvalidValueError, match="mean, others"):
        group_advantages(one, torch.zeros(1).long(), one.bool(), baseline="median")
    with pytest.raises(InvalidValueError, match="none, std"):
        group_advantages(one, torch.zeros(1).long(), one.bool(), scale="var")


def test_explained_variance_worked_by_hand():
    returns = torch.tensor([[1.0, 2.0, 3.0, 99.0]])
    acts = torch.tensor([[True, True, True, False]])
    assert explained_variance(returns, returns, acts) == 1.0
    assert explained_variance(torch.full((1, 4), 2.0), returns, acts) == 0.0
    assert explained_variance(-returns, returns, acts) == -3.0  # errors 2, 4, 6: variance 4 of 1
    assert np.isnan(explained_variance(returns, torch.ones(1, 4), acts))
