"""Arithmetic on rewards: ``Correct() + 0.1 * Format() - 0.001 * Length()``.

Comes in: rewards and numbers. Goes out: one reward that reports the weighted contribution of every part
as a named term. Left out: products of rewards; write a function for those.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.scoring import NOT_APPLICABLE, reward_name, score
from lmgym.tasks.base import Task

PAYS: tuple[Pay, ...] = ("episode", "turn", "step")


def check_pay(pay: str) -> None:
    """Raises InvalidValueError unless ``pay`` is one of episode, turn, step."""
    if pay not in PAYS:
        raise InvalidValueError(f"pay must be one of {', '.join(map(repr, PAYS))}, got {pay!r}.")


class Term(ABC):
    """A reward with arithmetic: adding gives a ``WeightedSum``, a number scales.

    Subclasses are frozen dataclasses.
    """

    pay: Pay
    """When the reward is paid; a field of the subclass."""

    @abstractmethod
    def __call__(self, transcripts: Sequence[Transcript]) -> Scores: ...

    @abstractmethod
    def paid(self, pay: Pay) -> Term:
        """Returns this reward paid at the end of every episode, turn or step."""

    @property
    def inner(self) -> tuple[Reward, ...]:
        """The rewards that this one is made of."""
        return ()

    def bound_to(self, task: Task) -> Term:
        """Returns this reward for transcripts of ``task``; see ``bind``."""
        return self

    def __mul__(self, weight: float) -> WeightedSum:
        return WeightedSum(((weight, self),))

    __rmul__ = __mul__

    def __neg__(self) -> WeightedSum:
        return self * -1.0

    def __add__(self, other: Reward) -> WeightedSum:
        return WeightedSum(_parts(self) + _parts(other))

    def __radd__(self, other: Reward) -> WeightedSum:
        if isinstance(other, int) and other == 0:  # so that sum([...]) works, which begins at 0
            return WeightedSum(_parts(self))
        return WeightedSum(_parts(other) + _parts(self))

    def __sub__(self, other: Reward) -> WeightedSum:
        return WeightedSum(_parts(self) + _scaled(_parts(other), -1.0))

    def __rsub__(self, other: Reward) -> WeightedSum:
        return WeightedSum(_parts(other) + _scaled(_parts(self), -1.0))

    def within(self, timeout_s: float) -> TimeLimited:
        """Returns this reward with a time limit; see ``score`` for what happens when it is passed."""
        return TimeLimited(self, timeout_s)


Parts = tuple[tuple[float, Reward], ...]


@dataclass(frozen=True)
class WeightedSum(Term):
    """``Σ weight · reward`` over parts that are paid at the same time.

    A term that occurs twice gets a number: ``correct``, ``correct_2``. A part that does not apply to a row
    (see ``lmgym.rewards.trl``) is left out of that row; if none applies the row fails. A row that fails in
    any part fails.

    Raises:
        InvalidValueError: no part, a weight that is not a finite number, a part that is no reward, or parts
            that are paid at different times.
    """

    parts: Parts
    pay: Pay = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts: list[tuple[float, Reward]] = []
        for weight, reward in self.parts:
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
                raise InvalidValueError(f"a reward's weight must be a finite number, got {weight!r}.")
            parts += _scaled(_parts(reward), float(weight))
        if not parts:
            raise InvalidValueError("a sum of rewards needs at least one part.")
        pays = {reward.pay for _, reward in parts}
        if len(pays) > 1:
            raise InvalidValueError(
                f"can't add rewards that are paid at different times ({', '.join(sorted(pays))}); choose one "
                "for all with .paid('episode'), .paid('turn') or .paid('step')."
            )
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "pay", pays.pop())

    @property
    def inner(self) -> tuple[Reward, ...]:
        return tuple(reward for _, reward in self.parts)

    def paid(self, pay: Pay) -> WeightedSum:
        return WeightedSum(tuple((weight, paid(reward, pay)) for weight, reward in self.parts))

    def bound_to(self, task: Task) -> WeightedSum:
        return WeightedSum(tuple((weight, bind(reward, task)) for weight, reward in self.parts))

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        num_rows = len(transcripts)
        terms: dict[str, np.ndarray] = {}
        failed = np.zeros(num_rows, np.bool_)
        applies = np.zeros(num_rows, np.bool_)
        reasons = [""] * num_rows
        for weight, reward in self.parts:
            # Each part is isolated by itself, so one bad row costs one part's second call, not all parts'.
            scores = score(reward, transcripts)
            for row in np.flatnonzero(scores.failed):
                reason = scores.reasons[row] if scores.reasons else ""
                if reason != NOT_APPLICABLE:
                    failed[row] = True
                    reasons[row] = f"{reasons[row]}; {reason}" if reasons[row] else reason
            applies |= ~scores.failed
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow is reported as such by `score`
                for name, term in scores.terms.items():
                    terms[unique_name(name, terms)] = weight * term
        for row in np.flatnonzero(~applies & ~failed):
            failed[row], reasons[row] = True, NOT_APPLICABLE
        values = np.zeros(num_rows)
        with np.errstate(over="ignore", invalid="ignore"):
            for term in terms.values():
                term[failed] = 0.0
                values += term
        return Scores(values, terms, failed, tuple(reasons) if failed.any() else ())


@dataclass(frozen=True)
class TimeLimited(Term):
    """``reward`` with ``timeout_s`` seconds a batch; rows that run out of time fail."""

    reward: Reward
    timeout_s: float
    pay: Pay = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise InvalidValueError(f"TimeLimited.timeout_s must be positive, got {self.timeout_s!r}.")
        object.__setattr__(self, "pay", self.reward.pay)

    @property
    def inner(self) -> tuple[Reward, ...]:
        return (self.reward,)

    def paid(self, pay: Pay) -> TimeLimited:
        return replace(self, reward=paid(self.reward, pay))

    def bound_to(self, task: Task) -> TimeLimited:
        return replace(self, reward=bind(self.reward, task))

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        return score(self.reward, transcripts, self.timeout_s)


@dataclass(frozen=True)
class Paid(Term):
    """A foreign reward, paid at another time than its own ``pay`` says."""

    reward: Reward
    pay: Pay

    def __post_init__(self) -> None:
        check_pay(self.pay)

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        return self.reward(transcripts)


def bind(reward: Reward, task: Task) -> Reward:
    """Returns ``reward`` for transcripts of ``task``: those parts of it that ask a task are given it.

    Environments and ``to_trl`` do this. A reward that asks a task has a method ``bound_to(task)``, one
    that is about the task's ground truth an attribute ``needs_gold`` that is True.

    Raises:
        InvalidValueError: the reward is about the ground truth, and the task has none.
    """
    needy = [part for part in walk(reward) if getattr(part, "needs_gold", False)]
    if needy and not task.has_gold:
        raise InvalidValueError(
            f"reward={reward_name(needy[0])!r} asks what is correct, which nobody knows of "
            f"{task.fingerprint}. Give another reward=: a learned reward model, a judge, or a function."
        )
    bound_to = getattr(reward, "bound_to", None)
    return reward if bound_to is None else bound_to(task)


def walk(reward: Reward) -> Iterator[Reward]:
    """Yields ``reward`` and all rewards that it is made of, always in the same order."""
    yield reward
    for part in getattr(reward, "inner", ()):
        yield from walk(part)


def paid(reward: Reward, pay: Pay) -> Reward:
    """Returns ``reward`` paid at the end of every episode, turn or step."""
    check_pay(pay)
    if reward.pay == pay:
        return reward
    return reward.paid(pay) if isinstance(reward, Term) else Paid(reward, pay)


def _parts(reward: object) -> Parts:
    if isinstance(reward, WeightedSum):
        return reward.parts
    if not isinstance(reward, Reward):
        raise InvalidValueError(
            f"can only add rewards to a reward, got {reward!r}; a function becomes a reward by "
            "lmgym.rewards.make_reward(function)."
        )
    return ((1.0, reward),)


def _scaled(parts: Parts, factor: float) -> Parts:
    return tuple((factor * weight, reward) for weight, reward in parts)


def unique_name(name: str, taken: Container[str]) -> str:
    """Returns ``name``, with a number where it is taken already."""
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
