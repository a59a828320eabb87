"""Losses of Q heads over actions: squared or Huber temporal-difference errors, and a pessimist's term.

In: Q of the actions that were taken and their targets, all [N] or [K, N]. Out: a share of the batch's loss,
which adds up over micro-batches (see ``losses``), with statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.losses import Loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

ErrorKind = Literal["squared", "huber"]


def error_loss(
    errors: Float[Tensor, "*S"],
    is_used: Bool[Tensor, "*S"],
    denominator: float,
    *,
    weights: Float[Tensor, "*S"] | None = None,
    kind: ErrorKind = "squared",
    huber_delta: float = 0.5,
) -> Loss:
    """Returns the sum of w · e² / 2 (or Huber's function of e) over the used errors, over ``denominator``.

    Args:
        errors: in the reward's unit; what an unused cell holds, NaN included, changes nothing.
        is_used: which errors count.
        denominator: number of errors of the whole batch.
        weights: of each error, a constant; None: 1.
        kind: "huber" is linear beyond ``huber_delta``.
        huber_delta: in the reward's unit.

    Returns:
        The loss, and the sums ``td_error`` (absolute), ``td_error_max`` and ``num_tokens``.

    Raises:
        UnknownNameError, InvalidValueError: no such kind, ``huber_delta`` not positive.
    """
    if kind not in get_args(ErrorKind):
        raise UnknownNameError("error", kind, get_args(ErrorKind))
    if not huber_delta > 0:
        raise InvalidValueError(f"huber_delta must be positive, got {huber_delta!r}.")
    error = torch.where(is_used, errors, 0)
    size = error.abs()
    each = 0.5 * error.square()
    if kind == "huber":
        each = torch.where(size <= huber_delta, each, huber_delta * (size - 0.5 * huber_delta))
    if weights is not None:
        each = each * torch.where(is_used, weights, 0)
    largest = size.detach().amax() if size.numel() else size.new_zeros(())
    stats = {"td_error": size.detach().sum(), "td_error_max": largest, "num_tokens": is_used.sum()}
    return Loss(each.sum() / denominator, stats)


def conservative_loss(
    q: Float[Tensor, "K N V"], actions: Int[Tensor, " N"], denominator: float, *, temperature: float = 1.0
) -> Float[Tensor, ""]:
    """Returns the cross-entropy of softmax(Q / temperature) at the taken actions, over all heads.

    It pushes down what was never tried (the CQL term for tokens).

    Source: Kumar et al. 2020; Snell et al. 2023.
    """
    logps = (q / temperature).log_softmax(-1)
    chosen = logps.gather(-1, actions[None, :, None].expand(len(q), -1, -1)).squeeze(-1)
    return -chosen.sum() / denominator
