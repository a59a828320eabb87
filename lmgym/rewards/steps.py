"""``StepCorrect``: process rewards from ground truth, by the task's own checker of steps.

Comes in: transcripts up to a step, and the task (environments bind it). Goes out: what the step earned. Left
out: how a step is checked (``Task.verify_steps``), and learned process rewards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError, RewardError
from lmgym.grading.derivation import cut_lines, first_wrong_step
from lmgym.records import Scores, StepVerdict, Transcript
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.payments import cut_last_step
from lmgym.rewards.scoring import NOT_APPLICABLE
from lmgym.rewards.terms import verdict_of
from lmgym.tasks.base import Task


@dataclass(frozen=True)
class StepCorrect(Term):
    """``each`` for every right step up to the first wrong one; a right answer pays the rest up to 1.

    What an episode earns lies in [0, 1], whatever is written: all right steps together are worth at most
    ``1 - answer``, and an episode of right steps with a right answer earns exactly 1, however many steps it
    took. After a wrong step (or one that can't be read) nothing is paid, not even for a right answer. Steps
    that don't lead on, or could not be decided, pay nothing and do no harm.

    The terms are "steps" and "steps_answer"; environments name the first wrong step as
    ``info["first_wrong_step"]``, counted from 0, -1 if there is none.

    Raises:
        InvalidValueError: a number out of its range.
    """

    each: float = 0.1
    """paid for a right step, in (0, 1]"""
    answer: float = 0.5
    """the share that only a right answer can earn, in [0.5, 1]"""
    pay: Pay = "step"
    task: Task | None = field(default=None, repr=False, compare=False)
    """whose steps they are; environments fill it in"""

    def __post_init__(self) -> None:
        check_pay(self.pay)
        for name, low in (("each", 0.0), ("answer", 0.5)):
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= 1) or value == 0:
                raise InvalidValueError(
                    f"StepCorrect.{name} must be in [{low:g}, 1] and above 0, got {value!r}."
                )

    @property
    def name(self) -> str:
        return "steps"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def bound_to(self, task: Task) -> Self:
        """Returns the reward for transcripts of ``task``.

        Raises:
            InvalidValueError: the task can't check steps.
        """
        problem = task.problem(task.splits[0], 0)
        if task.verify_steps(Transcript(problem, ())) is None:
            raise InvalidValueError(
                f"{type(task).__name__} with these options can't check steps, so they can't be paid; use "
                "style='worked' where the task has it, a task that can, or another reward."
            )
        return replace(self, task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        steps, answers = np.zeros((2, len(transcripts)))
        failed = np.zeros(len(transcripts), np.bool_)
        for row, transcript in enumerate(transcripts):
            verdicts = self.check(transcript)
            if verdicts is None:
                failed[row] = True
                continue
            earned = self._worth(verdicts)
            steps[row] = earned - self._worth(verdicts[: len(verdicts) - self._num_new(transcript)])
            is_right = transcript.terminated and verdict_of(transcript, self.name).status == "correct"
            if is_right and first_wrong_step(verdicts) is None:
                answers[row] = 1.0 - earned
        reasons = tuple(NOT_APPLICABLE if bad else "" for bad in failed) if failed.any() else ()
        return Scores(steps + answers, {"steps": steps, "steps_answer": answers}, failed, reasons)

    def first_wrong_steps(self, transcripts: Sequence[Transcript]) -> NDArray[np.int64]:
        """Returns the first wrong step of each transcript, int64[B], counted from 0; -1 if there is none."""
        places = [first_wrong_step(self.check(transcript) or ()) for transcript in transcripts]
        return np.array([-1 if place is None else place for place in places], np.int64)

    def check(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdict on each step, None if the task can't say.

        Raises:
            RewardError: there is no task, or it does not give one verdict a line.
        """
        if self.task is None:
            raise RewardError(
                "StepCorrect needs the task whose steps it pays; environments bind it, elsewhere use "
                "StepCorrect().bound_to(task)."
            )
        verdicts = self.task.verify_steps(transcript)
        num_lines = sum(len(cut_lines(turn.text)) for turn in transcript.turns if turn.role == "agent")
        if verdicts is not None and len(verdicts) != num_lines:
            raise RewardError(
                f"verify_steps of {self.task.fingerprint} gave {len(verdicts)} verdicts on {num_lines} lines "
                "of the agent; it must give one for each."
            )
        return verdicts

    def _worth(self, verdicts: Sequence[StepVerdict]) -> float:
        valid = verdicts[: first_wrong_step(verdicts)]
        return min(1.0 - self.answer, self.each * sum(v.status == "right" for v in valid))

    def _num_new(self, transcript: Transcript) -> int:
        """Returns how many of the last lines this payment is for."""
        turns = [turn for turn in transcript.turns if turn.role == "agent"]
        if self.pay == "episode":
            return sum(len(cut_lines(turn.text)) for turn in turns)
        if not turns:
            return 0
        return len(cut_lines(turns[-1].text if self.pay == "turn" else cut_last_step(turns[-1])[1]))
