"""What PPO makes of an environment's rewards before it computes advantages."""

from __future__ import annotations

import torch
from torch import Tensor

from lmgym_agents.advantages import whiten
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.kl import penalise_rewards
from lmgym_agents.rollout import Rollout


def shape_rewards(
    config: PPOConfig, rollout: Rollout, reference_logps: Tensor | None, kl_coefficient: float
) -> Tensor:
    """Returns the rewards scaled, then clipped, then less the penalties, then whitened: float32[B, L].

    Args:
        config: says which of these steps are taken.
        rollout: B rows that did not fail.
        reference_logps: float32[B, L], needed for the KL penalty alone.
        kl_coefficient: its present weight.
    """
    rewards = rollout.rewards * config.reward_scale
    if config.reward_clip is not None:
        rewards = rewards.clamp(-config.reward_clip, config.reward_clip)
    if config.missing_end_penalty:
        rows = (~rollout.stopped).nonzero()[:, 0]
        positions = torch.arange(rewards.shape[1])
        last = torch.where(rollout.is_action[rows], positions, -1).amax(dim=1)
        penalty = torch.tensor(-config.missing_end_penalty)
        rewards = rewards.index_put((rows, last), penalty, accumulate=True)
    if config.kl_in == "reward" and reference_logps is not None and config.kl_coefficient > 0:
        rewards = penalise_rewards(
            rewards=rewards,
            logp_behaviour=rollout.logp_behaviour,
            logp_reference=reference_logps,
            is_action=rollout.is_action,
            coefficient=kl_coefficient,
        )
    if config.whiten_rewards:
        rewards = whiten(rewards, rollout.is_action, shift_mean=False)
    return rewards
