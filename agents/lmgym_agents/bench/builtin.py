"""The agents that can be named without a module: what ``lmgym bench --agents ppo,random`` finds.

A table of strings alone, so that reading it imports no agent. See ``lmgym_agents.agent_specs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AGENTS: Final = "lmgym_agents.bench.agents."

BUILTIN: Final[Mapping[str, str]] = {
    # Draws tokens uniformly from those that the task can need.
    "random": _AGENTS + "anchors:RandomAgent",
    # Says the task's demonstrations; shown the answers.
    "optimal": _AGENTS + "anchors:OptimalAgent",
    # Reads as many tokens of demonstrations as others act.
    "sft": _AGENTS + "imitation:sft",
    # Proximal policy optimisation with a value head.
    "ppo": _AGENTS + "policy_gradient:ppo",
}
"""By name: "module:Class", with "?option=value" behind it where several names share a class."""
