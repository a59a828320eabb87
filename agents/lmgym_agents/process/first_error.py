"""The first step from which a policy no longer succeeds, by binary search over roll-outs.

In: something that measures prefixes of a wrong response. Out: the step, and how many roll-outs it took. Left
out: sampling (``values``).

The search supposes that once no roll-out succeeds none will later on: an error stays. Where that fails (a
policy that mends its errors, too few roll-outs) it finds some step at which success ends, which need not be
the first.

Source: Luo et al. 2024 (OmegaPRM), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lmgym.records import Problem
from lmgym_agents.process.values import RolloutValues, StepValue, cut_prefixes


class FirstError(NamedTuple):
    """What was found."""

    step: int | None
    """The first wrong step, counted from 0; None: the response is right, or no roll-out succeeds at all."""
    values: dict[int, StepValue]
    """The prefixes that were measured, by their number of steps: labels for a process reward model."""
    num_saved: int
    """Prefixes that a scan of all would have measured besides."""


def search_first_error(measure: Callable[[int], StepValue], num_steps: int) -> FirstError:
    """Returns the first step after which no roll-out succeeds, with about log2(num_steps) measurements.

    Args:
        measure: gives the value after so many steps, 0 to ``num_steps``.
        num_steps: n, of the whole response; an empty one has no step that could be wrong.
    """
    values = {num_steps: measure(num_steps)}
    if not values[num_steps].is_hopeful:
        values[0] = measure(0)
    low, high = 0, num_steps  # success is possible after `low` steps and no longer after `high`
    is_found = num_steps > 0 and not values[num_steps].is_hopeful and values[0].is_hopeful
    while is_found and high - low > 1:
        middle = (low + high) // 2
        values[middle] = measure(middle)
        if values[middle].is_hopeful:
            low = middle
        else:
            high = middle
    return FirstError(high - 1 if is_found else None, values, num_steps + 1 - len(values))


def scan_first_error(measure: Callable[[int], StepValue], num_steps: int) -> FirstError:
    """Returns what ``search_first_error`` looks for, by measuring every prefix."""
    values = {place: measure(place) for place in range(num_steps + 1)}
    if not num_steps or values[num_steps].is_hopeful or not values[0].is_hopeful:
        return FirstError(None, values, 0)
    return FirstError(next(i for i in values if not values[i].is_hopeful) - 1, values, 0)


def locate_error(rollouts: RolloutValues, problem: Problem, response: str) -> FirstError:
    """Returns the first error of a complete response, by binary search."""
    prefixes = cut_prefixes(problem, response)
    return search_first_error(lambda place: rollouts.measure([prefixes[place]])[0], len(prefixes) - 1)
