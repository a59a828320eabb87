"""PUCT: which action a tree search tries next, from priors, visits and mean values; pure functions of arrays.

In: what one state knows of its k actions. Out: scores, the largest of which is tried next. Left out: the tree
(``mcts_tree``), the Gumbel root (``gumbel``).

Sources: Rosin 2011; Silver et al. 2018 (AlphaZero) for c₁ and c₂; Schrittwieser et al. 2020 (MuZero),
appendix B, for the normalisation of Q.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def puct_scores(
    prior: Floats,
    visits: NDArray[np.int64],
    q: Floats,
    *,
    node_visits: int,
    node_value: float,
    c1: float = 1.25,
    c2: float = 19652.0,
) -> Floats:
    """Returns q̄(s,a) + P(a|s) √N(s) / (1 + N(s,a)) · (c₁ + log((N(s) + c₂ + 1) / c₂)) of each action.

    q̄ is q on a scale from 0 to 1, between the least and the largest of all q and V(s).

    Args:
        prior: float64[k], P(a|s), sums to 1.
        visits: int64[k], N(s,a).
        q: float64[k], mean values of visited actions, and what unvisited ones are taken to be worth.
        node_visits: N(s) = 1 + ΣN(s,a): the state's own evaluation counts.
        node_value: V(s), mean of all that was backed up through the state.
        c1: weight of the prior.
        c2: with how many visits the prior's weight grows.
    """
    low, high = min(node_value, float(q.min())), max(node_value, float(q.max()))
    scaled = (q - low) / max(high - low, 1e-8)
    weight = math.sqrt(node_visits) * (c1 + math.log((node_visits + c2 + 1) / c2))
    return scaled + prior * weight / (1 + visits)


def make_prior(
    logps: Floats, lengths: NDArray[np.int64] | None = None, *, temperature: float = 1.0
) -> Floats | None:
    """Returns the log of P(a|s), renormalised over the k candidates: P ∝ exp(logp / T).

    Args:
        logps: float64[k], Σ log-prob of the tokens of each action.
        lengths: tokens in each; given, log-probs count per token, so that long steps are not ruled out.
        temperature: T; above 1 flattens.

    Returns:
        float64[k]; an action without a finite log-prob is never preferred (float's least). None: no action
        has a finite one.
    """
    is_finite = np.isfinite(logps)
    if not is_finite.any():
        return None
    scores = np.where(is_finite, logps, 0.0) / (temperature if lengths is None else temperature * lengths)
    scores = np.where(is_finite, scores, np.finfo(np.float64).min / 2)
    scores = scores - scores.max()
    return np.asarray(scores - math.log(float(np.exp(scores).sum())))
