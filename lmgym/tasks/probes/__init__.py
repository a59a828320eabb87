"""Probes: tiny tasks of known optimum that say what an agent can't do."""

from lmgym.tasks.probes.delayed import Delayed
from lmgym.tasks.probes.guess import Guess
from lmgym.tasks.probes.words import Count, Echo, Reverse, Shortcut

__all__ = ["Count", "Delayed", "Echo", "Guess", "Reverse", "Shortcut"]
