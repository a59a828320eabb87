"""Tasks that do what no task of the package does: no reply, failing verifiers, levels, empty splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Response, SingleTurnTask, Task, check_split


class Silent(Task):
    """Three turns without any reply: right is saying "a", "b", "c"."""

    __hash__ = None  # type: ignore[assignment]  # a task need not be hashable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Silent)

    @property
    def fingerprint(self) -> str:
        return "Silent()"

    @property
    def max_prompt_chars(self) -> int:
        return 8

    @property
    def max_turns(self) -> int:
        return 3

    @property
    def default_max_new_tokens(self) -> int:
        return 4

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return [Problem(f"{index % 1000}:", None, split, index) for index in indices]

    def start(self, problem: Problem) -> tuple[str, ...]:
        return ()

    def respond(self, state: tuple[str, ...], turn: Turn) -> Response:
        said = (*state, turn.text)
        return Response(said, None, len(said) == 3)

    def verify(self, transcript: Transcript) -> Verdict:
        said = [turn.text for turn in transcript.turns]
        if "down" in said:
            return Verdict("error", "unreachable")
        right = sum(map(str.__eq__, said, "abc"))
        if right == len(said) == 3:
            return Verdict("correct", "", None, 1.0)
        return Verdict("wrong", "wrong", None, right / 4)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return ("a", "b", "c")


class Levelled(SingleTurnTask):
    """Say the level; prompts grow with it. Split "validation" is empty."""

    def __init__(self, *, level: int = 1) -> None:
        if not 1 <= level <= 4:
            raise InvalidValueError(f"level must be in [1, 4], got {level!r}.")
        self._level = level

    @property
    def fingerprint(self) -> str:
        return f"Levelled(level={self._level})"

    @property
    def max_prompt_chars(self) -> int:
        return 4 + self._level

    @property
    def default_max_new_tokens(self) -> int:
        return 1 + self._level

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return 4

    def at_level(self, level: int) -> Self:
        return type(self)(level=level)

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        if split == "validation":
            raise EmptyProblemSetError("split 'validation' of Levelled holds no problem.")
        prompt = "x" * self._level
        return [
            Problem(f"{index % 1000}{prompt}", None, split, index, float(self._level)) for index in indices
        ]

    def verify(self, transcript: Transcript) -> Verdict:
        is_right = transcript.response == str(self._level) and transcript.turns[-1].is_complete
        return Verdict("correct", "", None, 1.0) if is_right else Verdict("wrong", "wrong")

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return (str(self._level),)


def play_text(env: Any, texts: Sequence[str]) -> list[tuple[Any, ...]]:
    """Says whole turns in a single token environment; returns the last step of each turn."""
    steps = []
    for text in texts:
        for token in [*env.tokenizer.encode(text), env.tokenizer.end_id]:
            step = env.step(token)
        steps.append(step)
    return steps
