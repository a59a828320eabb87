"""What may be done in a state: candidate actions with their log-probs, and what they are worth.

In: states. Out: for each the actions to consider. The parts that implement it: ``TokenExpander`` (next
tokens, one forward pass for all of them), ``StepExpander`` and ``ResponseExpander`` (sampled lines and
responses). Left out: the order of expansion, and the values of leaves (``leaf_values``).

How tokens are counted, everywhere alike: a state that is scored costs 1, the token that it adds to its
parent, as the keys and values of the rest can be shared; a sampled token costs 1; prompts and replies of the
environment cost nothing; a model that reads a whole response again costs what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.search.states import Action, SearchState

Accept = Literal["verifier", "any"]
"""Which finished states answer a problem. "verifier": those that the task's verifier calls correct; right for
puzzles that check themselves, otherwise a look at the hidden reference. "any": every one."""

NO_COUNTS: Mapping[str, int] = MappingProxyType({})


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
    """Tokens that went through the model for it; see the module."""
    counts: Mapping[str, int] = NO_COUNTS
    """What was left out and why: "too_long", "nan_logps", "nan_q", "nan_values", "duplicates"."""


def no_candidates(reason: str) -> Candidates:
    """Returns an empty expansion that cost nothing, counted under ``reason``."""
    return Candidates((), np.zeros(0), None, None, 0, {reason: 1})


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
    last_num_tokens: NDArray[np.int64]
    """int64[n], the same of each state of the last call."""

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        """Returns float64[n]; finished states are valued too. NaN: no idea (counted by the search)."""
        ...
