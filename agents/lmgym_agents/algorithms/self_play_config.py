"""The options of self-play."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.algorithms.policy_gradient import UpdateConfig


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """Options of self-play."""

    seed: int = 0
    """names every random choice of the run"""
    iterations: int = 100
    """sets of games, each followed by an update"""
    games: int = 256
    """games in each set"""
    temperature: float = 1.0
    """of the moves that are learned from, and of past selves"""
    illegal_penalty: float = 1.0
    """taken from a side that lost by an illegal move: where a game is lost anyway it would cost nothing"""
    baseline: Literal["value", "role"] = "value"
    """what results are compared with: the value head (by generalised advantages), or the running mean result
    of the side, first or second to move"""
    gae_lambda: float = 0.9
    """trace decay of the advantages with baseline="value"; below 1 blames a loss on the moves that made it"""
    role_decay: float = 0.95
    """share of the running mean that is kept in each iteration with baseline="role" """
    past_share: float = 0.25
    """share of the games that are played against an earlier self, once there is one"""
    snapshot_every: int = 10
    """iterations between two selves that are kept as opponents and for the ratings"""
    max_snapshots: int = 12
    """selves that are kept; beyond it every second one of the older half goes"""
    evaluate_every: int = 10
    """iterations between two measurements against the perfect player"""
    evaluation_games: int = 256
    """games in each of them"""
    evaluation_split: str = "validation"
    """where their openings come from"""
    update: UpdateConfig = field(default_factory=UpdateConfig)
    """how the policy is changed"""

    def __post_init__(self) -> None:
        counts = ("iterations", "games", "snapshot_every", "evaluate_every", "evaluation_games")
        for name in counts:
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        _require(self.max_snapshots >= 4, "max_snapshots", self.max_snapshots, "integers from 4")
        for name in ("gae_lambda", "role_decay", "past_share"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "numbers in [0, 1]")
        _require(self.illegal_penalty >= 0, "illegal_penalty", self.illegal_penalty, "numbers from 0")
        _require(self.temperature > 0, "temperature", self.temperature, "positive numbers")
        check_numbers(self)


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"SelfPlayConfig.{field} is {given!r}; allowed: {allowed}.")
