"""The options of the proposer–solver loop, and what a proposal earns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.algorithms.policy_gradient import UpdateConfig

Pay = Literal["learnable", "band"]


def proposer_reward(solve_rate: float, pay: Pay, unlearnable_reward: float = 0.0) -> float:
    """Returns what a well-formed problem earns its proposer.

    "learnable" is 1 - ``solve_rate``: the harder the better, as long as it is sometimes solved. "band" is
    min(rate, 1 - rate), most at one half. What is always or never solved earns ``unlearnable_reward``.

    Source: "learnable": Zhao et al. 2025, "Absolute Zero", eq. 4, where what is not learnable earns 0 (-0.5
    in its code); "band": after Huang et al. 2025, "R-Zero".
    """
    if solve_rate in (0.0, 1.0):
        return unlearnable_reward
    return min(solve_rate, 1 - solve_rate) if pay == "band" else 1 - solve_rate


@dataclass(frozen=True, kw_only=True)
class ProposerConfig:
    """Options of the proposer–solver loop."""

    seed: int = 0
    """names every random choice of the run"""
    iterations: int = 100
    """sets of proposals, each followed by an update of both roles"""
    proposals: int = 128
    """problems that are proposed in each iteration"""
    attempts: int = 8
    """answers of the solver to each problem; its solve rate is their mean"""
    pay: Pay = "learnable"
    """learnable: 1 - rate; band: min(rate, 1 - rate); both for what is neither always nor never solved"""
    unlearnable_reward: float = -0.5
    """for what is; at 0 the fear of being ill-formed makes problems that are never solved look good"""
    ill_formed_reward: float = -1.0
    """for a text that is no problem, or not one that may be posed"""
    repeated_reward: float = -0.5
    """for a problem that was proposed before, as far back as is remembered"""
    memory: int = 256
    """accepted problems that are remembered, the latest"""
    temperature: float = 1.0
    """of problems and answers"""
    evaluate_every: int = 10
    """iterations between two measurements on held-out problems"""
    evaluation_problems: int = 256
    """of the validation split"""
    proposer: UpdateConfig = field(
        default_factory=lambda: UpdateConfig(minibatches=1, entropy_coefficient=0.02)
    )
    """how the policy is changed as the proposer"""
    solver: UpdateConfig = field(default_factory=UpdateConfig)
    """how the policy is changed as the solver"""

    def __post_init__(self) -> None:
        for name in ("iterations", "proposals", "evaluate_every", "evaluation_problems"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        _require(self.attempts >= 2, "attempts", self.attempts, "integers from 2")
        _require(self.memory >= 0, "memory", self.memory, "integers from 0")
        _require(self.temperature > 0, "temperature", self.temperature, "positive numbers")
        _require(self.pay in ("learnable", "band"), "pay", self.pay, "learnable, band")
        check_numbers(self)


def _require(holds: bool, field_name: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"ProposerConfig.{field_name} is {given!r}; allowed: {allowed}.")
