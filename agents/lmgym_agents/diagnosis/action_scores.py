"""What a model says of the actions of a support, for many states at once.

In: states of a search. Out: Q, log-probs and V, by one forward pass, or one token ahead where there is no Q.
Left out: the truth (``optimal_values``), actions of several tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym_agents.diagnosis.optimal_values import Truth
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.state_model import StateModel


class ActionScores(NamedTuple):
    """What a model says of the A actions of the support in n states; NaN where it said nothing usable."""

    q: NDArray[np.float64]
    """float64[n, A]."""
    logps: NDArray[np.float64]
    """float64[n, A]."""
    values: NDArray[np.float64] | None
    """float64[n], V(s) of its own head; None: it has none."""
    heuristic: NDArray[np.float64]
    """float64[n], V(s) as a search uses it: the largest Q, or ``values`` of a model without Q."""


class Scorer:
    """Asks a state model about the actions of a support; without a Q function, by looking one token ahead."""

    def __init__(
        self,
        model: StateModel,
        transitions: Transitions,
        truth: Truth,
        support: Sequence[int],
        *,
        max_rows: int = 256,
    ) -> None:
        """Joins the parts; ``truth`` says what finished states pay, ``max_rows`` go into one call."""
        self._model, self._transitions, self._truth = model, transitions, truth
        self.support = np.asarray(support, np.int64)
        self._max_rows = max_rows
        self.num_too_long = 0
        """States that were longer than the model reads."""

    def score(self, states: Sequence[SearchState]) -> ActionScores:
        """Returns what the model says of unfinished states.

        Raises:
            InvalidValueError: the model has neither Q nor V.
        """
        n, actions = len(states), len(self.support)
        q, logps, values = np.full((n, actions), np.nan), np.full((n, actions), np.nan), np.full(n, np.nan)
        has_q = has_values = True
        for rows in self._askable(states):
            found = self._model.evaluate([states[row].tokens for row in rows])
            logps[rows] = found.logps[:, self.support]
            has_q, has_values = found.q is not None, found.values is not None
            if found.q is not None:
                q[rows] = found.q[:, self.support]
            if found.values is not None:
                values[rows] = found.values
        if not has_q and not has_values:
            raise InvalidValueError(
                "a diagnosis needs a model with Q or V; this one has neither (PolicyStates: has_values=True)."
            )
        if not has_q:
            return ActionScores(self._look_ahead(states), logps, values, values)
        return ActionScores(q, logps, values if has_values else None, largest(q))

    def _askable(self, states: Sequence[SearchState]) -> Iterator[list[int]]:
        """Yields places of states that the model can read, at most ``max_rows`` at a time."""
        limit = self._model.max_length
        short = [row for row, state in enumerate(states) if limit is None or len(state.tokens) <= limit]
        self.num_too_long += len(states) - len(short)
        for start in range(0, len(short), self._max_rows):
            yield short[start : start + self._max_rows]

    def _look_ahead(self, states: Sequence[SearchState]) -> NDArray[np.float64]:
        after = self.follow(states)
        before = [state for state in states for _ in self.support]
        rewards = self._truth.rewards(before, after)
        found: NDArray[np.float64] = (rewards + self.values(after)).reshape(len(states), -1)
        return found

    def follow(self, states: Sequence[SearchState]) -> list[SearchState]:
        """Returns the states after each action of the support in each of n states, n * A of them."""
        return [self._transitions.apply(state, (int(a),)) for state in states for a in self.support]

    def values(self, states: Sequence[SearchState]) -> NDArray[np.float64]:
        """Returns float64[n], V(s) as a search uses it; finished states are worth what their end pays."""
        found = np.full(len(states), np.nan)
        over = [place for place, state in enumerate(states) if state.is_over]
        found[over] = self._truth.values([states[place] for place in over])
        still = [place for place, state in enumerate(states) if not state.is_over]
        for part in self._askable([states[place] for place in still]):
            rows = [still[place] for place in part]
            asked = self._model.evaluate([states[row].tokens for row in rows])
            if asked.q is not None:
                found[rows] = largest(asked.q[:, self.support].astype(np.float64))
            elif asked.values is not None:
                found[rows] = asked.values
        return found


def largest(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns float64[n], the largest finite entry of each row of float64[n, A]; NaN where there is none."""
    best = np.where(np.isfinite(q), q, -np.inf).max(axis=1)
    return np.where(np.isfinite(best), best, np.nan)
