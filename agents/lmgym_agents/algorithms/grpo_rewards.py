"""What GRPO makes of an environment's rewards before it compares returns: two penalties, both optional."""

from __future__ import annotations

import torch
from torch import Tensor

from lmgym_agents.algorithms.grpo_config import GRPOConfig
from lmgym_agents.kl import penalise_rewards
from lmgym_agents.reward_shaping import overlong_penalty
from lmgym_agents.rollout import Rollout


def shape_returns(
    config: GRPOConfig, rollout: Rollout, reference_logps: Tensor | None, *, max_new_tokens: int
) -> Tensor:
    """Returns the rewards less the punishment of turns that near their budget and the KL: float32[B, L].

    Args:
        config: says which of the two is taken.
        rollout: B rows that did not fail.
        reference_logps: float32[B, L], needed for the KL penalty alone.
        max_new_tokens: budget of a turn.
    """
    method, rewards = config.method, rollout.rewards
    if method.overlong == "punish":
        punishment = overlong_penalty(
            longest_turns(rollout.is_action), max_new_tokens=max_new_tokens,
            buffer_tokens=max(1, round(config.overlong_buffer * max_new_tokens)),
            weight=config.overlong_penalty,
        )  # fmt: skip
        rows, positions = torch.arange(len(rewards)), torch.arange(rewards.shape[1])
        last = torch.where(rollout.is_action, positions, 0).amax(dim=1)
        rewards = rewards.index_put((rows, last), punishment.to(rewards.dtype), accumulate=True)
    if method.kl_in == "reward" and reference_logps is not None:
        rewards = penalise_rewards(
            rewards=rewards, logp_behaviour=rollout.logp_behaviour, logp_reference=reference_logps,
            is_action=rollout.is_action, coefficient=method.kl_coefficient,
        )  # fmt: skip
    return rewards


def longest_turns(is_action: Tensor) -> Tensor:
    """Returns the tokens of each row's longest turn, int64[B]: the longest run of actions in bool[B, L]."""
    counts = is_action.cumsum(dim=1)
    before = torch.where(is_action, 0, counts).cummax(dim=1).values
    return (counts - before).amax(dim=1)
