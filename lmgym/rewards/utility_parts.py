"""``UtilityParts``: pays the utility of a transcript, each of its named parts as a term of its own.

Comes in: transcripts, and the task (environments bind it), whose method ``utility_parts`` tells the parts.
Goes out: the parts, weighted. Left out: what a task thinks worth having.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from lmgym.errors import InvalidValueError, RewardError, UnknownNameError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.payments import state_before
from lmgym.tasks.base import Task

Parts = dict[str, float]


@runtime_checkable
class HasParts(Protocol):
    """A task whose utility is a sum of named parts."""

    def utility_parts(self, transcript: Transcript) -> Parts | None:
        """Returns the parts, which add up to ``Task.utility``; None where that is None."""
        ...


@dataclass(frozen=True)
class UtilityParts(Term):
    """The task's utility with its parts as terms; a row without a utility fails.

    With all weights 1 it pays exactly what ``Utility`` pays, and says in ``info["reward_terms"]`` what it is
    made of. Paid by the turn, each part is what it rose by since the turn before.

    Raises:
        InvalidValueError: a weight that is not finite, or a task whose utility has no parts.
        UnknownNameError: a weight of a part that the task does not have (when it is asked).
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    """weight by part; a part that is not named has weight 1"""
    pay: Pay = "episode"
    task: HasParts | None = field(default=None, repr=False, compare=False)
    """whose utility it is; environments fill it in"""
    needs_gold: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_pay(self.pay)
        for name, weight in self.weights.items():
            if not math.isfinite(weight):
                raise InvalidValueError(f"UtilityParts.weights[{name!r}] must be finite, got {weight!r}.")

    @property
    def name(self) -> str:
        return "utility_parts"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def bound_to(self, task: Task) -> Self:
        """Returns the reward for transcripts of ``task``."""
        if not isinstance(task, HasParts):
            raise InvalidValueError(
                f"reward='utility_parts' needs a task whose utility has parts, which {task.fingerprint} has "
                "not; use reward='utility'."
            )
        return replace(self, task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        if self.task is None:
            raise RewardError(
                "the reward 'utility_parts' asks the task, which environments fill in; elsewhere use "
                "lmgym.rewards.bind(reward, task)."
            )
        rows = [self._worth(self.task, transcript) for transcript in transcripts]
        failed = np.array([row is None for row in rows], np.bool_)
        names = dict.fromkeys(name for row in rows if row is not None for name in row)
        terms = {
            name: np.array([0.0 if row is None else row.get(name, 0.0) for row in rows], np.float64)
            for name in names
        }
        values = np.sum(list(terms.values()), axis=0) if terms else np.zeros(len(rows))
        reasons = tuple("no utility" if row is None else "" for row in rows) if failed.any() else ()
        return Scores(values, terms, failed, reasons)

    def _worth(self, task: HasParts, transcript: Transcript) -> Parts | None:
        now = task.utility_parts(transcript)
        if now is None:
            return None
        earlier: Parts | None = {}
        if self.pay != "episode":
            before = state_before(transcript, self.pay)
            earlier = task.utility_parts(before) if before.turns else {}
        if earlier is None:
            return None
        for name in self.weights:
            if name not in now:
                raise UnknownNameError("part of the utility", name, now)
        return {
            name: self.weights.get(name, 1.0) * (part - earlier.get(name, 0.0)) for name, part in now.items()
        }
