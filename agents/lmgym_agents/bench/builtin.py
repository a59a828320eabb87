"""The agents that can be named without a module: what ``lmgym bench --agents ppo,random`` finds.

A table of strings alone, so that reading it imports no agent. See ``lmgym_agents.agent_specs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AGENTS: Final = "lmgym_agents.bench.agents."
_SB3: Final = "lmgym_agents.baselines.sb3_bench:"

BUILTIN: Final[Mapping[str, str]] = {
    # Draws tokens uniformly from those that the task can need.
    "random": _AGENTS + "anchors:RandomAgent",
    # Says the task's demonstrations; shown the answers.
    "optimal": _AGENTS + "anchors:OptimalAgent",
    # Reads as many tokens of demonstrations as others act.
    "sft": _AGENTS + "imitation:sft",
    # Proximal policy optimisation with a value head.
    "ppo": _AGENTS + "policy_gradient:ppo",
    # Group-relative policy optimisation, without a value head.
    "grpo": _AGENTS + "policy_gradient:grpo",
    # Policy gradient with the batch's mean as its baseline.
    "reinforce": _AGENTS + "policy_gradient:reinforce",
    # Token-level Q-learning with Q heads beside the language head, from a replay of rollouts.
    "q_learning": _AGENTS + "value_based:q_learning",
    "q": _AGENTS + "value_based:q_learning",
    # The logits themselves as soft Q values, multi-step residuals.
    "soft_q": _AGENTS + "value_based:soft_q",
    # Implicit Q-learning, offline: from recorded episodes of the start and demonstrations.
    "ilql": _AGENTS + "offline:ilql",
    # Samples, keeps what the verifier accepts, imitates it, round by round.
    "expert_iteration": _AGENTS + "expert:expert_iteration",
    # Of Stable-Baselines3 and sb3-contrib, with language models for networks.
    "sb3-ppo": _SB3 + "sb3_ppo",
    "sb3-a2c": _SB3 + "sb3_a2c",
    "sb3-dqn": _SB3 + "sb3_dqn",
    "sb3-maskable-ppo": _SB3 + "sb3_maskable_ppo",
    "sb3-recurrent-ppo": _SB3 + "sb3_recurrent_ppo",
    "sb3-qr-dqn": _SB3 + "sb3_qr_dqn",
}
"""By name: "module:Class", with "?option=value" behind it where several names share a class."""
