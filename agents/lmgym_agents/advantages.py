"""Advantages and value targets from rewards and values: pure functions over token arrays.

In: a rollout's arrays on one device. Out: arrays of the same shape, float32 unless float64 came in. Left
out: the policy, the losses, the KL penalty (it is part of the rewards by the time they come here).

Position t speaks of token t: ``values[b, t]`` is the value of the state *before* token t, and a reward at t
was paid for token t. A token of the environment is not an action, so the recursions step from one action
to the next action and skip what lies between; a row of several turns gives exactly what its actions alone
would give. A cell that is neither an action nor a reward inside the row is never read: NaN there is harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


class Advantages(NamedTuple):
    """What the policy and the value function learn from."""

    advantages: Float[Tensor, "B L"]
    """Estimated advantage of each action; 0 where no action."""
    returns: Float[Tensor, "B L"]
    """Value target of the state before each action; 0 where no action."""


def gae(
    *,
    rewards: Float[Tensor, "B L"],
    values: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    lengths: Int[Tensor, " B"],
    terminated: Bool[Tensor, " B"],
    bootstrap_values: Float[Tensor, " B"],
    gamma: float = 1.0,
    lam: float | Float[Tensor, " B"] = 0.95,
    lam_value: float | Float[Tensor, " B"] | None = None,
) -> Advantages:
    """Returns generalised advantage estimates over the action tokens of each row.

    With a, a' two successive actions of a row, r_a all that was paid from a up to the token before a'::

        delta_a = r_a + gamma * V(a') - V(a)
        A_a     = delta_a + gamma * lam * A_a'
        return_a = A_a (with lam_value in the place of lam) + V(a)

    After the last action V(a') is 0 if the row terminated and ``bootstrap_values`` if it did not.

    Args:
        rewards: paid at token t; what is paid at an environment token counts for the last action before it.
        values: value of the state before token t.
        is_action: True where the policy chose the token.
        lengths: tokens in each row; everything from there on is padding.
        terminated: True where the task ended; False where a budget ended the row, which is then bootstrapped.
        bootstrap_values: value of the state after the row's last token; not read where terminated.
        gamma: discount per action, in [0, 1].
        lam: trace decay of the advantages, one number or one for each row.
        lam_value: trace decay of the value targets; None means ``lam``.

    Source:
        Schulman et al. 2016, eq. 16; separate decays: Yue et al. 2025 (VAPO), section 4.
    """
    dtype = torch.float64 if values.dtype == torch.float64 else torch.float32
    in_row = torch.arange(rewards.shape[1], device=rewards.device) < lengths[:, None]
    acts = is_action & in_row
    # float64 inside: the sums run over thousands of tokens and cost next to nothing beside a forward pass.
    rewards = torch.where(in_row, rewards, 0).double()
    values = torch.where(acts, values, 0).double()
    bootstrap = torch.where(terminated, 0, bootstrap_values).double()
    advantages = _discounted_errors(rewards, values, acts, bootstrap, gamma, lam)
    targets = advantages
    if lam_value is not None:
        targets = _discounted_errors(rewards, values, acts, bootstrap, gamma, lam_value)
    returns = torch.where(acts, targets + values, 0)
    return Advantages(advantages.to(dtype), returns.to(dtype))


def _discounted_errors(
    rewards: Tensor, values: Tensor, acts: Tensor, bootstrap: Tensor, gamma: float, lam: float | Tensor
) -> Tensor:
    """Returns the recursion of ``gae``, float64[B, L]; 0 where no action."""
    advantages = torch.zeros_like(values)
    next_value = bootstrap
    next_advantage = torch.zeros_like(bootstrap)
    unpaid = torch.zeros_like(bootstrap)  # rewards seen on the way back that no action has taken yet
    decay = gamma * lam
    for t in range(values.shape[1] - 1, -1, -1):
        act = acts[:, t]
        unpaid = unpaid + rewards[:, t]
        advantage = unpaid + gamma * next_value - values[:, t] + decay * next_advantage
        advantages[:, t] = torch.where(act, advantage, 0)
        next_advantage = torch.where(act, advantage, next_advantage)
        next_value = torch.where(act, values[:, t], next_value)
        unpaid = torch.where(act, 0, unpaid)
    return advantages


def monte_carlo_returns(
    *,
    rewards: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    lengths: Int[Tensor, " B"],
    terminated: Bool[Tensor, " B"],
    bootstrap_values: Float[Tensor, " B"],
    gamma: float = 1.0,
) -> Float[Tensor, "B L"]:
    """Returns the discounted sum of rewards from each action on: the target of a value warm-up.

    The arguments are those of ``gae``; a truncated row ends in its bootstrap value.
    """
    dtype = torch.float64 if rewards.dtype == torch.float64 else torch.float32
    return gae(
        rewards=rewards,
        values=torch.zeros_like(rewards, dtype=dtype),
        is_action=is_action,
        lengths=lengths,
        terminated=terminated,
        bootstrap_values=bootstrap_values,
        gamma=gamma,
        lam=1.0,
    ).returns


def length_adaptive_lambda(num_actions: Int[Tensor, " B"], alpha: float = 0.05) -> Float[Tensor, " B"]:
    """Returns a trace decay for each row, 1 - 1 / (alpha * num_actions), clipped to [0, 1].

    The weights of the trace then reach over a fixed share of the row, however long it is.

    Source: Yue et al. 2025 (VAPO), eq. 9.
    """
    return (1 - 1 / (alpha * num_actions.clamp(min=1).float())).clamp(0, 1)


def whiten(
    x: Float[Tensor, "B L"],
    is_valid: Bool[Tensor, "B L"],
    *,
    shift_mean: bool = True,
    eps: float = 1e-8,
) -> Float[Tensor, "B L"]:
    """Returns ``x`` scaled to variance 1, and to mean 0 if ``shift_mean``, over all valid cells of the batch.

    Call it once on the whole batch, before it is split into minibatches. Invalid cells (padding, environment
    tokens, all of a failed row) come out as 0 and have no influence whatever on the others. The result does
    not depend on the order of the rows, to the last bit. Cells without any spread are not scaled:
    they come out as 0 with ``shift_mean``, unchanged without.
    """
    # Sorting first makes the floating-point sums the same for every order of the rows.
    valid = x[is_valid].double().sort().values
    if valid.numel() == 0:
        return torch.zeros_like(x)
    mean = valid.mean()
    std = (valid - mean).square().mean().sqrt()
    has_spread = std > 1e-12 * valid.abs().max()  # anything less is rounding
    scale = torch.where(has_spread, std + eps, 1)
    shift = mean if shift_mean else torch.zeros_like(mean)
    return torch.where(is_valid, (x.double() - shift) / scale, 0).to(x.dtype)


def explained_variance(
    values: Float[Tensor, "B L"], returns: Float[Tensor, "B L"], is_action: Bool[Tensor, "B L"]
) -> float:
    """Returns 1 - Var[returns - values] / Var[returns] over the actions; NaN if the returns don't vary.

    1 is a perfect value function, 0 one no better than a constant, below 0 one that is worse.
    """
    targets = returns[is_action].double()
    errors = targets - values[is_action].double()
    if targets.numel() < 2 or float(targets.var()) == 0.0:
        return float("nan")
    return float(1 - errors.var() / targets.var())
