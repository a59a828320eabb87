"""``Utility``: pays what a transcript is really worth, the gold score of preference learning.

Comes in: transcripts, and the task (environments bind it). Goes out: ``Task.utility`` of each. Left out: what
a task thinks worth having, and rewards that are learned from preferences (``lmgym_agents.reward_models``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from lmgym.errors import RewardError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.payments import state_before
from lmgym.tasks.base import Task


@dataclass(frozen=True)
class Utility(Term):
    """The task's own utility of what was said, the term "utility"; a row without one fails.

    Paid by the turn, a payment is what the utility rose by since the turn before (the first: all of it), so
    that an episode earns the utility at its end however many turns it took.
    """

    pay: Pay = "episode"
    task: Task | None = field(default=None, repr=False, compare=False)
    """whose utility it is; environments fill it in"""
    needs_gold: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_pay(self.pay)

    @property
    def name(self) -> str:
        return "utility"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def bound_to(self, task: Task) -> Self:
        """Returns the reward for transcripts of ``task``."""
        return replace(self, task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        if self.task is None:
            raise RewardError(
                "the reward 'utility' asks the task, which environments fill in; elsewhere use "
                "lmgym.rewards.bind(reward, task)."
            )
        found = [self._worth(self.task, transcript) for transcript in transcripts]
        failed = np.array([value is None for value in found], np.bool_)
        values = np.array([0.0 if value is None else value for value in found], np.float64)
        reasons = tuple("no utility" if value is None else "" for value in found) if failed.any() else ()
        return Scores(values, {self.name: values}, failed, reasons)

    def _worth(self, task: Task, transcript: Transcript) -> float | None:
        now = task.utility(transcript)
        if self.pay == "episode" or now is None:
            return now
        before = state_before(transcript, self.pay)
        if not before.turns:
            return now
        earlier = task.utility(before)
        return None if earlier is None else now - earlier
