"""Budgets of a search and what it returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym_agents.search.states import SearchState
from lmgym_agents.search.tree import Node

Stop = Literal["solved", "exhausted", "tokens", "nodes", "seconds", "simulations"]
"""Why a search ended: it found what it was looking for; nothing was left to expand; a budget was used up."""

Progress = Callable[[int, int], None]
"""Called with (problems finished, model tokens so far)."""


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """What one problem's search may use; None: without limit. At least one must be given."""

    max_tokens: int | None = None
    """tokens that go through the model for this problem beyond its prompt: sampled, or scored as states"""
    max_nodes: int | None = None
    """states that are expanded"""
    max_seconds: float | None = None
    """of wall time, for all problems of a call together"""

    def __post_init__(self) -> None:
        for name in ("max_tokens", "max_nodes", "max_seconds"):
            given = getattr(self, name)
            if given is not None and not (math.isfinite(given) and given > 0):
                raise InvalidValueError(
                    f"SearchBudget.{name} is {given!r}; allowed: positive numbers, or None for no limit."
                )
        if self.max_tokens is None and self.max_nodes is None and self.max_seconds is None:
            raise InvalidValueError(
                "a SearchBudget needs max_tokens, max_nodes or max_seconds; all are None."
            )


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A finished episode that a search has come to."""

    state: SearchState
    score: float
    """What the search itself thinks of it (a learned value, log-prob, votes, or 1 and 0 of the verifier)."""
    path_logp: float
    """Log-prob of its actions under the policy, nats."""
    node: Node | None = None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What the search of one problem came to."""

    problem: Problem
    candidates: tuple[Candidate, ...]
    """Finished episodes, best first; what the search answers is the first. Empty: it came to no end."""
    stop: Stop
    num_nodes: int
    """States that were expanded."""
    num_tokens: int
    """Tokens that went through the model beyond the prompt: what ``SearchBudget.max_tokens`` counts."""
    lower_bound: float | None = None
    """A*: no solution costs less, if the heuristic is admissible."""
    upper_bound: float | None = None
    """A*: cost of the best solution found."""
    root: Node | None = None
    """The tree, where it was to be kept."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was left out and why, by name: "nan_values", "empty_expansions", "too_long", "duplicates" ..."""

    @property
    def answer(self) -> SearchState | None:
        """The episode that the search chose."""
        return self.candidates[0].state if self.candidates else None


class SearchMethod(Protocol):
    """A search, ready to run on many problems at once."""

    name: str

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """Searches all problems side by side, each within its own budget; results in their order.

        What one problem's search does depends on (seed, problem) and not on the problems beside it.
        """
        ...
