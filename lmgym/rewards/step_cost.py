"""``StepCost``: every turn that has not yet succeeded costs something, so that sooner is better.

Comes in: transcripts up to a turn, their verdict filled. Goes out: one number a turn, whose sum over an
episode is its return. ``Anchors`` turn mean returns into the normalised scores of publications.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from lmgym.errors import InvalidValueError, RewardError
from lmgym.records import Transcript
from lmgym.rewards.base import Pay
from lmgym.rewards.terms import BuiltIn

_ILLEGAL = ("illegal", "overlong")


@dataclass(frozen=True)
class StepCost(BuiltIn):
    """0.0 for the turn that succeeds, ``illegal`` for one that the task calls illegal, else ``step``.

    An episode that ends without success pays ``failure`` on top in its last turn. With the defaults the
    returns of ``Maze`` under ``max_steps=100`` are those of LMRL-Gym, where a 101st turn that moves nothing
    ends a failed episode: −101 at worst. ``StepCost(illegal=-1.0, failure=0.0)`` gives those of its Wordle.
    """

    pay: Pay = "turn"
    step: float = -1.0
    """What a turn gives that does not succeed."""
    illegal: float = -4.0
    """What it gives instead if the verdict's reason is "illegal" or "overlong": no move, no listed word."""
    failure: float = -1.0
    """What the last turn of an episode without success gives on top."""

    def __post_init__(self) -> None:
        if self.pay != "turn":
            raise InvalidValueError(f"StepCost.pay must be 'turn', got {self.pay!r}: a cost a turn.")
        for name in ("step", "illegal", "failure"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InvalidValueError(f"StepCost.{name} must be a finite number, got {value!r}.")

    @property
    def name(self) -> str:
        return "step_cost"

    def _value(self, transcript: Transcript) -> float:
        verdict = transcript.verdict
        if verdict is None:
            raise RewardError(
                f"reward {self.name!r} needs transcripts whose verdict is filled; outside environments use "
                "transcript._replace(verdict=task.verify(transcript))."
            )
        if verdict.status == "correct":
            return 0.0
        cost = self.illegal if verdict.reason in _ILLEGAL else self.step
        return cost + (self.failure if transcript.terminated or transcript.truncated else 0.0)


class Anchors(NamedTuple):
    """Three returns of a task that a normalised score is laid through."""

    lowest: float
    """Scores 0."""
    dataset: float
    """Scores 50: the mean of a published data set."""
    highest: float
    """Scores 100."""

    def normalise(self, mean_return: float) -> float:
        """Returns the score of a mean return: linear from 0 to 50 to 100 between the anchors.

        Raises:
            InvalidValueError: the anchors do not ascend.
        """
        if not self.lowest < self.dataset < self.highest:
            raise InvalidValueError(f"anchors must ascend, got {tuple(self)}.")
        if mean_return < self.dataset:
            return 50 * (mean_return - self.lowest) / (self.dataset - self.lowest)
        return 50 + 50 * (mean_return - self.dataset) / (self.highest - self.dataset)


LMRL_MAZE = Anchors(-101.0, -83.0, -6.84)
"""Fully observed maze of LMRL-Gym: ``compute_score_normalizations.py`` of its repository."""
LMRL_MAZE_PARTIAL = Anchors(-101.0, -83.0, -25.75)
"""Partially observed maze: likewise."""
