"""Best of n by a reward model: what finished responses are worth to any ``ResponseScorer``.

    values = ScorerValues(load_reward_model(folder))
    search = BestOfN(engine, transitions, budget, n=16, select="value", values=values)

In: states. Out: the scorer's numbers, NaN for what is not finished or has none. Left out: rewards that
look at whole transcripts (``rlhf.measuring.proxy_of``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.search.states import SearchState


class Scorer(Protocol):
    """Says how good responses are; ``lmgym_agents.reward_models.scorer.ResponseScorer`` is one."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> NDArray[np.float64]:
        """Returns float64[B], higher is better."""
        ...


class ScorerValues:
    """See ``LeafValues``. The scorer reads the last turn of the agent, after all that was said before it."""

    def __init__(self, scorer: Scorer) -> None:
        """Keeps the scorer."""
        self.num_tokens = 0
        self.last_num_tokens = np.zeros(0, np.int64)
        self._scorer = scorer

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        """Returns float64[n]; a response that is read again costs all of its tokens."""
        values = np.full(len(states), np.nan)
        tokens = np.zeros(len(states), np.int64)
        places = [place for place, state in enumerate(states) if state.is_over and state.turns]
        if places:
            texts = [_split(states[place]) for place in places]
            found = self._scorer.score([before for before, _ in texts], [last for _, last in texts])
            values[places] = np.where(np.isfinite(found), found, np.nan)
            tokens[places] = [states[place].num_actions for place in places]
        self.last_num_tokens = tokens
        self.num_tokens += int(tokens.sum())
        return values


def _split(state: SearchState) -> tuple[str, str]:
    last = max(place for place, turn in enumerate(state.turns) if turn.role == "agent")
    before = state.problem.prompt + "".join(turn.text for turn in state.turns[:last])
    return before, state.turns[last].text
