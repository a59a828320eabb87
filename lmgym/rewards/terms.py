"""The built-in terms: ``Correct``, ``PartialCredit``, ``Format``, ``Length``.

Comes in: transcripts whose verdict is filled. Goes out: one number each, before any weight. What a term
looks at follows from ``pay``: the whole episode, the last agent turn, or the last step (line) of it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from lmgym.errors import InvalidValueError, RewardError
from lmgym.records import Scores, Transcript, Turn, Verdict
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.payments import cut_last_step


@dataclass(frozen=True)
class BuiltIn(Term):
    """A term that scores each row by itself and never fails."""

    pay: Pay = "episode"

    def __post_init__(self) -> None:
        check_pay(self.pay)

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the term in ``Scores.terms`` and in ``info["reward_terms"]``."""

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    @abstractmethod
    def _value(self, transcript: Transcript) -> float: ...

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        values = np.array([self._value(transcript) for transcript in transcripts], np.float64)
        return Scores(values, {self.name: values}, np.zeros(len(values), np.bool_))


@dataclass(frozen=True)
class Correct(BuiltIn):
    """1.0 if the verdict is correct, ``wrong`` if it is not."""

    wrong: float = 0.0
    """What an answer that is not correct gives; -1.0 makes it a penalty."""
    needs_gold: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "correct"

    def _value(self, transcript: Transcript) -> float:
        return 1.0 if verdict_of(transcript, self.name).status == "correct" else self.wrong


@dataclass(frozen=True)
class PartialCredit(BuiltIn):
    """The verdict's ``score`` in [0, 1]: 1.0 if and only if correct, less for a part of the way."""

    needs_gold: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "partial"

    def _value(self, transcript: Transcript) -> float:
        return verdict_of(transcript, self.name).score


@dataclass(frozen=True)
class Format(BuiltIn):
    r"""1.0 if what is paid for has the form, else 0.0.

    Without a pattern the form is: one line, not empty, and ended by the agent and not by its budget. An
    episode has the form if all agent turns have it.

    Args:
        pattern: a compiled pattern that the whole text must match, ``re.compile(r"-?\\d+")`` for instance. It
            only ever meets ``max_chars`` characters, but a pattern with nested repetitions
            can be slow even there; choosing one is the caller's part.
        max_chars: a longer text does not have the form.
    """

    pattern: re.Pattern[str] | None = None
    max_chars: int = 4096

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pattern is not None and not isinstance(self.pattern, re.Pattern):
            raise InvalidValueError(f"Format.pattern must be re.compile(...) or None, got {self.pattern!r}.")
        if self.max_chars < 1:
            raise InvalidValueError(f"Format.max_chars must be at least 1, got {self.max_chars!r}.")

    @property
    def name(self) -> str:
        return "format"

    def _value(self, transcript: Transcript) -> float:
        texts = pieces(transcript, self.pay)
        return float(bool(texts) and all(self._has_form(piece) for piece in texts))

    def _has_form(self, piece: Turn) -> bool:
        if len(piece.text) > self.max_chars:
            return False
        if self.pattern is not None:
            return self.pattern.fullmatch(piece.text) is not None
        return piece.is_complete and bool(piece.text.strip()) and len(piece.text.splitlines()) == 1


@dataclass(frozen=True)
class Length(BuiltIn):
    """How much the agent wrote; a cost when its weight is negative.

    The lengths of the steps of a turn add up to that of the turn, those of the turns to the episode's.

    Args:
        unit: "chars" counts Unicode characters, "words" pieces between white space, "lines" lines begun.
    """

    unit: Literal["chars", "words", "lines"] = "chars"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in ("chars", "words", "lines"):
            raise InvalidValueError(f"Length.unit must be 'chars', 'words' or 'lines', got {self.unit!r}.")

    @property
    def name(self) -> str:
        return "length"

    def _value(self, transcript: Transcript) -> float:
        return float(sum(self._measure(piece.text) for piece in pieces(transcript, self.pay)))

    def _measure(self, text: str) -> int:
        if self.unit == "chars":
            return len(text)
        return len(text.split()) if self.unit == "words" else len(_lines(text))


def verdict_of(transcript: Transcript, name: str) -> Verdict:
    """Returns the verdict; a RewardError that names the reward ``name`` if there is none."""
    if transcript.verdict is None:
        raise RewardError(
            f"reward {name!r} needs the verdict of problem {transcript.problem.index} of "
            f"{transcript.problem.split!r}, but none is filled in; environments do so, elsewhere use "
            "transcript._replace(verdict=task.verify(transcript))."
        )
    return transcript.verdict


def _lines(text: str) -> list[str]:
    """Returns the lines with their newlines; nothing else ends a step, as in step-level environments."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def pieces(transcript: Transcript, pay: Pay) -> list[Turn]:
    """Returns what is paid for: every agent turn, the last one, or the last line of the last one."""
    turns = [turn for turn in transcript.turns if turn.role == "agent"]
    if pay == "episode" or not turns:
        return turns
    last = turns[-1]
    if pay == "turn":
        return [last]
    _, step = cut_last_step(last)
    return [last._replace(text=step, is_complete=last.is_complete or step.endswith("\n"))]
