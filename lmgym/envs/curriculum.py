"""A curriculum: the task's level rises when the agent has become good enough at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from lmgym.errors import InvalidValueError
from lmgym.tasks.base import Task


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """When the level rises: ``gym.make("lmgym/Math-v0", level=1, curriculum=Curriculum(window=200))``.

    The first level is the task's own ``level``. Success rates of earlier levels do not count for later ones.
    """

    threshold: float = 0.9
    """Share of successes, in (0, 1], that raises the level."""
    window: int = 100
    """Episodes over which the share is taken; that many must have been played on the level."""
    max_level: int | None = None
    """Highest level, None for the task's own."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InvalidValueError(f"Curriculum.threshold must be in (0, 1], got {self.threshold!r}.")
        if self.window < 1:
            raise InvalidValueError(f"Curriculum.window must be at least 1, got {self.window!r}.")
        if self.max_level is not None and self.max_level < 1:
            raise InvalidValueError(f"Curriculum.max_level must be at least 1, got {self.max_level!r}.")

    def levels(self, task: Task) -> range:
        """Returns the levels that ``task`` can pass through, its own first.

        Raises:
            InvalidValueError: the task has only one level.
        """
        if task.max_level == 1:
            raise InvalidValueError(
                f"{type(task).__name__} has only one level, so there is nothing for a curriculum to raise; "
                "leave curriculum=None."
            )
        top = task.max_level if self.max_level is None else min(self.max_level, task.max_level)
        return range(task.level, max(top, task.level) + 1)


class CurriculumTracker:
    """Where one environment stands: its task at the current level, and the outcomes on that level."""

    def __init__(self, task: Task, rule: Curriculum) -> None:
        self.rule = rule
        self.top = rule.levels(task)[-1]
        self.task = task
        self.outcomes: deque[bool] = deque(maxlen=rule.window)

    @property
    def level(self) -> int:
        return self.task.level

    def observe(self, levels: Sequence[int], successes: Sequence[bool]) -> None:
        """Counts episodes that have ended, in order; those of earlier levels are left out."""
        for level, success in zip(levels, successes, strict=True):
            if level != self.level or level >= self.top:
                continue
            self.outcomes.append(bool(success))
            is_full = len(self.outcomes) == self.rule.window
            if is_full and sum(self.outcomes) >= self.rule.threshold * self.rule.window:
                self._go_to(level + 1)

    def _go_to(self, level: int) -> None:
        self.task = self.task.at_level(level)
        self.outcomes.clear()

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = type(self)(self.task, self.rule)
        copy.top = self.top
        copy.outcomes.extend(self.outcomes)
        return copy

    def get_state(self) -> dict[str, Any]:
        return {"level": self.level, "outcomes": [bool(outcome) for outcome in self.outcomes]}

    def set_state(self, state: dict[str, Any]) -> None:
        self._go_to(int(state["level"]))
        self.outcomes.extend(bool(outcome) for outcome in state["outcomes"])
