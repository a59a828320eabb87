"""Comparison: which agents are better than which, ranks that the intervals support, and abilities one by one.

In: a ``ScoreTable``. Out: ranked agents; the probability of improvement of every pair; scores by ability.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmgym.bench.scores import ScoreTable, Strata
from lmgym.bench.statistics import (
    CONFIDENCE,
    NUM_RESAMPLES,
    Estimate,
    count_runs,
    estimate,
    estimate_improvement,
    estimate_ranks,
    iqm,
    mean,
    percentile_interval,
    resample,
)
from lmgym.bench.suites import ABILITIES

MIN_COMMON_RUNS = 3
"""Of every entry; from fewer runs no difference between two agents is called supported."""


@dataclass(frozen=True, kw_only=True)
class RankedAgent:
    """An agent in the order of the interquartile mean."""

    agent: str
    rank: int | None
    """From 1; the same for tied agents; None: it lacks entries and is not ranked."""
    is_tied: bool
    """Others have the same rank."""
    iqm: Estimate | None
    """None: it has no run at all."""

    @property
    def label(self) -> str:
        """The rank as tables show it: "1", "2=" where agents are tied, "" where there is none."""
        return "" if self.rank is None else f"{self.rank}{'=' if self.is_tied else ''}"


def estimate_difference(
    one: Strata,
    other: Strata,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """Returns the interquartile mean of ``one`` less that of ``other``, with its paired bootstrap interval.

    A bootstrap of n runs spreads by a factor of sqrt((n - 1) / n) too little, which matters for the three to
    five runs that are usual; the draws are spread by as much more, with the n of the entry with the fewest.

    Args:
        one: for each entry float64[n]; run k of both belongs together, as by ``ScoreTable.paired``.
        other: of the same shapes. The same runs are drawn from both, so that what a seed does to both of
            them cancels.
        num_resamples: of the bootstrap.
        confidence: of the interval.
        seed: of the draws.
    """
    draws = [resample(strata, num_resamples=num_resamples, seed=seed) for strata in (one, other)]
    value = float(iqm(one) - iqm(other))
    fewest = min(scores.shape[-1] for scores in one)
    widening = math.sqrt(fewest / max(fewest - 1, 1))
    low, high = percentile_interval(value + widening * (iqm(draws[0]) - iqm(draws[1]) - value), confidence)
    return Estimate(value, float(low), float(high), count_runs(one) + count_runs(other))


def is_better(table: ScoreTable, one: str, other: str, *, seed: int = 0) -> bool:
    """Returns whether the runs support that agent ``one`` is better than ``other``.

    They do if the interval of ``estimate_difference`` lies above 0, over the runs that both have of each
    entry, at least ``MIN_COMMON_RUNS`` of each.
    """
    first, second = table.paired(one, other)
    if len(first) < len(table.suite.entries) or min(map(len, first)) < MIN_COMMON_RUNS:
        return False
    return estimate_difference(first, second, seed=seed).low > 0


def rank_agents(table: ScoreTable, *, seed: int = 0) -> tuple[RankedAgent, ...]:
    """Returns all agents by their interquartile mean, the best first, with ties where nothing else is known.

    From the best down: an agent opens a group with the rank of its place. Those that follow it belong to
    the group as long as the runs don't support that the group's first is better (``is_better``); the first
    agent of which they do opens the next group. So no two agents of different ranks were parted without a
    supported difference to the head of the group above, while agents that share a rank may still differ from
    each other. Agents that lack entries come last, without a rank.

    The order and the ranks don't depend on the order of the results, and agents with equal scores tie.
    """
    means = {
        agent: estimate(iqm, strata, seed=seed) for agent in table.agents if (strata := table.strata(agent))
    }
    complete = [agent for agent in table.agents if table.is_complete(agent)]
    complete.sort(key=lambda agent: (-means[agent].value, agent))
    groups: list[list[str]] = []
    for agent in complete:
        if groups and not is_better(table, groups[-1][0], agent, seed=seed):
            groups[-1].append(agent)
        else:
            groups.append([agent])
    ranked: list[RankedAgent] = []
    for group in groups:
        rank = len(ranked) + 1
        ranked += [
            RankedAgent(agent=agent, rank=rank, is_tied=len(group) > 1, iqm=means[agent]) for agent in group
        ]
    others = [agent for agent in table.agents if agent not in complete]
    others.sort(key=lambda agent: (-means[agent].value if agent in means else np.inf, agent))
    return (*ranked, *(RankedAgent(agent=a, rank=None, is_tied=False, iqm=means.get(a)) for a in others))


def improvements(table: ScoreTable, *, seed: int = 0) -> dict[tuple[str, str], Estimate]:
    """Returns for every ordered pair of agents how probably a run of the first beats one of the second.

    Over the entries that both have. Of a pair and its reverse, numbers and intervals add up to 1.
    """
    found: dict[tuple[str, str], Estimate] = {}
    for at, one in enumerate(table.agents):
        for other in table.agents[at + 1 :]:
            entries = [
                entry
                for entry in table.suite.entries
                if (one, entry.name) in table.runs and (other, entry.name) in table.runs
            ]
            if not entries:
                continue
            value, low, high, count = estimate_improvement(
                table.strata(one, entries), table.strata(other, entries), seed=seed
            )
            found[one, other] = Estimate(value, low, high, count)
            found[other, one] = Estimate(1 - value, 1 - high, 1 - low, count)
    return found


def mean_ranks(table: ScoreTable, *, seed: int = 0) -> dict[str, Estimate]:
    """Returns the average rank over entries of every agent that has them all; 1 is the best."""
    complete = {agent: table.strata(agent) for agent in table.agents if table.is_complete(agent)}
    return estimate_ranks(complete, seed=seed) if complete else {}


def ability_scores(table: ScoreTable, *, seed: int = 0) -> dict[str, dict[str, Estimate | None]]:
    """Returns by ability and agent the mean score over the entries that are about it.

    The mean and not the interquartile mean, because the settings of an ability grow in difficulty and the
    hardest and the easiest are to count. None for an agent that lacks one of these entries.
    """
    found: dict[str, dict[str, Estimate | None]] = {}
    for ability in ABILITIES:
        entries = [entry for entry in table.suite.entries if ability in entry.abilities]
        if entries:
            found[ability] = {
                agent: _estimate_all(table.strata(agent, entries), len(entries), seed)
                for agent in table.agents
            }
    return found


def _estimate_all(strata: Strata, num_entries: int, seed: int) -> Estimate | None:
    return estimate(mean, strata, seed=seed) if len(strata) == num_entries else None


def order_of(ranked: Sequence[RankedAgent]) -> Mapping[str, int]:
    """Returns the place of each agent in the order of ``rank_agents``, from 0."""
    return {each.agent: place for place, each in enumerate(ranked)}
