"""Numbers for the log: what a rollout says of the policy, and what the minibatches of an update add up to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lmgym_agents.flops import forward_flops, peak_flops
from lmgym_agents.policy import Policy
from lmgym_agents.rollout import Rollout


def describe_rollout(rollout: Rollout, valid: Rollout) -> dict[str, Any]:
    """Returns what the rollout says of the policy; failed rows count in ``failed_rows`` alone."""
    is_action = valid.is_action
    fresh = valid.select(~valid.is_again) if valid.is_again.any() and not valid.is_again.all() else valid
    metrics: dict[str, Any] = {
        "reward": float(valid.returns.mean()),
        **{f"reward/{name}": float(term.mean()) for name, term in valid.terms.items()},
        # Of new problems alone: those that are posed again were chosen because they are hard.
        "success": float(fresh.success.float().mean()),
        "score": float(fresh.score.mean()),
        # The mean of -log p over tokens drawn from p is an unbiased estimate of the entropy.
        "entropy": -mean_of(valid.logp_behaviour, is_action),
        "num_actions": float(valid.num_actions.float().mean()),
        "num_tokens_row": float(valid.lengths.float().mean()),
        "num_turns": float(valid.num_turns.float().mean()),
        "stop_rate": float(valid.stopped.float().mean()),
        "truncated_rate": float(valid.truncated.float().mean()),
        "episodes": len(valid.lengths),
        "failed_rows": int(rollout.failed.sum()),
    }
    if fresh is not valid:
        metrics["success_again"] = float(valid.success[valid.is_again].float().mean())
    num_groups = int(rollout.group.max()) + 1
    if num_groups < len(rollout.group):
        same = torch.ones(num_groups, dtype=torch.bool)
        for group, score in zip(valid.group.tolist(), valid.returns.tolist(), strict=True):
            first = valid.returns[valid.group == group][0]
            same[group] &= score == float(first)
        metrics["uniform_groups"] = float(same.float().mean())
    return metrics


def merge_minibatches(stats: list[dict[str, float]]) -> dict[str, float]:
    """Returns the means over minibatches (maxima of names in ``_max``), under the names of the log."""
    present = [part for part in stats if part]
    merged: dict[str, float] = {}
    for name in present[0] if present else ():
        column = [part[name] for part in present if name in part]
        merged[name] = max(column) if name.endswith("_max") else sum(column) / len(column)
    merged.pop("num_tokens", None)
    merged.pop("value", None)
    if "value_error_squared" in merged:
        merged["value_loss"] = 0.5 * merged.pop("value_error_squared")
    return merged


def mean_of(x: Tensor, is_valid: Tensor) -> float:
    chosen = x[is_valid]
    return float(chosen.double().mean()) if chosen.numel() else math.nan


def update_rates(
    policy: Policy, rollout: Rollout, valid: Rollout, epochs: int, timing: Mapping[str, float]
) -> dict[str, float]:
    """Returns tokens per second of generation and update, and the update's MFU where the peak is known."""
    num_tokens = int(valid.lengths.sum())
    generation_s, update_s = max(timing["generation_s"], 1e-9), max(timing["update_s"], 1e-9)
    rates = {
        "generated_tokens_per_s": int(rollout.is_action.sum()) / generation_s,
        "updated_tokens_per_s": epochs * num_tokens / update_s,
    }
    device, dtype = policy.device, policy.autocast or policy.model.dtype
    peak = peak_flops(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    if peak is not None and dtype == torch.bfloat16:
        context = num_tokens / max(1, len(valid.lengths)) / 2
        flops = 3 * epochs * forward_flops(policy.model.config.get_text_config(), num_tokens, context)
        rates["update_mfu"] = flops / update_s / peak
    return rates
