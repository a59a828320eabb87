"""``lmgym check-agent``: the laws of ``lmgym.check_agent``, tried on an agent by its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import tyro
from rich.console import Console

import lmgym
from lmgym_agents.agent_specs import load_factory, make_lone_agent, parse_agent_spec
from lmgym_agents.run_options import EnvOptions


@dataclass(frozen=True, kw_only=True)
class CheckAgent:
    """Checks that an agent keeps the laws of agents; says which call breaks one, and the likely cause.

    Exit code 0: it does; 2: it does not.
    """

    agent: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="AGENT")]
    """module:Class, or a name that a package registers; options follow: module:Class?width=3"""
    env: Annotated[EnvOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=EnvOptions)
    seed: int = 0
    """of the agents made and of the episodes played"""


def run_check_agent(config: CheckAgent) -> int:
    """Runs ``lmgym check-agent``; returns the exit code.

    Raises:
        CheckError: the agent breaks a law.
        LmgymError: it can't be made.
    """
    spec = parse_agent_spec(config.agent)
    if spec.kind == "builtin":  # the mistakes of other constructors are laws broken, which are told of below
        make_lone_agent(config.agent, seed=config.seed)
    make = load_factory(spec)
    found = lmgym.check_agent(make, config.env.env, seed=config.seed, env_options=config.env.make_options())
    Console(markup=False, emoji=False, highlight=False, soft_wrap=True).print(str(found))
    return 0
