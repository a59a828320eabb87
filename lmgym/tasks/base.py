"""What a task is: pure functions from (split, index) to problems and from states to states.

Comes in: a split, an index, the agent's text. Goes out: problems, immutable states, replies, verdicts.
Left out: tokens, rewards, models, randomness other than what (configuration, split, index) fixes.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict

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

    is_chat: bool = False
    """True: prompts and replies are conversations (``lmgym.conversation``), which environments write with
    the tokenizer's chat template."""

    has_gold: bool = True
    """False: nobody can say what is correct here, or how good anything is; environments then refuse rewards
    that ask for it."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Name and every option that changes problems, e.g. ``Math(level=3, style='answer')``."""

    @property
    def alphabet(self) -> str | None:
        """Every character that an agent's turn can need (end of turn aside), None if any may be needed."""
        return None

    @property
    def max_prompt_chars(self) -> int:
        """Upper bound on the length of any split's prompt, in characters."""
        return 512

    @property
    def max_prompt_messages(self) -> int:
        """Upper bound on the number of messages in the prompt of a chat task (``is_chat``)."""
        return 2

    @property
    def max_reply_chars(self) -> int:
        """Upper bound on the length of a reply between two turns; 0 for tasks of one turn."""
        return 0

    @property
    def max_turns(self) -> int:
        """Upper bound on the number of agent turns in an episode."""
        return 1

    @property
    def default_max_new_tokens(self) -> int:
        """Budget of one agent turn: the characters of the longest demonstration plus the end token."""
        return 64

    @property
    def level(self) -> int:
        """The task's own difficulty level, in [1, max_level]; 1 for tasks without levels."""
        return 1

    @property
    def max_level(self) -> int:
        """Highest level that ``at_level`` knows; 1 for tasks without levels."""
        return 1

    def at_level(self, level: int) -> Self:
        """Returns this task with another level, all other options kept; used by curricula.

        Raises:
            InvalidValueError: ``level`` is not in [1, max_level].
        """
        if level != self.level:
            raise InvalidValueError(
                f"{type(self).__name__} has only level {self.level}, got level={level!r}."
            )
        return self

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

    def verify_batch(self, transcripts: Sequence[Transcript]) -> list[Verdict]:
        """Returns ``verify`` of each transcript; subclasses may be faster, never different."""
        return [self.verify(transcript) for transcript in transcripts]

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdict on every line of the agent's turns so far; None: this task can't check steps.

        A step is a line: each turn is cut after every newline, an empty rest is no step, a blank line is one
        (``lmgym.grading.derivation.cut_lines``). Never raises on any text, bounded time. The verdict on a
        line does not depend on what stands after it. A task that can check steps in its configuration
        returns () for a transcript without turns. Subclasses may define it once.
        """
        return None

    @abstractmethod
    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the agent's turns of one worked solution; the task's options set style and quality."""

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns the exact optimal success probability after ``turns`` and the unfinished ``partial``.

        None where it can't be computed. Subclasses may define it once.
        """
        return None

    def utility(self, transcript: Transcript) -> float | None:
        """Returns how good ``transcript`` really is, higher is better: the gold score of preference learning.

        By default the score of the verdict, in [0, 1]. Simulated annotators judge by it, and what a learned
        reward gains is measured by it. None where nobody can say, or where the verifier failed. Never raises
        on any text, bounded time. Subclasses may define it once.
        """
        verdict = self.verify(transcript) if transcript.verdict is None else transcript.verdict
        return None if verdict.status == "error" else verdict.score

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the next turn after ``turns``, as a person who is stuck would want it; a good one.

        None where none is known; a task that never knows one does not define this. Subclasses may define it
        once.
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


_TRUNCATED = Verdict("wrong", "truncated")
_UNPARSED = Verdict("wrong", "unparsed")
_OVERLONG = Verdict("wrong", "overlong")


def unfinished(transcript: Transcript) -> Verdict | None:
    """Returns the verdict on a transcript that does not end in a whole response, None on one that does."""
    if transcript.truncated:
        return _TRUNCATED
    turns = transcript.turns
    if not turns or turns[-1].role != "agent":
        return _UNPARSED
    return None if turns[-1].is_complete else _OVERLONG


def check_split(task: Task, split: str) -> None:
    """Raises UnknownNameError unless ``split`` is one of the task's."""
    if split not in task.splits:
        raise UnknownNameError(f"split of {type(task).__name__}", split, task.splits)
