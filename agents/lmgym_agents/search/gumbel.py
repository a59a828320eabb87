"""Gumbel root, sequential halving and completed Q values; pure functions of arrays.

In: what one state knows of its k actions. Out: which action a simulation tries, which one is taken, and the
improved policy π', a training target. Left out: the tree (``mcts_tree``).

σ(q) = (c_visit + max_b N(b)) · c_scale · q is increasing, so π' = softmax(logits + σ(completed q)) is no
worse than the policy that it starts from; that holds from two simulations on.

Source: Danihelka et al. 2022, "Policy improvement by planning with Gumbel", section 3 and appendix D.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lmgym_agents.search.puct import Floats

Counts = NDArray[np.int64]


@lru_cache(maxsize=1024)
def halving_schedule(num_considered: int, num_simulations: int) -> tuple[int, ...]:
    """Returns, for each simulation, how many visits the action that it tries has had before.

    The m considered actions are visited in ⌈log₂ m⌉ phases; in each, every survivor gets
    max(1, ⌊n / (⌈log₂ m⌉ · survivors)⌋) visits, then the better half (at least two) survives. Trying only
    actions with the visits of the schedule, the best of them first, is just that.

    >>> halving_schedule(4, 8)
    (0, 0, 0, 0, 1, 1, 2, 2)
    """
    if num_considered <= 1:
        return tuple(range(num_simulations))
    phases = math.ceil(math.log2(num_considered))
    visits = [0] * num_considered
    survivors, schedule = num_considered, list[int]()
    while len(schedule) < num_simulations:
        for _ in range(max(1, num_simulations // (phases * survivors))):
            schedule += visits[:survivors]
            visits[:survivors] = [count + 1 for count in visits[:survivors]]
        survivors = max(2, survivors // 2)
    return tuple(schedule[:num_simulations])


def mixed_value(raw_value: float, logits: Floats, visits: Counts, q: Floats) -> float:
    """Returns v_mix = (v̂ + ΣN · Σ_visited π q / Σ_visited π) / (1 + ΣN), what unvisited actions are worth.

    Args:
        raw_value: v̂, the state's own evaluation.
        logits: float64[k], log π up to a constant.
        visits: int64[k].
        q: float64[k], read where visited.
    """
    num_visits = int(visits.sum())
    if not num_visits:
        return raw_value
    is_visited = visits > 0
    weights = np.maximum(softmax(logits)[is_visited], np.finfo(np.float64).tiny)
    mean = float((weights * q[is_visited]).sum() / weights.sum())
    return (raw_value + num_visits * mean) / (1 + num_visits)


def transformed_q(
    raw_value: float,
    logits: Floats,
    visits: Counts,
    q: Floats,
    *,
    c_visit: float = 50.0,
    c_scale: float = 0.1,
    rescale: bool = True,
) -> Floats:
    """Returns σ(completed q), float64[k], to be added to logits: q where visited, v_mix elsewhere.

    Args:
        raw_value: see ``mixed_value``, as the three after it.
        logits: float64[k].
        visits: int64[k].
        q: float64[k].
        c_visit: weight of values before any visit, in visits.
        c_scale: weight of values against logits.
        rescale: first brings the completed values to the range from 0 to 1.
    """
    completed = np.where(visits > 0, q, mixed_value(raw_value, logits, visits, q))
    if rescale:
        low = completed.min()
        completed = (completed - low) / max(float(completed.max() - low), 1e-8)
    return np.asarray((c_visit + int(visits.max())) * c_scale * completed)


def root_scores(gumbel: Floats, logits: Floats, sigma: Floats, visits: Counts, num_visits: int) -> Floats:
    """Returns g + logits + σ of the actions visited ``num_visits`` times, -inf of all others.

    Args:
        gumbel: float64[k], g: one draw for the whole decision.
        logits: float64[k].
        sigma: float64[k], ``transformed_q``.
        visits: int64[k], of this decision.
        num_visits: what the schedule says, or the largest count for the action that is taken in the end.
    """
    return np.where(visits == num_visits, gumbel + logits - logits.max() + sigma, -np.inf)


def interior_scores(logits: Floats, sigma: Floats, visits: Counts) -> Floats:
    """Returns π'(a) - N(a) / (1 + ΣN): its argmax, again and again, visits actions in proportion to π'."""
    return softmax(logits + sigma) - visits / (1 + int(visits.sum()))


def softmax(scores: Floats) -> Floats:
    """Returns exp(scores) / Σ exp(scores)."""
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())
