"""Rewards around rewards: potential-based shaping, clipping, division by a running standard deviation.

Comes in: a reward. Goes out: a reward that is paid at the same times and says in its terms what was changed.
A row that fails stays failed; nothing is learned from it. Left out: when rewards are paid (see ``timing``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import Term, bind, paid, unique_name
from lmgym.rewards.payments import state_before, state_of
from lmgym.rewards.scoring import check_column, score
from lmgym.tasks.base import Task

Potential = Callable[[Sequence[Transcript]], Sequence[float] | NDArray[Any]]
"""Takes states (transcripts without a verdict that are never marked as over), gives a finite number each."""


@dataclass(frozen=True)
class Wrapper(Term):
    """A reward made from one other reward, paid when that is."""

    reward: Reward
    pay: Pay = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pay", self.reward.pay)

    @property
    def inner(self) -> tuple[Reward, ...]:
        return (self.reward,)

    def paid(self, pay: Pay) -> Self:
        return replace(self, reward=paid(self.reward, pay))

    def bound_to(self, task: Task) -> Self:
        return replace(self, reward=bind(self.reward, task))


@dataclass(frozen=True)
class Shaped(Wrapper):
    """``reward + gamma · potential(s') - potential(s)``, which leaves every optimal policy optimal.

    s' is the state at this payment and s that at the payment before (the prompt alone, for the first one).
    The potential of a task that has ended is 0, so the discounted sum over an episode that ends is changed
    by ``-potential(prompt)``, whatever the agent does. A truncated episode has not ended: its last state
    keeps its potential, as it keeps its value.

    This holds for a learner that discounts by ``gamma`` from payment to payment. One that discounts by the
    token needs ``gamma=1`` and no discount.

    The environment's reply to a turn is not part of s'. The term is called "shaping".

    Raises:
        InvalidValueError: ``gamma`` is not in [0, 1].

    Source: Ng, Harada and Russell 1999, theorem 1.
    """

    potential: Potential
    gamma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.gamma <= 1:
            raise InvalidValueError(f"Shaped.gamma must be in [0, 1], got {self.gamma!r}.")

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        scores = score(self.reward, transcripts)
        after = self._measure([state_of(t) for t in transcripts])
        after[[t.terminated for t in transcripts]] = 0.0
        before = self._measure([state_before(t, self.pay) for t in transcripts])
        return _with_term(scores, "shaping", self.gamma * after - before)

    def _measure(self, states: Sequence[Transcript]) -> NDArray[np.float64]:
        none_failed = np.zeros(len(states), np.bool_)
        values = np.asarray(self.potential(states) if states else np.zeros(0))
        return check_column("Shaped", "the potential", values, none_failed, states)


@dataclass(frozen=True)
class Clipped(Wrapper):
    """``reward`` moved into [low, high]; the term "clipped" says by how much.

    Raises:
        InvalidValueError: ``low`` is not below ``high``.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise InvalidValueError(f"Clipped needs low < high, got {self.low!r} and {self.high!r}.")

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        scores = score(self.reward, transcripts)
        return _with_term(scores, "clipped", scores.values.clip(self.low, self.high) - scores.values)


@dataclass
class Moments:
    """Count, mean and sum of squared distances of all numbers seen: the state of ``Normalized``."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def update(self, values: NDArray[np.float64]) -> None:
        """Takes in more numbers; in exact arithmetic their order and grouping make no difference."""
        if not len(values):
            return
        total = self.count + len(values)
        distance = float(values.mean()) - self.mean
        within = float(np.square(values - values.mean()).sum())
        self.squares += within + distance**2 * self.count * len(values) / total
        self.mean += distance * len(values) / total
        self.count = total

    @property
    def std(self) -> float:
        """Standard deviation (n - 1), 1.0 as long as there is no spread."""
        std = math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0
        return std if std > 1e-12 else 1.0


@dataclass(frozen=True)
class Normalized(Wrapper):
    """``reward`` over the standard deviation of all payments so far, those of this batch included.

    The mean is not subtracted unless ``center`` asks for it: that would pay or charge for the length of an
    episode wherever rewards are paid by the step, and moves what counts as good. Failed rows are neither
    counted nor moved. The same batches in the same order give the same numbers; other batches don't, so this
    is the one reward that depends on its past. Its state is saved with that of the environment, and clones of
    an environment share it.

    Raises:
        InvalidValueError: ``clip`` is not positive.

    Source: trlx's ``scale_reward="running"`` and Engstrom et al. 2020, section 2 (there of returns).
    """

    center: bool = False
    """subtract the running mean first"""
    clip: float = 10.0
    """results are moved into [-clip, clip]"""
    moments: Moments = field(default_factory=Moments, repr=False, compare=False)
    """the running state"""
    is_bound: bool = field(default=False, repr=False, compare=False)
    """True: it belongs to an environment, whose levels share the running state"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.clip > 0:
            raise InvalidValueError(f"Normalized.clip must be positive, got {self.clip!r}.")

    def paid(self, pay: Pay) -> Self:
        return replace(self, reward=paid(self.reward, pay), moments=Moments())

    def bound_to(self, task: Task) -> Self:
        # Every environment goes on from here by itself.
        moments = self.moments if self.is_bound else replace(self.moments)
        return replace(self, reward=bind(self.reward, task), moments=moments, is_bound=True)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        scores = score(self.reward, transcripts)
        self.moments.update(scores.values[~scores.failed])
        std = self.moments.std
        terms = {name: term / std for name, term in scores.terms.items()}
        scaled = scores._replace(values=scores.values / std, terms=terms)
        if self.center:
            scaled = _with_term(scaled, "mean", np.full(len(transcripts), -self.moments.mean / std))
        return _with_term(scaled, "clipped", scaled.values.clip(-self.clip, self.clip) - scaled.values)

    def get_state(self) -> dict[str, float]:
        """Returns the running state as plain numbers."""
        return {"count": self.moments.count, "mean": self.moments.mean, "squares": self.moments.squares}

    def set_state(self, state: Mapping[str, float]) -> None:
        """Goes back to what ``get_state`` returned."""
        self.moments.count = int(state["count"])
        self.moments.mean, self.moments.squares = float(state["mean"]), float(state["squares"])


def _with_term(scores: Scores, name: str, change: NDArray[np.float64]) -> Scores:
    """Returns the scores with ``change`` added to rows that did not fail, under a name of its own."""
    change = np.where(scores.failed, 0.0, change)
    terms = {**scores.terms, unique_name(name, scores.terms): change}
    return scores._replace(values=scores.values + change, terms=terms)
