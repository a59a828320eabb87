"""What may be done in a state: candidate actions with their log-probs, and what they are worth.

In: states. Out: for each the actions to consider. The parts that implement it: ``TokenExpander`` (next
tokens, one forward pass for all of them), ``StepExpander`` and ``ResponseExpander`` (sampled lines and
responses). Left out: the order of expansion, and the values of leaves (``leaf_values``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.search.states import Action, SearchState


class Candidates(NamedTuple):
    """The k actions to consider in one state; k may be 0. Arrays are float64[k]."""

    actions: tuple[Action, ...]
    """Different ones, the likeliest first."""
    logps: NDArray[np.float64]
    """Log-prob of each under the policy, the sum over its tokens, nats."""
    q: NDArray[np.float64] | None
    """Expected return of each action by the model of the same forward pass; None: it is no Q function."""
    value: float | None
    """Expected return of the state itself; None: unknown."""
    num_tokens: int
    """Tokens that went through the model for it, prompts not counted."""


class Expander(Protocol):
    """Proposes actions for many states at once."""

    def expand(self, states: Sequence[SearchState], *, seed: int) -> list[Candidates]:
        """Returns the candidates of each state, none of which is over.

        What is drawn depends on (seed, state) alone, not on the other states of the call.
        """
        ...


class LeafValues(Protocol):
    """Says what states are worth: expected return from there on, in the reward's unit (success pays 1)."""

    num_tokens: int
    """Tokens that went through a model so far, for the accounts."""

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        """Returns float64[n]; finished states are valued too. NaN: no idea (counted by the search)."""
        ...
