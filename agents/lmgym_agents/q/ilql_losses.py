"""Losses of implicit Q-learning on tokens (ILQL): pure functions over the actions of recorded episodes.

For N actions a_n taken in states s_n, with Q heads Q_i, a value V, a language head π and slow copies Q̂_i::

    L = w_q · Σ_i (Q_i(s, a) - y)²  +  w_v · expectile_τ(Q̂(s, a) - V(s))  +  w_cql · Σ_i CE(Q_i(s, ·), a)
        +  w_bc · min(exp(β (Q̂(s, a) - V(s))), c) · CE(π(·|s), a)

    y = r + γ V(s')          Q̂ = min_i Q̂_i          expectile_τ(u) = |τ - 1(u < 0)| u²

s' is the next state in which the agent acts; V(s') = 0 once the task has ended, and is itself where a budget
cut the episode. Each loss is a sum over the actions given, divided by a ``denominator`` of the whole batch,
so parts add up (see ``losses``).

Source: Snell et al. 2023, section 4; CE of Q as logits is the conservative term of Kumar et al. 2020 with
the data's action against all. Left out: the model, the slow copies, which token is whose (``offline_data``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lmgym.errors import InvalidValueError
from lmgym_agents.losses import Loss

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def q_regression_loss(
    q: Float[Tensor, "K N V"], actions: Int[Tensor, " N"], targets: Float[Tensor, " N"], denominator: float
) -> Float[Tensor, ""]:
    """Returns Σ_n Σ_i (Q_i(s_n, a_n) - y_n)² / denominator; ``targets`` are constants."""
    errors = taken(q, actions) - targets.detach()
    return errors.square().sum() / denominator


def expectile_loss(
    values: Float[Tensor, " N"], target_q: Float[Tensor, " N"], expectile: float, denominator: float
) -> Float[Tensor, ""]:
    """Returns Σ_n |τ - 1(u_n < 0)| u_n² / denominator with u = Q̂ - V; ``target_q`` is a constant.

    At τ = 1/2 it is half the square; towards 1, V goes to the largest Q̂ of the actions in the data.

    Raises:
        InvalidValueError: ``expectile`` is not in (0, 1).
    """
    if not 0 < expectile < 1:
        raise InvalidValueError(f"expectile must be in (0, 1), got {expectile!r}.")
    above = target_q.detach() - values
    weights = (expectile - (above < 0).to(above.dtype)).abs()
    return (weights * above.square()).sum() / denominator


def cql_loss(q: Float[Tensor, "K N V"], actions: Int[Tensor, " N"], denominator: float) -> Float[Tensor, ""]:
    """Returns Σ_n Σ_i CE(softmax Q_i(s_n, ·), a_n) / denominator: what nobody did is not worth more."""
    return (q.logsumexp(-1) - taken(q, actions)).sum() / denominator


def weighted_bc_loss(
    logits: Float[Tensor, "N V"],
    actions: Int[Tensor, " N"],
    advantages: Float[Tensor, " N"],
    denominator: float,
    *,
    beta: float = 0.0,
    max_weight: float = 20.0,
) -> Float[Tensor, ""]:
    """Returns Σ_n min(exp(β A_n), c) CE(π(·|s_n), a_n) / denominator; ``advantages`` are constants.

    Args:
        logits: of the language head.
        actions: a_n.
        advantages: A_n, in the reward's unit.
        denominator: see the module.
        beta: β, per unit of reward; 0 imitates all actions alike.
        max_weight: c.
    """
    weights = (beta * advantages.detach()).exp().clamp(max=max_weight)
    imitation = nn.functional.cross_entropy(logits, actions, reduction="none")
    return (weights * imitation).sum() / denominator


def ilql_loss(
    *,
    q: Float[Tensor, "K N V"],
    values: Float[Tensor, " N"],
    logits: Float[Tensor, "N V"],
    actions: Int[Tensor, " N"],
    targets: Float[Tensor, " N"],
    target_q: Float[Tensor, " N"],
    denominator: float,
    expectile: float = 0.7,
    q_weight: float = 1.0,
    value_weight: float = 1.0,
    cql_weight: float = 0.01,
    bc_weight: float = 1.0,
    bc_beta: float = 0.0,
    max_bc_weight: float = 20.0,
) -> Loss:
    """Returns the weighted sum of the four losses; see the module.

    Args:
        q: Q_i(s_n, ·).
        values: V(s_n).
        logits: of the language head at s_n.
        actions: a_n.
        targets: y_n, constants: of one step, or whole returns (Monte Carlo).
        target_q: min over the slow copies of Q(s_n, a_n), constants.
        denominator: number of actions of the whole batch.
        expectile: τ.
        q_weight: w_q.
        value_weight: w_v.
        cql_weight: w_cql.
        bc_weight: w_bc.
        bc_beta: β.
        max_bc_weight: c.

    Returns:
        The loss, and the sums ``q_loss``, ``value_loss``, ``cql_loss``, ``bc_loss``, ``q``, ``value``,
        ``advantage``, ``target``, ``num_tokens``.
    """
    q_loss = q_regression_loss(q, actions, targets, denominator)
    value_loss = expectile_loss(values, target_q, expectile, denominator)
    cql = cql_loss(q, actions, denominator)
    advantages = target_q.detach() - values.detach()
    bc_loss = weighted_bc_loss(
        logits, actions, advantages, denominator, beta=bc_beta, max_weight=max_bc_weight
    )
    loss = q_weight * q_loss + value_weight * value_loss + cql_weight * cql + bc_weight * bc_loss
    with torch.no_grad():
        parts = {"q_loss": q_loss, "value_loss": value_loss, "cql_loss": cql, "bc_loss": bc_loss}
        stats = {name: part.detach() * denominator for name, part in parts.items()}
        stats |= {
            "q": taken(q, actions).amin(0).sum(),
            "value": values.sum(),
            "advantage": advantages.sum(),
            "target": targets.sum(),
            "num_tokens": torch.tensor(len(actions), device=q.device),
        }
    return Loss(loss, stats)


def taken(q: Float[Tensor, "K N V"], actions: Int[Tensor, " N"]) -> Float[Tensor, "K N"]:
    """Returns Q_i(s_n, a_n)."""
    return q.gather(-1, actions[None, :, None].expand(len(q), -1, 1)).squeeze(-1)
