"""The records that pass from stage to stage: problem, turn, verdicts, transcript, scores.

All are immutable values. The small ones are named tuples and not frozen dataclasses because a vector
environment makes hundreds of thousands a second, and a named tuple costs a third of the time to make.
Nothing here knows tokens, rewards or models.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Status = Literal["correct", "wrong", "error"]


class Problem(NamedTuple):
    """One instance of a task; a pure function of (task configuration, split, index)."""

    prompt: str
    """What the agent reads first."""
    reference: Any
    """The private ground truth; never shown to the agent."""
    split: str
    """Name of the split that the problem was drawn from."""
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    """Address inside the split, in [0, 2**63)."""
    difficulty: float = 1.0
    """The task's own scale; for graded tasks the level."""
    key: str = ""
    """Canonical text, equal for problems that only differ in presentation; its hash decides the split."""


class Turn(NamedTuple):
    """One message of one side."""

    role: Literal["agent", "environment"]
    text: str
    is_complete: bool = True
    """False: the turn was cut by its token budget and not ended by the end-of-turn token."""


class Verdict(NamedTuple):
    """What a task's verifier says of a transcript."""

    status: Status
    """"error" means the verifier itself failed: the row is dropped, it never counts as wrong."""
    reason: str = ""
    """One word: "" when correct, else e.g. "wrong", "unparsed", "overlong", "timeout", "truncated"."""
    answer: str | None = None
    """The final answer as extracted from the response, if one was found."""
    score: float = 0.0
    """Partial credit in [0, 1]; 1.0 if and only if correct."""


StepStatus = Literal["right", "wrong", "unparsed", "no_progress", "undecided"]


class StepVerdict(NamedTuple):
    """What a checker of steps says of one line of a response."""

    status: StepStatus
    """"right": it follows from what stands before it and leads on; "no_progress": it does not lead on (blank,
    repeated, beside the point); "undecided": it could be neither confirmed nor refuted."""
    reason: str = ""
    """One word: "" when right, else e.g. "wrong", "limit", "blank", "repeated", "detour", "done"."""


class Transcript(NamedTuple):
    """A problem with the turns so far: what rewards are computed from."""

    problem: Problem
    turns: tuple[Turn, ...]
    terminated: bool = False
    """The task ended."""
    truncated: bool = False
    """A budget ended before the task did."""
    verdict: Verdict | None = None
    """The task's verdict on these turns; environments always fill it before a reward sees it."""

    @property
    def response(self) -> str:
        """Text of the last agent turn, "" if there is none."""
        for turn in reversed(self.turns):
            if turn.role == "agent":
                return turn.text
        return ""


class Scores(NamedTuple):
    """What a reward gives a batch of B transcripts."""

    values: NDArray[np.float64]
    """float64[B], the reward; 0.0 where ``failed``."""
    terms: dict[str, NDArray[np.float64]]
    """Named, weighted contributions, each float64[B]; they sum to ``values``."""
    failed: NDArray[np.bool_]
    """bool[B]; True: the reward could not be computed (exception, timeout): drop the row, never pay 0."""
    reasons: tuple[str, ...] = ()
    """For each row why it failed, "" where it did not; empty when nothing failed."""
