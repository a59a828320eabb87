"""What a task is: pure functions from (split, index) to problems and from states to states.

Comes in: a split, an index, the agent's text. Goes out: problems, immutable states, replies, verdicts.
Left out: tokens, rewards, models, randomness other than what (configuration, split, index) fixes.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from lmgym.errors import UnknownNameError
from lmgym.records import Problem, Transcript, Turn, Verdict

HASHED_SPLITS = ("train", "validation", "test")


def split_of(key: str) -> str:
    """Returns which of train (80 %), validation (10 %) and test (10 %) owns the canonical text ``key``.

    A pure function of the text, so no problem can be in two splits under any seed or configuration.
    """
    bucket = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "test"


class Response(NamedTuple):
    """What a task answers to one turn of the agent."""

    state: Any
    """The next state, an immutable value."""
    reply: str | None
    """Text that the environment appends, None if the episode is over or there is nothing to say."""
    is_over: bool
    """True: the task has ended (terminated)."""


class Task(ABC):
    """A family of text problems with rules. Subclasses are final: extend by composing, not by overriding.

    A task is configured by its constructor and never changes afterwards. ``fingerprint`` names that
    configuration: two tasks of equal fingerprint give equal problems for equal (split, index).
    """

    splits: tuple[str, ...] = HASHED_SPLITS
    """Every split; the hashed ones first, then out-of-distribution ones such as "ood_digits"."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Name and every option that changes problems, e.g. ``Math(level=3, style='answer')``."""

    @abstractmethod
    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices`` of ``split``; infinite splits draw with replacement.

        Raises:
            UnknownNameError: ``split`` is not in ``splits``.
        """

    @abstractmethod
    def start(self, problem: Problem) -> Hashable:
        """Returns the immutable state in which the agent has said nothing yet."""

    @abstractmethod
    def respond(self, state: Any, turn: Turn) -> Response:
        """Returns what follows when the agent says ``turn`` in ``state``. Never raises on any text."""

    @abstractmethod
    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict on ``transcript``, finished or not. Never raises on any text, bounded time."""

    @abstractmethod
    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the agent's turns of one worked solution; the task's options set style and quality."""

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns the exact optimal success probability after ``turns`` and the unfinished ``partial``.

        None where it can't be computed. Subclasses may define it once.
        """
        return None

    @final
    def problem(self, split: str, index: int) -> Problem:
        """Returns one problem; see ``problems``."""
        return self.problems(split, (index,))[0]


class SingleTurnTask(Task):
    """A task that is over after the first turn: write ``problems``, ``verify``, ``demonstrations``."""

    @final
    def start(self, problem: Problem) -> Problem:
        return problem

    @final
    def respond(self, state: Problem, turn: Turn) -> Response:
        return Response(state, None, True)


def check_split(task: Task, split: str) -> None:
    """Raises UnknownNameError unless ``split`` is one of the task's."""
    if split not in task.splits:
        raise UnknownNameError(f"split of {type(task).__name__}", split, task.splits)
