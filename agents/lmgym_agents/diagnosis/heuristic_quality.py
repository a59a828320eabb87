"""How good values are as a heuristic of a search: violations of admissibility and of consistency.

In: values of states and of what follows them, beside the exact ones. Out: shares and sizes.

Both forms of search ask for the same thing. With returns as values and h(s) = -V(s) as cost to go:

    admissible   V(s) >= V*(s)           a value is never under-estimated, h(s) <= h*(s): a cost never over-
    consistent   V(s) >= r + V(s')       h(s) <= c + h(s'), with c = -r; f = g + h never falls along a path

so a best-first search that maximises g + V and one that minimises g + h are judged by the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jaxtyping import Float


class Violations(NamedTuple):
    """How often and by how much a rule is broken."""

    num_checked: int
    rate: float
    """Share of what was checked; NaN where nothing was."""
    mean: float
    """Mean size of the violations, in the reward's unit; 0 where there is none."""
    largest: float


def find_violations(shortfall: NDArray[np.float64], tolerance: float) -> Violations:
    """Returns the statistics of positive shortfalls.

    Args:
        shortfall: float64[...], by how much each case falls short; NaN: nothing to check.
        tolerance: a shortfall up to it is none.
    """
    checked = shortfall[np.isfinite(shortfall)]
    if not len(checked):
        return Violations(0, float("nan"), 0.0, 0.0)
    broken = checked[checked > tolerance]
    mean, largest = (float(broken.mean()), float(broken.max())) if len(broken) else (0.0, 0.0)
    return Violations(len(checked), len(broken) / len(checked), mean, largest)


def find_inadmissible(
    values: Float[np.ndarray, " N"], optimal: Float[np.ndarray, " N"], *, tolerance: float = 0.0
) -> Violations:
    """Returns where V(s) < V*(s): a search may pass over the best solution there."""
    return find_violations(optimal - values, tolerance)


def find_inconsistent(
    values: Float[np.ndarray, " N"],
    rewards: Float[np.ndarray, "N A"],
    next_values: Float[np.ndarray, "N A"],
    *,
    tolerance: float = 0.0,
) -> Violations:
    """Returns where V(s) < r + V(s'): a search may have to open a state again.

    Args:
        values: of N states.
        rewards: r of A actions in each.
        next_values: V(s') of the states they lead to; NaN: not checked.
        tolerance: a difference up to it is none.
    """
    return find_violations(rewards + next_values - values[:, None], tolerance)
