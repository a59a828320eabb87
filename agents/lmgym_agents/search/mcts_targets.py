"""What a tree teaches: for each state a better policy than the prior, and a value.

In: a tree with visits. Out: targets for the policy and the value head, as in AlphaZero. Left out: training
(``algorithms.expert_iteration``).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym_agents.search.gumbel import softmax, transformed_q
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.states import Action
from lmgym_agents.search.tree import Node

Target = Literal["visits", "improved"]


class PolicyTarget(NamedTuple):
    """What one state's search recommends."""

    tokens: tuple[int, ...]
    """The state, as the model reads it."""
    actions: tuple[Action, ...]
    probabilities: NDArray[np.float64]
    """float64[k], of the actions; sums to 1."""
    value: float
    """Expected return from here: mean of what was backed up."""


def policy_targets(
    root: Node,
    *,
    target: Target = "visits",
    min_visits: int = 1,
    temperature: float = 1.0,
    config: MCTSConfig | None = None,
) -> list[PolicyTarget]:
    """Returns the targets of all states of a tree whose actions were visited often enough, parents first.

    Args:
        root: of the tree that ``MCTS`` returns. After re-rooting the whole tree hangs on it.
        target: "visits": N(a)^(1/T) / ΣN^(1/T). "improved": π' = softmax(logits + σ(completed q)), which
            needs few simulations, and gives unvisited actions their due.
        min_visits: fewest visits of a state's actions, together; with few they say little.
        temperature: T.
        config: whose σ is taken; the one that the search had.

    Raises:
        InvalidValueError: ``min_visits`` below 1 or a temperature that is not positive.
    """
    if min_visits < 1 or not temperature > 0:
        raise InvalidValueError(
            f"policy_targets got min_visits={min_visits!r}, temperature={temperature!r}; allowed: integers "
            "from 1, positive numbers."
        )
    found = []
    for node in root.walk():
        visits = np.array([child.visits for child in node.children], np.int64)
        if node.state is None or visits.sum() < min_visits:
            continue
        if target == "visits":
            powers = (visits / visits.max()) ** (1 / temperature)
            probabilities = powers / powers.sum()
        else:
            probabilities = _improved(node, visits, config or MCTSConfig())
        actions = tuple(child.action for child in node.children)
        found.append(PolicyTarget(node.state.tokens, actions, probabilities, node.total / node.visits))
    return found


def _improved(node: Node, visits: NDArray[np.int64], config: MCTSConfig) -> NDArray[np.float64]:
    logits = np.log(np.maximum([child.prior for child in node.children], np.finfo(np.float64).tiny))
    q = np.array([child.total / max(child.visits, 1) for child in node.children])
    sigma = transformed_q(
        node.value or 0.0, logits, visits, q,
        c_visit=config.c_visit, c_scale=config.c_scale, rescale=config.rescale_values,
    )  # fmt: skip
    return softmax(logits + sigma)
