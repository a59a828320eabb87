"""Candidates whose worth is that of the states they lead to: any expander joined with any leaf values.

In: states. Out: the expander's candidates with q(s, a) = V(s'). For searches that go by Q where the expander
has none (sampled steps), or another one. All s' of a call are made and valued at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmgym_agents.search.expansion import Candidates, Expander, LeafValues
from lmgym_agents.search.foreign_parts import ask_expander, ask_values
from lmgym_agents.search.states import SearchState, Transitions


class ValuedExpander:
    """Asks one part what to consider and another what it is worth; candidates of value NaN are left out."""

    def __init__(self, expander: Expander, values: LeafValues, transitions: Transitions) -> None:
        self._expander, self._values, self._transitions = expander, values, transitions

    def expand(self, states: Sequence[SearchState], *, seed: int) -> list[Candidates]:
        """See ``Expander``; the tokens of values are added to those of candidates."""
        proposed = ask_expander(self._expander, states, seed)
        children = [
            self._transitions.apply(state, action)
            for state, found in zip(states, proposed, strict=True)
            for action in found.actions
        ]
        values, tokens = np.zeros(0), np.zeros(0, np.int64)
        if children:
            values, tokens = ask_values(self._values, children, seed)
        ends = np.cumsum([len(found.actions) for found in proposed]).tolist()
        parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        pairs = zip(proposed, parts, strict=True)
        return [_valued(found, values[part], int(tokens[part].sum())) for found, part in pairs]


def _valued(found: Candidates, q: np.ndarray, num_tokens: int) -> Candidates:
    kept = np.flatnonzero(np.isfinite(q))
    num_bad = len(q) - len(kept)
    return found._replace(
        actions=tuple(found.actions[at] for at in kept.tolist()),
        logps=found.logps[kept],
        q=q[kept],
        num_tokens=found.num_tokens + num_tokens,
        counts={**found.counts, "nan_q": num_bad} if num_bad else found.counts,
    )
