"""Options of best-first search: which order, which costs, which heuristic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from lmgym.errors import InvalidValueError
from lmgym_agents.search.expansion import Accept

Order = Literal["a_star", "best_first", "q_star", "levin", "phs", "phs_star"]
Cost = Literal["steps", "nlogp"]
Heuristic = Literal["zero", "negative_q", "log_q"]
Aggregate = Literal["min", "max", "sum", "last"]
Key = Literal["tokens", "task_state"]


@dataclass(frozen=True, kw_only=True)
class BestFirstConfig:
    """How best-first search goes; the formulas are in docs/search.md."""

    order: Order = "a_star"
    """a_star: least g + weight · (cost from here through this action); best_first: largest Q; q_star: largest
    Agg(process rewards) + weight · max Q; levin: least depth / probability; phs, phs_star: levin with Q"""
    cost: Cost = "steps"
    """of an action: 1, or -log π; levin, phs and phs_star need steps"""
    heuristic: Heuristic = "log_q"
    """what Q says of the cost to the end. zero: nothing; negative_q: Q is minus that cost, this action's
    included; log_q: Q is the chance of success, and -log Q costs beyond this action's"""
    min_q: float = 1e-6
    """log_q: chances are clipped to [min_q, 1]"""
    weight: float = 1.0
    """of the heuristic in a_star (1 is A*, more is weighted A*, at most so many times too dear) and q_star"""
    anytime: bool = False
    """go on after the first answer, until it is proven best or a budget is used up"""
    accept: Accept = "verifier"
    """which finished episodes answer a problem: those that the verifier calls correct, or any"""
    aggregate: Aggregate = "min"
    """Agg of q_star"""
    pops: int = 1
    """states of each problem that are expanded in one round"""
    key: Key = "tokens"
    """states of equal key are one state: by their tokens, or by the task's state and the unfinished turn"""
    keep_tree: bool = False
    """results have the tree, with what was never expanded"""

    def __post_init__(self) -> None:
        names = {"order": Order, "cost": Cost, "heuristic": Heuristic, "aggregate": Aggregate, "key": Key,
                 "accept": Accept}  # fmt: skip
        for name, kind in names.items():
            self._require(getattr(self, name) in get_args(kind), name, f"one of {', '.join(get_args(kind))}")
        self._require(0 < self.min_q <= 1, "min_q", "a number in (0, 1]")
        self._require(math.isfinite(self.weight) and self.weight >= 0, "weight", "a finite number from 0")
        self._require(self.pops >= 1, "pops", "an integer from 1")
        in_steps = self.order in ("levin", "phs", "phs_star")
        self._require(not in_steps or self.cost == "steps", "cost", f"steps, with order={self.order!r}")

    def _require(self, holds: bool, name: str, allowed: str) -> None:
        if not holds:
            raise InvalidValueError(f"BestFirstConfig.{name} is {getattr(self, name)!r}; allowed: {allowed}.")

    @property
    def needs_q(self) -> bool:
        """Whether the order can't do without a Q function."""
        if self.order == "levin":
            return False
        return self.order in ("best_first", "q_star") or self.heuristic != "zero"
