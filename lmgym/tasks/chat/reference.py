"""The private truth of a problem of ``lmgym/Chat-v0``."""

from __future__ import annotations

from typing import NamedTuple

from lmgym.tasks.chat.goals import Goal
from lmgym.tasks.chat.world import Fact


class ChatReference(NamedTuple):
    """What the user wants, and what was told."""

    goal: Goal
    facts: tuple[Fact, ...] = ()
    """The facts of the system message."""
    variants: tuple[int, ...] = ()
    """Which of two wordings each request has."""
    asks_freely: bool = False
    """Whether the user is not the scripted one, and so may ask in another order."""
    answer: str | None = None
    """An answer of the source, which is no ground truth."""

    @property
    def value(self) -> tuple[str, ...]:
        """What the answers have to tell, request by request."""
        return tuple(request.fact.value for request in self.goal.requests)
