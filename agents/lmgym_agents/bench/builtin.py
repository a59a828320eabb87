"""The agents that can be named without a module: what ``lmgym bench --agents ppo,random`` finds.

A table of strings alone, so that reading it imports no agent. See ``lmgym_agents.agent_specs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BUILTIN: Final[Mapping[str, str]] = {}
"""By name: "module:Class", with "?option=value" behind it where several names share a class."""
