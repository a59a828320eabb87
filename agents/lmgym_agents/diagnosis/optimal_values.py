"""What states are truly worth under optimal play: what learned values are held against.

In: states of a search. Out: V*(s), with NaN where nobody knows it. ``SuccessTruth`` asks the task; another
``Truth`` may know costs. Left out: learned values and how far off they are (``q_diagnosis``).

A deterministic task is meant: the reply follows from the turns. Where a task hides something (``Guess``),
what a turn leads to depends on what was drawn, and the value of the state after it is a sample of Q*.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lmgym.envs.token import allowed_tokens
from lmgym.errors import InvalidValueError
from lmgym_agents.search.states import SearchState, Transitions


class Truth(Protocol):
    """Exact values; returns are sums of what actions pay, undiscounted."""

    def values(self, states: Sequence[SearchState]) -> NDArray[np.float64]:
        """Returns float64[n], the best expected return from each state on; NaN: unknown.

        A finished state is worth what its end pays.
        """
        ...

    def rewards(self, before: Sequence[SearchState], after: Sequence[SearchState]) -> NDArray[np.float64]:
        """Returns float64[n], what going from one state to the other pays beside the values of the ends."""
        ...


class SuccessTruth:
    """Probability of success under optimal play: ``Task.optimal_value``, and the verifier at the end.

    Tasks do not know how many tokens a turn has left. Where at most ``num_last_tokens`` are left and the task
    says 1, all continuations are tried, so that an answer which no longer fits is worth what it is: nothing.
    """

    def __init__(
        self, transitions: Transitions, *, support: Sequence[int] | None = None, num_last_tokens: int = 1
    ) -> None:
        """Joins the parts.

        Args:
            transitions: of the task.
            support: tokens that are tried at the end of a turn; by default ``default_support``.
            num_last_tokens: 0 to 3; the work grows by a factor of the support's size with each.

        Raises:
            InvalidValueError: a number outside that range.
        """
        if not 0 <= num_last_tokens <= 3:
            raise InvalidValueError(f"num_last_tokens must be in [0, 3], got {num_last_tokens!r}.")
        self._transitions, self._num_last = transitions, num_last_tokens
        self._support = tuple(default_support(transitions) if support is None else support)

    def values(self, states: Sequence[SearchState]) -> NDArray[np.float64]:
        """See ``Truth``."""
        found = np.full(len(states), float("nan"))
        over = [place for place, state in enumerate(states) if state.is_over]
        verdicts = self._transitions.verify([states[place] for place in over])
        for place, verdict in zip(over, verdicts, strict=True):
            if verdict.status != "error":
                found[place] = float(verdict.status == "correct")
        for place, state in enumerate(states):
            if not state.is_over:
                found[place] = self._of_open(state)
        return found

    def _of_open(self, state: SearchState) -> float:
        partial = self._transitions.tokenizer.decode(state.partial) if state.partial else ""
        value = self._transitions.task.optimal_value(state.problem, state.turns, partial)
        # Only what is sure: values in between come from what is hidden, which the search must not look up.
        is_late = state.partial and self._transitions.tokens_left(state) <= self._num_last
        if value == 1.0 and is_late:
            following = [self._transitions.apply(state, (token,)) for token in self._support]
            values = self.values(following)
            best = float(np.nanmax(values, initial=0.0))
            return best if best == 1.0 or not np.isnan(values).any() else float("nan")
        return float("nan") if value is None else value

    def rewards(self, before: Sequence[SearchState], after: Sequence[SearchState]) -> NDArray[np.float64]:
        """Returns zeros: success pays at the end."""
        return np.zeros(len(before))


def default_support(transitions: Transitions) -> tuple[int, ...]:
    """Returns the end tokens and those spelt in the task's alphabet; without one, all but padding."""
    is_allowed = allowed_tokens(dataclasses.replace(transitions.setup, mask_actions=True))
    tokenizer = transitions.tokenizer
    if tokenizer.pad_id not in tokenizer.end_ids:
        is_allowed[tokenizer.pad_id] = False
    return tuple(np.flatnonzero(is_allowed).tolist())
