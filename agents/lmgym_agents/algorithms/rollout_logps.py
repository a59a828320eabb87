"""What a rollout's log-probs are compared with: the trainer's own, and the reference's.

In: a rollout, and how rows are evaluated. Out: arrays of its shape and numbers for the log. What PPO and GRPO
share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from lmgym_agents.algorithms.statistics import mean_of
from lmgym_agents.chunks import RowFunction
from lmgym_agents.kl import estimate_kl
from lmgym_agents.losses import importance_weights
from lmgym_agents.reference import Reference
from lmgym_agents.rollout import Rollout

InChunks = Callable[[RowFunction, Rollout], tuple[Tensor, ...]]
"""Evaluates a function of row numbers on all rows of a rollout, without gradients."""


def correct_sampler(
    rollout: Rollout,
    old_logps: Tensor,
    *,
    mode: Literal["none", "truncate", "mask", "sequence_mask"],
    bound: float,
) -> tuple[Tensor | None, dict[str, Any]]:
    """Returns the weights that make up for a sampler whose log-probs are not the trainer's, and the gap.

    Args:
        rollout: holds the sampler's log-probs.
        old_logps: float32[B, L], the trainer's.
        mode: see ``importance_weights``; "none": no weights.
        bound: of the weights, from its inverse.
    """
    gap = torch.where(rollout.is_action, old_logps - rollout.logp_behaviour, 0)
    metrics = {"sampler_logp_error": float(gap.abs().max())}
    if mode == "none":
        return None, metrics
    weights = importance_weights(
        logp_old=old_logps, logp_behaviour=rollout.logp_behaviour, is_action=rollout.is_action,
        mode=mode, low=1 / bound, high=bound,
    )  # fmt: skip
    return weights, metrics


def compare_with_reference(
    rollout: Rollout, reference: Reference, *, temperature: float, in_chunks: InChunks
) -> tuple[Tensor, dict[str, Any]]:
    """Returns the reference's log-probs float32[B, L], and the KL divergence that they tell of.

    Args:
        rollout: one row at least.
        reference: is asked.
        temperature: what the sampler divided its logits by.
        in_chunks: how the rows are evaluated.
    """

    def evaluate(rows: Tensor) -> tuple[Tensor]:
        ids, lengths, is_action = rollout.input_ids[rows], rollout.lengths[rows], rollout.is_action[rows]
        return (reference.logps(ids, lengths, is_action=is_action, temperature=temperature),)

    (logps,) = in_chunks(evaluate, rollout)
    k1 = torch.where(rollout.is_action, estimate_kl(rollout.logp_behaviour, logps, "k1"), 0)
    k3 = torch.where(rollout.is_action, estimate_kl(rollout.logp_behaviour, logps, "k3"), 0)
    metrics = {
        "kl_reference": mean_of(k3, rollout.is_action),
        "kl_reference_k1": mean_of(k1, rollout.is_action),
        "kl_episode": float(k1.sum(dim=1).mean()),
    }
    return logps, metrics
