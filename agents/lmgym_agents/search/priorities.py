"""In which order best-first search goes through the edges of a tree, as pure functions of arrays.

In: a node, its candidates. Out: for each edge the number it is popped by (the least first), its cost from the
root, and the least total cost that the heuristic leaves possible. With g the cost of the node, c of the
action, d its depth, π(n) the probability of the whole path under the policy, Q = Q(s, a), and h what the
heuristic says of the cost that follows the action:

    zero: h = 0        negative_q: h = max(-Q - c, 0)        log_q: h = -log clip(Q, min_q, 1)
    a_star: g + weight (c + h)     best_first, q_star: -Q     levin: log d - log π(n)
    phs: log(d + h) - log π(n)     phs_star: log(d + h) - (1 + h/d) log π(n)

(q_star pops whole states by -(Agg + weight max_a Q), see ``best_first_problem``; d counts the action.)

Sources: Agostinelli et al. 2021 (A* by Q, children scored before they are made); Orseau et al. 2018 and 2021
(LevinTS, PHS, PHS*).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym_agents.search.best_first_config import Aggregate, BestFirstConfig
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.tree import Node


class Priorities(NamedTuple):
    """Numbers of k edges, float64[k] each."""

    f: NDArray[np.float64]
    """Popped by, the least first; not finite: can't be ordered."""
    g: NDArray[np.float64]
    """Cost from the root to behind the action."""
    bound: NDArray[np.float64]
    """g + h: no solution through this edge costs less, if h never says too much."""


def prioritise(config: BestFirstConfig, node: Node, found: Candidates) -> Priorities:
    """Returns the numbers of a node's edges; see the module.

    Raises:
        InvalidValueError: the order needs Q, and the model has none.
    """
    if config.needs_q and found.q is None and found.actions:
        raise InvalidValueError(
            f"order={config.order!r} with heuristic={config.heuristic!r} needs a model that is a Q function; "
            "take one, wrap the expander in ValuedExpander, or use order='levin'."
        )
    c = np.ones(len(found.logps)) if config.cost == "steps" else np.maximum(-found.logps, 0.0)
    h = to_go(config, found.q, c)
    g = node.cost + c
    return Priorities(_order(config, node, found, c, h), g, g + h)


def to_go(
    config: BestFirstConfig, q: NDArray[np.float64] | None, c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns h of each edge, never below 0."""
    if config.heuristic == "zero" or q is None:
        return np.zeros(len(c))
    if config.heuristic == "negative_q":
        return np.maximum(-q - c, 0.0)
    h: NDArray[np.float64] = -np.log(np.clip(q, config.min_q, 1.0))
    return h


def _order(
    config: BestFirstConfig,
    node: Node,
    found: Candidates,
    c: NDArray[np.float64],
    h: NDArray[np.float64],
) -> NDArray[np.float64]:
    f: NDArray[np.float64]
    path_logps, depth = node.path_logp + found.logps, node.depth + 1.0
    if config.order == "a_star":
        f = node.cost + config.weight * (c + h)
    elif config.order in ("best_first", "q_star"):
        f = np.zeros(0) if found.q is None else -found.q
    elif config.order == "levin":
        f = np.log(depth) - path_logps
    else:
        power = 1.0 + h / depth if config.order == "phs_star" else 1.0
        f = np.log(depth + h) - power * path_logps
    return f


def aggregate(kind: Aggregate, before: float | None, reward: float) -> float:
    """Returns Agg of the process rewards of a path from that of its parent; None: the path begins here."""
    if before is None or kind == "last":
        return reward
    return {"min": min(before, reward), "max": max(before, reward), "sum": before + reward}[kind]
