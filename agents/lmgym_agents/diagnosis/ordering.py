"""Whether learned values put actions in the right order, whatever their scale.

In: learned and exact values of the actions of states. Out: rates. States whose actions are all worth the same
say nothing of order and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

_SAME = 1e-9


class Ordering(NamedTuple):
    """Rates in [0, 1]; NaN where no state has actions of different worth."""

    best_action_rate: float
    """Share of states whose action of largest Q, the first of equal ones, is an optimal one."""
    pair_accuracy: float
    """Share of pairs of different worth that Q puts in the right order; equal Q count one half. Mean of the
    states' shares."""


def find_ordering(q: Float[np.ndarray, "N A"], optimal_q: Float[np.ndarray, "N A"]) -> Ordering:
    """Returns how well ``q`` orders the actions of N states; NaN in either leaves an action out."""
    is_best, shares = list[bool](), list[float]()
    for given, exact in zip(q, optimal_q, strict=True):
        usable = np.isfinite(given) & np.isfinite(exact)
        given, exact = given[usable], exact[usable]
        if len(exact) < 2 or exact.max() - exact.min() <= _SAME:
            continue
        is_best.append(bool(exact[given.argmax()] >= exact.max() - _SAME))
        better = exact[:, None] - exact[None, :] > _SAME
        right = np.sign(given[:, None] - given[None, :])[better]
        shares.append(float((right + 1).mean() / 2))
    if not shares:
        return Ordering(*[float("nan")] * 2)
    return Ordering(float(np.mean(is_best)), float(np.mean(shares)))
