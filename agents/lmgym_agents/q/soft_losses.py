"""Logits as Q: the Bellman residuals of soft Q-learning, one family with five named members.

With ℓ the logits of the policy π = softmax(ℓ) and of its frozen reference, β > 0 the temperature in the
reward's unit, and for the j-th of a row's n actions

    Q_j = β (ℓ - ℓ_ref)(s_j, a_j)      V_j = β (logsumexp ℓ - logsumexp ℓ_ref)(s_j)
    c_j = Q_j - V_j = β (log π - log π_ref)(a_j|s_j)

(V_n = 0 where the row terminated, the value of the state after the last token where it was truncated), the
residual that is driven to 0 is, with M_j = r_j - c_j + γ M_{j+1} and M_n = V_n,

    one_step          r_j + γ V_{j+1} - Q_j              at every action
    multi_step        M_j - V_j                          at every action (ShiQ)
    trajectory        M_0 - V_0                          once a row (ReVal)
    tbrm              M_0 - β logsumexp ℓ(s_0)           once a row (TBRM: V without the reference)
    path_consistency  M_0 - mean of M_0 in its group     once a row (path consistency, TBA)

The policy that is optimal for the reward less β times its KL divergence from the reference has residual 0 in
all of them (in tbrm with its logits shifted by a number a state). Residuals are in the reward's unit. At the
start Q = V = 0 and c = 0, so that the residual is the reward (the reward-to-go in multi_step) in the three
that compare V with the reference's.

In: arrays over actions and states of ``action_rows``. Out: residuals, losses. Left out: the forward passes.

Sources: Haarnoja et al. 2017; Nachum et al. 2017 (path consistency); Guo et al. 2021; arXiv 2505.11081
(ShiQ), 2505.15311 (TBRM), 2503.18929 (TBA), and ReVal (Wang, Li, Xu et al. 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from lmgym.errors import UnknownNameError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Variant = Literal["one_step", "multi_step", "trajectory", "tbrm", "path_consistency"]


class Residuals(NamedTuple):
    """Bellman residuals; positive: the paths were better than Q says."""

    residuals: Float[Tensor, "B A"]
    """0 where ``is_used`` is False."""
    is_used: Bool[Tensor, "B A"]
    """True where there is a residual."""


def soft_residuals(
    variant: Variant,
    *,
    rewards: Float[Tensor, "B A"],
    log_ratios: Float[Tensor, "B A"],
    normalisers: Float[Tensor, "B A+1"],
    reference_normalisers: Float[Tensor, "B A+1"],
    has_action: Bool[Tensor, "B A"],
    has_state: Bool[Tensor, "B A+1"],
    beta: float,
    gamma: float = 1.0,
    baseline: Float[Tensor, " B"] | None = None,
    next_values: Float[Tensor, "B A+1"] | None = None,
) -> Residuals:
    """Returns the residuals of a variant, in the reward's unit, with gradients.

    Args:
        variant: see the module.
        rewards: what each action earned.
        log_ratios: log π - log π_ref of each action, nats.
        normalisers: logsumexp of the policy's logits in each state.
        reference_normalisers: the same of the reference.
        has_action: True where a row has an action.
        has_state: True where a row has a state; its column n says whether the row was truncated.
        beta: β, in the reward's unit.
        gamma: discount per action.
        baseline: what path_consistency subtracts, a constant; see ``group_means`` of ``path_sums``.
        next_values: V of the states from a target network, for the later state that a residual looks at;
            None: the policy's own, with gradients.

    Raises:
        UnknownNameError: no such variant.
    """
    if variant not in get_args(Variant):
        raise UnknownNameError("variant", variant, get_args(Variant))
    own = torch.where(has_state, beta * (normalisers - reference_normalisers), 0)
    later = own if next_values is None else torch.where(has_state, next_values.detach(), 0)
    gains = torch.where(has_action, rewards - beta * log_ratios, 0)
    if variant == "one_step":
        return Residuals(torch.where(has_action, gains + gamma * later[:, 1:] - own[:, :-1], 0), has_action)
    paths = path_sums(gains, later, has_action, gamma)
    if variant == "multi_step":
        return Residuals(torch.where(has_action, paths - own[:, :-1], 0), has_action)
    is_first = torch.zeros_like(has_action)
    is_first[:, :1] = has_action[:, :1]
    if variant == "path_consistency":
        assert baseline is not None, "path_consistency needs a baseline"
        start = baseline.detach()[:, None]
    else:
        start = own[:, :1] if variant == "trajectory" else beta * normalisers[:, :1]
    return Residuals(torch.where(is_first, paths - start, 0), is_first)


def path_sums(
    gains: Float[Tensor, "B A"],
    values: Float[Tensor, "B A+1"],
    has_action: Bool[Tensor, "B A"],
    gamma: float = 1.0,
) -> Float[Tensor, "B A"]:
    """Returns M of every action: the discounted gains to the end of the row, and the value of what follows.

    Args:
        gains: r - c of each action; 0 where there is none.
        values: of each state; 0 where there is none.
        has_action: True where a row has an action.
        gamma: discount per action.
    """
    if not gains.shape[1]:
        return gains
    total = torch.zeros_like(gains[:, 0])
    sums = []
    for j in reversed(range(gains.shape[1])):
        # Where the row has ended, column j + 1 holds the value of its last state.
        is_last = has_action[:, j] & ~has_action[:, j + 1] if j + 1 < gains.shape[1] else has_action[:, j]
        total = torch.where(is_last, values[:, j + 1], total)
        total = torch.where(has_action[:, j], gains[:, j] + gamma * total, 0)
        sums.append(total)
    return torch.stack(sums[::-1], dim=1)


def group_means(x: Float[Tensor, " B"], group: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Returns for each row the mean of ``x`` over the rows of its group; a row alone has its own."""
    _, place = group.unique(return_inverse=True)
    zeros = torch.zeros(int(place.max()) + 1 if len(place) else 0, dtype=x.dtype, device=x.device)
    count = zeros.index_add(0, place, torch.ones_like(x))
    return (zeros.index_add(0, place, x) / count.clamp(min=1))[place]
