"""Losses over action tokens, and how their sums are divided: pure functions over token arrays.

In: log-probs, advantages, values, all [B, L], and ``is_action``. Out: a scalar loss and statistics. Left out:
the model, the optimiser, the coefficients between the losses.

Two rules make a gradient independent of how a batch is cut into micro-batches or spread over ranks:

1. A loss is a sum over tokens divided by a ``denominator`` of the *whole* batch, which the caller computes
   once (``loss_denominator``) and hands to every part. The parts' losses, and so their gradients, add up.
2. Statistics come as sums; ``merge_stats`` divides once at the end.

Every input is selected with ``torch.where`` before it enters a product, so whatever a cell without an action
holds, NaN included, changes neither the loss nor a gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Aggregation = Literal["token", "sequence", "constant"]
Stats = dict[str, Tensor]

MAX_LOG_RATIO = 20.0
"""Log-ratios are clamped to this size: beyond it exp() only adds overflow, never information."""


class Loss(NamedTuple):
    """A scalar to differentiate and what to log about it."""

    loss: Float[Tensor, ""]
    """The part's share of the batch's loss; shares add up."""
    stats: Stats
    """Detached sums over the action tokens, for ``merge_stats``; keys that end in ``_max`` are maxima."""


def loss_denominator(
    is_action: Bool[Tensor, "B L"], aggregation: Aggregation = "token", *, max_tokens: int | None = None
) -> float:
    """Returns what ``aggregate`` divides by, from the *whole* batch of an optimiser step.

    Args:
        is_action: all rows of the step, on all ranks; rows without an action do not count.
        aggregation: ``"token"``: number of actions. ``"sequence"``: number of rows.
            ``"constant"``: number of rows times ``max_tokens``.
        max_tokens: the constant length of Dr. GRPO; needed by ``"constant"`` alone.

    Returns:
        At least 1, so that a batch without actions has loss 0.

    Raises:
        InvalidValueError: unknown ``aggregation``, or ``"constant"`` without a positive ``max_tokens``.
    """
    _check_aggregation(aggregation)
    if aggregation == "token":
        return max(1.0, float(is_action.sum()))
    num_rows = max(1.0, float(is_action.any(dim=1).sum()))
    if aggregation == "sequence":
        return num_rows
    if not max_tokens or max_tokens < 1:
        raise InvalidValueError(f"aggregation='constant' needs max_tokens of at least 1, got {max_tokens!r}.")
    return num_rows * max_tokens


def aggregate(
    x: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
) -> Float[Tensor, ""]:
    """Returns the part's share of the batch's mean of ``x`` over actions.

    ``"token"`` and ``"constant"`` sum over actions; ``"sequence"`` sums the means of the rows (which weighs
    the tokens of short rows more). All divide by ``denominator``.

    Raises:
        InvalidValueError: unknown ``aggregation``.
    """
    _check_aggregation(aggregation)
    x = torch.where(is_action, x, 0)
    if aggregation == "sequence":
        x = x / is_action.sum(dim=1, keepdim=True).clamp(min=1)
    return x.sum() / denominator


def _check_aggregation(aggregation: str) -> None:
    if aggregation not in get_args(Aggregation):
        allowed = ", ".join(get_args(Aggregation))
        raise InvalidValueError(f"aggregation must be one of {allowed}, got {aggregation!r}.")


def ppo_policy_loss(
    *,
    logp_policy: Float[Tensor, "B L"],
    logp_old: Float[Tensor, "B L"],
    advantages: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    weights: Float[Tensor, "B L"] | None = None,
) -> Loss:
    """Returns PPO's clipped loss.

    With the ratio r = exp(logp_policy - logp_old), for each action::

        loss = -min(r * A, clip(r, 1 - clip_low, 1 + clip_high) * A)     and for A < 0 at most  -dual_clip * A

    At r = 1 its gradient is that of -A * logp_policy, the policy gradient.

    Args:
        logp_policy: log-prob of each token under the weights that are being changed.
        logp_old: the same under the weights at the start of the update; a constant.
        advantages: a constant; positive means "more of this".
        is_action: the tokens that count; False also for all of a failed row.
        denominator: ``loss_denominator`` of the whole batch.
        aggregation: see ``aggregate``.
        clip_low: how far below 1 the ratio may push.
        clip_high: how far above 1; larger than ``clip_low`` keeps unlikely tokens learnable (DAPO: 0.28).
        dual_clip: bound c > 1 + clip_high on the ratio that a negative advantage is multiplied by (3 is
            usual); None means no bound. The two-sided clip with delta = c is the same formula.
        weights: correction of each token's loss for a sampler that differs from ``logp_old``, from
            ``importance_weights``; a constant. None means 1.

    Returns:
        The loss, and the sums ``approx_kl_k1`` and ``approx_kl_k3`` (of the old policy from the new),
        ``clip_fraction_low`` (A < 0 and r below the range), ``clip_fraction_high`` (A > 0 and r above it),
        ``dual_clip_fraction``, ``ratio``, ``ratio_max``, ``num_tokens``.

    Raises:
        InvalidValueError: a clip range outside its limits.

    Source:
        Schulman et al. 2017, eq. 7; separate ranges: Yu et al. 2025 (DAPO), eq. 10; dual clip: Ye et al.
        2020, eq. 5.
    """
    if not (0 <= clip_low < 1 and clip_high >= 0):
        raise InvalidValueError(
            f"clip_low must be in [0, 1) and clip_high at least 0, got {clip_low} and {clip_high}."
        )
    if dual_clip is not None and dual_clip <= 1 + clip_high:
        raise InvalidValueError(f"dual_clip must be above 1 + clip_high = {1 + clip_high}, got {dual_clip}.")
    difference = torch.where(is_action, logp_policy - logp_old.detach(), 0)
    log_ratio = difference.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    ratio = log_ratio.exp()
    advantage = torch.where(is_action, advantages.detach(), 0)
    clipped_ratio = ratio.clamp(1 - clip_low, 1 + clip_high)
    per_token = torch.maximum(-ratio * advantage, -clipped_ratio * advantage)
    if dual_clip is not None:
        bound = torch.minimum(per_token, -dual_clip * advantage)
        per_token = torch.where(advantage < 0, bound, per_token)
    if weights is not None:
        per_token = per_token * torch.where(is_action, weights.detach(), 0)
    loss = aggregate(per_token, is_action, denominator, aggregation)
    with torch.no_grad():
        negative, positive = advantage < 0, advantage > 0
        exceeds = negative & (ratio > dual_clip) if dual_clip is not None else torch.zeros_like(negative)
        stats = {
            "approx_kl_k1": -log_ratio.sum(),
            "approx_kl_k3": (ratio - 1 - log_ratio).sum(),
            "clip_fraction_low": (negative & (ratio < 1 - clip_low)).sum(),
            "clip_fraction_high": (positive & (ratio > 1 + clip_high)).sum(),
            "dual_clip_fraction": exceeds.sum(),
            "ratio": torch.where(is_action, ratio, 0).sum(),
            "ratio_max": torch.where(is_action, ratio, 0).amax(),
            "num_tokens": is_action.sum(),
        }
    return Loss(loss, stats)


def sequence_ratio_logps(
    logp_policy: Float[Tensor, "B L"], logp_old: Float[Tensor, "B L"], is_action: Bool[Tensor, "B L"]
) -> Float[Tensor, "B L"]:
    """Returns log-probs whose ratio to ``logp_old`` is, at every action, the geometric mean of its row's.

    Handed to ``ppo_policy_loss`` as ``logp_policy`` they make its ratio that of the whole response, which is
    clipped as one.

    Source: Zheng et al. 2025 (GSPO), eq. 7.
    """
    old = torch.where(is_action, logp_old.detach(), 0)
    difference = torch.where(is_action, logp_policy, 0) - old
    mean = difference.sum(dim=1, keepdim=True) / is_action.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(is_action, old + mean, 0)


def importance_weights(
    *,
    logp_old: Float[Tensor, "B L"],
    logp_behaviour: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    mode: Literal["truncate", "mask", "sequence_mask"] = "truncate",
    low: float = 0.0,
    high: float = 2.0,
) -> Float[Tensor, "B L"]:
    """Returns constants that correct a loss on tokens drawn by a sampler that differs from the trainer.

    With w = exp(logp_old - logp_behaviour) of each action:

    - ``"truncate"``: min(w, high), truncated importance sampling; usual ``high`` 2 to 5.
    - ``"mask"``: w where low <= w <= high, else 0: the token is left out.
    - ``"sequence_mask"``: w for all tokens of a row whose product of w lies in [low, high], else 0.

    Cells without an action are 0.

    Raises:
        InvalidValueError: unknown ``mode``.
    """
    difference = torch.where(is_action, (logp_old - logp_behaviour).detach(), 0)
    weight = difference.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    if mode == "truncate":
        kept = weight.clamp(max=high)
    elif mode == "mask":
        kept = torch.where((weight >= low) & (weight <= high), weight, 0)
    elif mode == "sequence_mask":
        whole = difference.sum(dim=1, keepdim=True).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
        kept = torch.where((whole >= low) & (whole <= high), weight, 0)
    else:
        raise InvalidValueError(f"mode must be one of truncate, mask, sequence_mask, got {mode!r}.")
    return torch.where(is_action, kept, 0)


def value_loss(
    *,
    values: Float[Tensor, "B L"],
    old_values: Float[Tensor, "B L"],
    returns: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
    clip: float | None = 0.2,
) -> Loss:
    """Returns half the squared error of the values, clipped around the old ones.

    For each action, with V_clipped = old + clamp(V - old, -clip, clip)::

        loss = 0.5 * max((V - return)^2, (V_clipped - return)^2)

    Args:
        values: of the state before each token, under the weights that are being changed.
        old_values: the same at the start of the update; a constant.
        returns: targets; a constant.
        is_action: the tokens that count.
        denominator: ``loss_denominator`` of the whole batch.
        aggregation: see ``aggregate``.
        clip: how far a value may move in one update before its gradient stops; None: no clipping.

    Returns:
        The loss, and the sums ``value_clip_fraction`` (the clipped error was the larger), ``value``,
        ``value_error_squared`` and ``num_tokens``.

    Raises:
        InvalidValueError: ``clip`` is not positive.
    """
    if clip is not None and clip <= 0:
        raise InvalidValueError(f"clip must be positive or None, got {clip}.")
    value = torch.where(is_action, values, 0)
    target = torch.where(is_action, returns.detach(), 0)
    squared = (value - target).square()
    per_token, is_clipped = squared, torch.zeros_like(is_action)
    if clip is not None:
        old = torch.where(is_action, old_values.detach(), 0)
        clipped_squared = (old + (value - old).clamp(-clip, clip) - target).square()
        is_clipped = clipped_squared > squared
        per_token = torch.maximum(squared, clipped_squared)
    loss = aggregate(0.5 * per_token, is_action, denominator, aggregation)
    stats = {
        "value_clip_fraction": (is_clipped & is_action).sum(),
        "value": value.detach().sum(),
        "value_error_squared": squared.detach().sum(),
        "num_tokens": is_action.sum(),
    }
    return Loss(loss, stats)


def entropy_loss(
    entropies: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
) -> Loss:
    """Returns minus the mean entropy of the next-token distributions, in nats: the bonus."""
    loss = -aggregate(entropies, is_action, denominator, aggregation)
    entropy = torch.where(is_action, entropies.detach(), 0).sum()
    return Loss(loss, {"entropy": entropy, "num_tokens": is_action.sum()})


def sft_loss(
    logp_policy: Float[Tensor, "B L"],
    is_target: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
) -> Loss:
    """Returns the cross-entropy (nats) of the demonstrated tokens, end of turn included.

    Prompt and padding are left out by ``is_target`` alone: a target that equals the pad id counts fully.
    """
    loss = -aggregate(logp_policy, is_target, denominator, aggregation)
    nll = -torch.where(is_target, logp_policy.detach(), 0).sum()
    return Loss(loss, {"nll": nll, "num_tokens": is_target.sum()})


def merge_stats(parts: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """Returns the statistics of a batch from those of its parts.

    Sums are added and divided by the total of ``num_tokens``; keys that end in ``_max`` take the largest;
    ``num_tokens`` itself is the total. No parts, or no tokens: an empty dict. The device is asked once.
    """
    parts = list(parts)
    if not parts:
        return {}
    names = list(parts[0])
    table = torch.stack([torch.stack([part[name].double() for name in names]) for part in parts]).tolist()
    columns = dict(zip(names, zip(*table, strict=True), strict=True))
    num_tokens = sum(columns.pop("num_tokens"))
    if not num_tokens:
        return {}
    merged = {
        name: max(column) if name.endswith("_max") else sum(column) / num_tokens
        for name, column in columns.items()
    }
    return merged | {"num_tokens": num_tokens}
