"""The settings of Monte-Carlo tree search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.search.expansion import Accept


@dataclass(frozen=True, kw_only=True)
class MCTSConfig:
    """How a tree is grown, and when actions are taken."""

    max_simulations: int = 64
    """walks from the root, each to one new state; of one decision where actions are committed to"""
    commit_every: int = 0
    """actions taken after each decision, whose subtree is searched on; 0: never, one tree from the start"""
    root: Literal["puct", "gumbel"] = "puct"
    """PUCT everywhere, or a Gumbel root with sequential halving and deterministic choices below it"""
    accept: Accept = "verifier"
    """what a finished episode is worth: 1 or 0 by the task's verifier, or what the values say of it"""
    stop_at_first: bool = True
    """a verified solution ends the search of its problem; off: for trees to learn from"""
    skip_finished: bool = False
    """never walk again to where all is known (finished episodes and what lies above nothing else)"""
    c1: float = 1.25
    """PUCT: weight of the prior"""
    c2: float = 19652.0
    """PUCT: visits with which that weight grows"""
    unvisited: Literal["q", "parent", "lowest"] = "q"
    """PUCT: worth of an action not tried yet: by the Q function if there is one (else as parent); its
    parent's mean; the least of its parent and siblings"""
    length_normalised: bool = False
    """priors by the mean log-prob of an action's tokens, not by their sum"""
    prior_temperature: float = 1.0
    """flattens the priors above 1"""
    num_considered: int = 16
    """Gumbel: actions that compete at the root"""
    gumbel_scale: float = 1.0
    """Gumbel: size of the noise; 0: deterministic"""
    c_visit: float = 50.0
    """Gumbel: weight of values before any visit, in visits"""
    c_scale: float = 0.1
    """Gumbel: weight of values against log-probs"""
    rescale_values: bool = True
    """Gumbel: bring values of siblings to the range from 0 to 1 first"""

    def __post_init__(self) -> None:
        for name, least in (("max_simulations", 1), ("commit_every", 0), ("num_considered", 1)):
            if getattr(self, name) < least:
                raise InvalidValueError(
                    f"MCTSConfig.{name} is {getattr(self, name)!r}; allowed: integers from {least}."
                )
        for name in ("c2", "prior_temperature", "c_scale"):
            self._check(name, getattr(self, name) > 0, "positive numbers")
        for name in ("c1", "gumbel_scale", "c_visit"):
            self._check(name, getattr(self, name) >= 0, "numbers from 0")
        if self.skip_finished and (self.commit_every or self.root == "gumbel"):
            raise InvalidValueError(
                "MCTSConfig.skip_finished changes the visits that decisions go by; allowed: with "
                "commit_every=0 and root='puct' only."
            )

    def _check(self, name: str, is_allowed: bool, allowed: str) -> None:
        if not (is_allowed and math.isfinite(getattr(self, name))):
            raise InvalidValueError(f"MCTSConfig.{name} is {getattr(self, name)!r}; allowed: {allowed}.")
