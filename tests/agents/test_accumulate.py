from __future__ import annotations

import pytest
import torch
from torch import nn

from lmgym.errors import InvalidValueError, OutOfMemoryError
from lmgym_agents.accumulate import (
    accumulate_gradients,
    find_non_finite,
    is_out_of_memory,
    micro_batches,
    optimizer_step,
)
from lmgym_agents.losses import Loss, entropy_loss, loss_denominator, ppo_policy_loss, value_loss
from lmgym_agents.models import Policy, make_tiny_model

ROWS, WIDTH, VOCAB = 16, 12, 11


def make_policy(dtype=torch.float64):
    model = make_tiny_model(VOCAB, hidden_size=16, layers=2, heads=2, context=WIDTH, seed=1)
    policy = Policy(model).to(dtype)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in policy.parameters():  # far from the flat distributions of a fresh model
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator).to(dtype))
    return policy


class Batch:
    """Sixteen rows of unequal lengths, and the loss of any of them under a policy."""

    def __init__(self, policy):
        generator = torch.Generator().manual_seed(0)
        self.policy = policy
        self.ids = torch.randint(0, VOCAB, (ROWS, WIDTH), generator=generator)
        self.lengths = torch.randint(4, WIDTH + 1, (ROWS,), generator=generator)
        columns = torch.arange(WIDTH)
        self.is_action = (columns >= 3) & (columns < self.lengths[:, None])
        self.is_action &= torch.rand(ROWS, WIDTH, generator=generator) < 0.8
        self.is_action[:, 3] = True
        dtype = policy.value_head.weight.dtype
        self.advantages = torch.randn(ROWS, WIDTH, generator=generator).to(dtype)
        self.returns = torch.randn(ROWS, WIDTH, generator=generator).to(dtype)
        with torch.no_grad():
            self.old = policy.evaluate(self.ids, self.lengths)
        self.shift = 0.2 * torch.randn(ROWS, WIDTH, generator=generator).to(dtype)

    def loss_of(self, rows, denominator):
        acts = self.is_action[rows]
        now = self.policy.evaluate(self.ids[rows], self.lengths[rows], is_action=acts, need_entropy=True)
        options = {"is_action": acts, "denominator": denominator}
        policy = ppo_policy_loss(
            logp_policy=now.logps,
            logp_old=(self.old.logps + self.shift)[rows],
            advantages=self.advantages[rows],
            **options,
        )
        value = value_loss(
            values=now.values[:, :-1],
            old_values=self.old.values[rows, :-1],
            returns=self.returns[rows],
            **options,
        )
        entropy = entropy_loss(now.entropies, **options)
        loss = policy.loss + 0.5 * value.loss + 0.01 * entropy.loss
        return Loss(loss, {**policy.stats, **value.stats, **entropy.stats})


def run(batch, rows, token_budget, denominator=None, **options):
    """Accumulates over some rows; returns the result and the gradient as one vector."""
    if denominator is None:
        denominator = loss_denominator(batch.is_action[rows])
    parameters = list(batch.policy.parameters())
    result = accumulate_gradients(
        lambda part: batch.loss_of(rows[part], denominator),
        batch.lengths[rows],
        token_budget,
        parameters,
        **options,
    )
    gradient = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    return result, gradient


def relative(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_no_split_changes_the_gradient(dtype, tolerance):
    batch = Batch(make_policy(dtype))
    rows = torch.arange(ROWS)
    whole, expected = run(batch, rows, ROWS * WIDTH)
    assert whole.num_micro_batches == 1
    counts = set()
    for token_budget in (1, 2 * WIDTH, 4 * WIDTH, 7 * WIDTH):
        got, gradient = run(batch, rows, token_budget)
        counts.add(got.num_micro_batches)
        assert relative(gradient, expected) <= tolerance
        assert got.loss == pytest.approx(whole.loss, rel=10 * tolerance)
        assert got.stats == pytest.approx(whole.stats, rel=1e-5)
    assert {1, 16} - counts == {1} and len(counts) >= 3
    # Two ranks: each has half of the rows and the denominator of all.
    denominator = loss_denominator(batch.is_action)
    halves = [run(batch, torch.arange(ROWS)[part::2], 2 * WIDTH, denominator)[1] for part in (0, 1)]
    assert relative(halves[0] + halves[1], expected) <= tolerance


def test_order_of_rows_does_not_change_the_gradient():
    batch = Batch(make_policy())
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))
    expected = run(batch, torch.arange(ROWS), 3 * WIDTH)[1]
    assert relative(run(batch, order, 3 * WIDTH)[1], expected) <= 1e-12


def test_failed_rows_leave_the_gradient_of_the_others():
    batch = Batch(make_policy(torch.float32))
    failed = torch.zeros(ROWS, dtype=torch.bool)
    failed[[1, 8, 13]] = True
    without = run(batch, (~failed).nonzero().squeeze(1), 4 * WIDTH)[1]
    batch.is_action &= ~failed[:, None]
    batch.advantages[failed] = float("nan")
    batch.returns[failed] = float("nan")
    assert relative(run(batch, torch.arange(ROWS), 4 * WIDTH)[1], without) <= 1e-6


def test_micro_batches_worked_by_hand():
    # Longest first: 9 | 5 5 (2 * 5 = 10) | 3 2 1 (3 * 3 = 9)
    groups = micro_batches(torch.tensor([5, 1, 9, 3, 5, 2]), 10)
    assert [g.tolist() for g in groups] == [[2], [0, 4], [1, 3, 5]]
    groups = micro_batches(torch.tensor([5, 1, 9, 3, 5, 2]), 4)  # rows beyond the budget stand alone
    assert [g.tolist() for g in groups] == [[2], [0], [4], [3], [1, 5]]
    with pytest.raises(InvalidValueError, match="token_budget"):
        micro_batches(torch.tensor([1]), 0)


def test_micro_batches_hold_every_row_once_within_the_budget():
    generator = torch.Generator().manual_seed(0)
    for budget in (1, 30, 100, 10_000):
        lengths = torch.randint(1, 40, (50,), generator=generator)
        groups = micro_batches(lengths, budget)
        assert sorted(torch.cat(groups).tolist()) == list(range(50))
        assert all(len(g) == 1 or len(g) * int(lengths[g].max()) <= budget for g in groups)


class TightMemory:
    """Wraps a batch so that more than ``max_rows`` rows at once are too many."""

    def __init__(self, batch, max_rows, error):
        self.batch, self.max_rows, self.error, self.calls = batch, max_rows, error, 0
        self.policy, self.lengths, self.is_action = batch.policy, batch.lengths, batch.is_action

    def loss_of(self, rows, denominator):
        self.calls += 1
        if len(rows) > self.max_rows:
            # The backward pass of an earlier micro-batch has left gradients behind by now.
            self.batch.loss_of(rows[:1], denominator).loss.backward()
            raise self.error
        return self.batch.loss_of(rows, denominator)


def allocator_error():
    """What torch itself says when the CPU's memory does not suffice."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), None], ids=["gpu", "cpu"])
def test_out_of_memory_halves_the_micro_batch_and_keeps_the_gradient(error):
    batch = Batch(make_policy())
    expected = run(batch, torch.arange(ROWS), ROWS * WIDTH)[1]
    said = []
    tight = TightMemory(batch, 5, error or allocator_error())
    result, gradient = run(tight, torch.arange(ROWS), 10**9, on_message=said.append)
    assert relative(gradient, expected) <= 1e-12
    # At most 16 rows of 12 tokens: 192, then 96, then 48 (where short rows are still too many), ...
    assert result.token_budget in (24, 48) and len(said) in (2, 3)
    assert "16 rows" in said[0] and "padded tokens" in said[0]
    calls = tight.calls
    again, _ = run(tight, torch.arange(ROWS), result.token_budget, on_message=said.append)
    assert again.num_micro_batches == tight.calls - calls  # the budget found is kept: no second search


def test_out_of_memory_with_one_row_is_an_error_that_says_what_to_do():
    tight = TightMemory(Batch(make_policy()), 0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(OutOfMemoryError, match="gradient checkpointing"):
        run(tight, torch.arange(ROWS), 10**9)
    assert all(p.grad is None for p in tight.policy.parameters())


def test_other_errors_are_not_taken_for_lack_of_memory():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not is_out_of_memory(RuntimeError("not enough memory of the past"))
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator: can't allocate memory"))
    tight = TightMemory(Batch(make_policy()), 5, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="multiplied"):
        run(tight, torch.arange(ROWS), 10**9)


def make_step(gradient):
    """A layer with two weights, an optimiser that has moments already, and a given gradient."""
    torch.manual_seed(0)
    layer = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer.weight.grad = torch.ones(1, 2)
    optimizer.step()
    layer.weight.grad = torch.tensor([gradient])
    return layer, optimizer


def snapshot(layer, optimizer):
    state = optimizer.state[layer.weight]
    return [layer.weight.detach().clone(), *(state[k].clone() for k in ("step", "exp_avg", "exp_avg_sq"))]


@pytest.mark.parametrize(
    ("gradient", "loss", "named"),
    [
        ([1.0, float("nan")], 0.5, "gradient of weight"),
        ([1.0, float("inf")], 0.5, "gradient of weight"),
        ([1.0, 1.0], float("nan"), "loss = nan"),
        ([1.0, 1.0], float("inf"), "loss = inf"),
        ([3e38, 3e38], 0.5, "norm overflows"),
    ],
)
def test_a_step_that_is_not_finite_reaches_nothing(gradient, loss, named):
    layer, optimizer = make_step(gradient)
    before = snapshot(layer, optimizer)
    result = optimizer_step(optimizer, layer.named_parameters(), loss=loss)
    assert named in result.skipped
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(layer, optimizer), strict=True))
    assert layer.weight.grad is None


@pytest.mark.parametrize(
    ("max_grad_norm", "expected"), [(1.0, [0.6, 0.8]), (None, [3.0, 4.0]), (9.0, [3.0, 4.0])]
)
def test_clipping_worked_by_hand(max_grad_norm, expected):
    layer = nn.Linear(2, 1, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    result = optimizer_step(optimizer, layer.named_parameters(), loss=0.0, max_grad_norm=max_grad_norm)
    assert result.skipped is None and result.grad_norm == pytest.approx(5.0)
    torch.testing.assert_close(before - layer.weight.detach(), torch.tensor([expected]), atol=1e-5, rtol=0)


def test_what_is_not_finite_is_named():
    good, bad = torch.zeros(3), torch.tensor([1.0, float("nan"), float("-inf")])
    assert find_non_finite({"rewards": good, "advantages": good}) is None
    assert find_non_finite({"rewards": good, "advantages": bad}) == "advantages (2 of 3 not finite)"
