"""Optimiser steps over the minibatches of one rollout, for some epochs: what PPO and GRPO share.

In: a loss of some of the rows, and an order of the rows. Out: changed weights, and numbers for the log. A
step with a loss or gradient that is not finite is skipped and counted. Left out: what the loss is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from lmgym.seeding import Path, make_generator
from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.statistics import merge_minibatches
from lmgym_agents.losses import Loss
from lmgym_agents.optimizers import PolicyOptimizer
from lmgym_agents.policy import Policy


class Steps(NamedTuple):
    """What ``take_steps`` did."""

    metrics: dict[str, Any]
    token_budget: int
    """The micro-batch that fitted into memory: hand it to the next call."""


def take_steps(
    make_loss: Callable[[Tensor], Callable[[Tensor], Loss]],
    lengths: Tensor,
    *,
    policy: Policy,
    optimizer: PolicyOptimizer,
    epochs: int,
    minibatches: int,
    order: tuple[int, tuple[Path, ...]],
    token_budget: int,
    max_grad_norm: float | None,
    target_kl: float | None,
    iteration: int,
    say: Callable[[str], None],
    frozen: Sequence[nn.Parameter] = (),
) -> Steps:
    """Takes ``epochs * minibatches`` steps, or fewer where the policy has moved far enough.

    Args:
        make_loss: takes the rows of a minibatch and returns the loss of some of them, by their place in it.
        lengths: int64[B], tokens in each row.
        policy: is changed.
        optimizer: its rate is set.
        epochs: passes over the rows.
        minibatches: steps in each pass, fewer where there are fewer rows.
        order: seed and path of the random order; the epoch comes after them.
        token_budget: padded tokens in a micro-batch.
        max_grad_norm: bound on the norm of each gradient; None: none.
        target_kl: a minibatch whose ``approx_kl_k3`` exceeds 1.5 times this ends the epochs; None: none does.
        iteration: for messages.
        say: told when a step is skipped or memory runs out.
        frozen: parameters whose gradients are dropped.
    """
    stats: list[dict[str, float]] = []
    norms: list[float] = []
    skipped: list[str] = []
    stopped_early = False
    limit = math.inf if target_kl is None else 1.5 * target_kl
    for epoch in range(epochs):
        for chosen in _minibatches(len(lengths), minibatches, order, epoch):
            done = accumulate_gradients(
                make_loss(chosen), lengths[chosen], token_budget, policy.parameters(), on_message=say
            )
            token_budget = done.token_budget
            stats.append(done.stats)
            if done.stats.get("approx_kl_k3", 0.0) > limit:
                stopped_early = True
                break
            for parameter in frozen:
                parameter.grad = None
            result = optimizer_step(
                cast("torch.optim.Optimizer", optimizer), policy.named_parameters(), loss=done.loss,
                max_grad_norm=max_grad_norm,
            )  # fmt: skip
            norms.append(result.grad_norm)
            if result.skipped is not None:
                skipped.append(result.skipped)
                say(f"An optimiser step of iteration {iteration} was skipped: {result.skipped}.")
        if stopped_early:
            optimizer.zero_grad()
            break
    metrics: dict[str, Any] = merge_minibatches(stats) | {
        "first_log_ratio_max": stats[0].get("log_ratio_abs_max", 0.0),
        "grad_norm": sum(norms) / len(norms) if norms else 0.0,
        "optimizer_steps": len(norms) - len(skipped),
        "skipped_steps": len(skipped),
        "stopped_early": int(stopped_early),
    }
    return Steps(metrics | ({"skipped": skipped[0]} if skipped else {}), token_budget)


def _minibatches(
    num_rows: int, minibatches: int, order: tuple[int, tuple[Path, ...]], epoch: int
) -> Iterator[Tensor]:
    """Yields row numbers: a random order cut into parts that differ in size by one row at most."""
    seed, path = order
    rows = torch.from_numpy(make_generator(seed, *path, epoch).permutation(num_rows))
    yield from rows.tensor_split(min(minibatches, num_rows))
