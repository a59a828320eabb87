"""``random`` and ``optimal``: the agents between which scores are normalised. Neither learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.agent import Training
from lmgym.conversation import readable
from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym_agents.baselines.sb3_actions import needed_tokens


class RandomAgent:
    """Draws every token uniformly from those that the task can need, the end of a turn included."""

    granularity: Literal["token", "response"] = "token"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rng = make_generator(seed, "random agent")
        self._tokens: NDArray[np.int64] | None = None

    def begin(self, training: Training) -> None:
        """Finds out what can be said."""
        self._tokens = needed_tokens(training.make_env(1).setup)

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns a token for each row."""
        assert self._tokens is not None, "begin comes first"
        picked: NDArray[np.int64] = self._rng.choice(self._tokens, size=len(observations["input_ids"]))
        return picked


class OptimalAgent:
    """Says what the task's demonstration says, and is as good as that.

    Privileged: it is shown the problems that it will be measured on.
    """

    granularity: Literal["token", "response"] = "response"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._turns: dict[str, tuple[str, ...]] = {}
        self._widest = 0
        self._asked: dict[str, list[int]] = {}

    def study(self, task: Task, problems: Sequence[Problem]) -> None:
        """Takes the demonstrations of the problems that will be posed."""
        self._turns, self._asked = {}, {}
        for problem in problems:
            prompt = readable(problem.prompt) if task.is_chat else problem.prompt
            rng = make_generator(self._seed, "optimal agent", problem.split, problem.index)
            self._turns[prompt] = task.demonstrations(problem, rng)

    def act(self, observations: Sequence[str]) -> list[str]:
        """Returns the next turn of the demonstration that belongs to each text.

        Raises:
            InvalidValueError: a text that begins with no prompt it was shown.
        """
        return [self._next(text) for text in observations]

    def _next(self, text: str) -> str:
        prompt = self._prompt_of(text)
        # Turns are counted by the lengths at which the problem was seen: an episode only grows.
        lengths = self._asked.setdefault(prompt, [])
        if len(text) not in lengths:
            lengths.append(len(text))
        number, turns = lengths.index(len(text)), self._turns[prompt]
        return turns[number] if number < len(turns) else ""

    def _prompt_of(self, text: str) -> str:
        if text in self._turns:
            return text
        found = [prompt for prompt in self._turns if text.startswith(prompt)]
        if not found:
            raise InvalidValueError(f"the optimal agent was not shown the problem {text[:80]!r}.")
        return max(found, key=len)
