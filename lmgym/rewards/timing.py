"""Paying a reward at another time than it is made for: sums of its payments, or the same payment later.

Comes in: a reward that is paid by the step, the turn or the episode. Goes out: one that pays the same amounts
at another time. Left out: looking at another part of the transcript, which is what ``.paid(...)`` does:
``Length().paid("step")`` measures the step, ``at_step(Length())`` the whole episode, at its last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from lmgym.errors import RewardError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import PAYS, Term, bind, check_pay
from lmgym.rewards.payments import payments_since
from lmgym.rewards.scoring import score
from lmgym.tasks.base import Task


@dataclass(frozen=True)
class Retimed(Term):
    """The same amounts as ``reward`` pays, at other times; see ``at_end``, ``at_turn`` and ``at_step``."""

    reward: Reward
    pay: Pay
    task: Task | None = field(default=None, repr=False, compare=False)
    """says what the verdicts were at earlier payments; environments fill it in"""

    def __post_init__(self) -> None:
        check_pay(self.pay)

    @property
    def inner(self) -> tuple[Reward, ...]:
        return (self.reward,)

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def bound_to(self, task: Task) -> Self:
        return replace(self, reward=bind(self.reward, task), task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        if self.reward.pay == self.pay:
            return score(self.reward, transcripts)
        if PAYS.index(self.pay) < PAYS.index(self.reward.pay):
            return self._sum_up(transcripts)
        return self._wait(transcripts)

    def _sum_up(self, transcripts: Sequence[Transcript]) -> Scores:
        """Returns the sums of the payments since the last one; a row fails if one of them does."""
        states: list[Transcript] = []
        rows: list[int] = []
        for row, transcript in enumerate(transcripts):
            payments = payments_since(transcript, self.reward.pay, self.pay)
            states += [*self._verify(payments[:-1]), payments[-1]]
            rows += [row] * len(payments)
        parts = score(self.reward, states)
        failed = np.zeros(len(transcripts), np.bool_)
        np.logical_or.at(failed, rows, parts.failed)
        reasons = [""] * len(transcripts)
        for row, reason in zip(rows, parts.reasons, strict=False):
            reasons[row] = reasons[row] or reason
        terms = {name: self._add(rows, term, failed) for name, term in parts.terms.items()}
        values = self._add(rows, parts.values, failed)
        return Scores(values, terms, failed, tuple(reasons) if failed.any() else ())

    def _verify(self, states: Sequence[Transcript]) -> list[Transcript]:
        if not states:
            return []
        if self.task is None:
            raise RewardError(
                "a reward whose payments are summed up needs the task, to know what the verdicts were; "
                "environments bind it, elsewhere use lmgym.rewards.bind(reward, task)."
            )
        verdicts = self.task.verify_batch(states)
        return [state._replace(verdict=verdict) for state, verdict in zip(states, verdicts, strict=True)]

    @staticmethod
    def _add(rows: list[int], column: np.ndarray, failed: np.ndarray) -> np.ndarray:
        total = np.bincount(rows, weights=column, minlength=len(failed))
        total[failed] = 0.0
        return total

    def _wait(self, transcripts: Sequence[Transcript]) -> Scores:
        """Returns what falls due now, 0 elsewhere."""
        due = [row for row, t in enumerate(transcripts) if _is_due(t, self.reward.pay)]
        parts = score(self.reward, [transcripts[row] for row in due])
        num_rows = len(transcripts)
        terms = {name: _spread(term, due, num_rows) for name, term in parts.terms.items()}
        failed = _spread(parts.failed, due, num_rows)
        reasons = [""] * num_rows
        for row, reason in zip(due, parts.reasons, strict=False):
            reasons[row] = reason
        values = _spread(parts.values, due, num_rows)
        return Scores(values, terms, failed, tuple(reasons) if failed.any() else ())


def at_end(reward: Reward) -> Retimed:
    """Returns ``reward`` paid once at the end of the episode: the sum of all its payments.

    For a reward by the step or the turn this hides which of them earned it.
    """
    return Retimed(reward, "episode")


def at_turn(reward: Reward) -> Retimed:
    """Returns ``reward`` paid at the end of turns.

    The payments of a turn's steps are summed; what is due when the episode ends is paid with its last turn.
    """
    return Retimed(reward, "turn")


def at_step(reward: Reward) -> Retimed:
    """Returns ``reward`` paid at the step at which it is due, 0 at all others.

    So a reward of the whole episode can be added to rewards of steps: ``StepCorrect() + at_step(Length())``.
    A reward of turns misses a turn that its token budget cuts right behind a newline and that does not end
    the episode: it looks like a step.
    """
    return Retimed(reward, "step")


def _is_due(transcript: Transcript, pay: Pay) -> bool:
    if transcript.terminated or transcript.truncated:
        return True
    turns = [turn for turn in transcript.turns if turn.role == "agent"]
    is_step = bool(turns) and not turns[-1].is_complete and turns[-1].text.endswith("\n")
    return pay == "turn" and bool(turns) and not is_step


def _spread(column: np.ndarray, rows: list[int], num_rows: int) -> np.ndarray:
    array = np.zeros(num_rows, column.dtype)
    array[rows] = column
    return array
