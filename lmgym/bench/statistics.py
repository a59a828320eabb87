"""Statistics over runs: what a handful of seeds on a dozen entries allow to be said, and how surely.

    strata = [np.array([0.5, 0.6, 0.7]), np.array([0.1, 0.2, 0.1])]  # two entries, three runs each
    estimate(iqm, strata)  # the interquartile mean and its 95 % interval

In: normalised scores, an array for each entry. Out: point estimates and percentile intervals of a stratified
bootstrap: runs are drawn with replacement inside each entry, entries are kept. Statistics take arrays of any
leading shape, so that 2,000 resamples are one call.

Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", sections
4.1 to 4.3; for equally many runs of every entry the numbers are those of its library, rliable. Where entries
have different numbers of runs (some failed), every entry weighs the same here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.bench.scores import Strata
from lmgym.errors import EmptyProblemSetError
from lmgym.seeding import make_generator

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95

Array = NDArray[np.float64]
Statistic = Callable[[Strata], Array]
"""Takes float64[..., n] for each entry, returns float64[...] (or more axes behind)."""


class Estimate(NamedTuple):
    """A number, its percentile interval, and how many runs it is from."""

    value: float
    low: float
    high: float
    num_runs: int


def iqm(strata: Strata) -> Array:
    """Returns the interquartile mean: the mean of the middle half of all runs.

    With n runs, int(n / 4) are cut off at either end. Where entries have different numbers of runs, a run
    weighs 1 over the number of its entry, and a quarter of the weight is cut off at either end.
    """
    values = np.concatenate(list(strata), axis=-1)
    counts = [scores.shape[-1] for scores in strata]
    if len(set(counts)) == 1:
        num = values.shape[-1]
        cut = num // 4
        return np.asarray(np.sort(values, axis=-1)[..., cut : num - cut].mean(axis=-1))
    weights = np.repeat([1 / (count * len(counts)) for count in counts], counts)
    order = np.argsort(values, axis=-1, kind="stable")
    ends = np.cumsum(weights[order], axis=-1)
    kept = (np.minimum(ends, 0.75) - np.maximum(ends - weights[order], 0.25)).clip(0)
    return np.asarray((np.take_along_axis(values, order, axis=-1) * kept).sum(axis=-1) / kept.sum(axis=-1))


def mean(strata: Strata) -> Array:
    """Returns the mean over entries of the mean over runs."""
    return np.asarray(_means(strata).mean(axis=-1))


def median(strata: Strata) -> Array:
    """Returns the median over entries of the mean over runs."""
    return np.asarray(np.median(_means(strata), axis=-1))


def optimality_gap(strata: Strata, target: float = 1.0) -> Array:
    """Returns by how much runs fall short of ``target`` on average; what lies above it has reached it."""
    return target - mean([np.minimum(scores, target) for scores in strata])


def _means(strata: Strata) -> Array:
    return np.stack([scores.mean(axis=-1) for scores in strata], axis=-1)


def performance_profile(strata: Strata, thresholds: Array) -> Array:
    """Returns float64[..., T], the share of runs whose score lies above each of T thresholds."""
    shares = [(scores[..., None] > thresholds).mean(axis=-2) for scores in strata]
    return np.asarray(np.mean(shares, axis=0))


def probability_of_improvement(one: Strata, other: Strata) -> Array:
    """Returns how probably a run of ``one`` beats a run of ``other`` on an entry drawn at random.

    The mean over entries of P(X > Y) + P(X = Y) / 2 over all pairs of runs, the statistic of Mann and Whitney
    over the number of pairs.
    """
    shares = [
        (np.sign(x[..., :, None] - y[..., None, :]).mean(axis=(-1, -2)) + 1) / 2
        for x, y in zip(one, other, strict=True)
    ]
    return np.asarray(np.mean(shares, axis=0))


def average_ranks(agents: Sequence[Strata]) -> Array:
    """Returns float64[..., A], the mean over entries of each agent's rank by its mean score; 1 is the best.

    Equal agents share the mean of their ranks.
    """
    return _average_ranks([_means(strata) for strata in agents])


def _average_ranks(agents: Sequence[Array]) -> Array:
    """Returns ``average_ranks`` of float64[..., E] for each agent; in memory for one of them at a time."""
    means = np.stack(agents, axis=-1)
    ranks = []
    for mine in agents:
        beaten_by = (means > mine[..., None]).sum(axis=-1)
        equal = (means == mine[..., None]).sum(axis=-1)
        ranks.append((beaten_by + (equal + 1) / 2).mean(axis=-1))
    return np.stack(ranks, axis=-1)


def resample(
    strata: Strata, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0, stream: str = "runs"
) -> list[Array]:
    """Returns float64[R, n] for each entry: its runs, drawn with replacement.

    The draws depend on the seed, the stream, the place of the entry and the number of its runs alone, and so
    are the same for all agents.
    """
    return [scores[_picks(at, len(scores), num_resamples, seed, stream)] for at, scores in enumerate(strata)]


def _picks(at: int, num_runs: int, num_resamples: int, seed: int, stream: str) -> NDArray[np.int64]:
    """Returns int64[R, n], which runs are drawn for the entry at a place."""
    return make_generator(seed, "bench", stream, at).integers(0, num_runs, (num_resamples, num_runs))


def percentile_interval(draws: Array, confidence: float = CONFIDENCE) -> tuple[Array, Array]:
    """Returns the lower and upper percentiles of float64[R, ...] over its first axis."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def count_runs(strata: Strata) -> int:
    """Returns the number of runs in all entries."""
    return sum(scores.shape[-1] for scores in strata)


def estimate(
    statistic: Statistic,
    strata: Strata,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """Returns a statistic of one agent's scores with its stratified bootstrap interval.

    Raises:
        EmptyProblemSetError: there is no run.
    """
    _check(strata)
    low, high = percentile_interval(
        statistic(resample(strata, num_resamples=num_resamples, seed=seed)), confidence
    )
    return Estimate(float(statistic(strata)), float(low), float(high), count_runs(strata))


def estimate_improvement(
    one: Strata,
    other: Strata,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """Returns ``probability_of_improvement`` with its interval; the two's runs are drawn independently."""
    _check(one)
    shares = []
    for at, (x, y) in enumerate(zip(one, other, strict=True)):
        # Pairs of resamples are pairs of runs, each as often as its two were drawn: no array of R * n * n.
        first, second = (
            _count_picks(_picks(at, len(scores), num_resamples, seed, stream))
            for scores, stream in ((x, "one"), (y, "other"))
        )
        wins = ((first @ np.sign(x[:, None] - y)) * second).sum(axis=-1)
        shares.append((wins / (len(x) * len(y)) + 1) / 2)
    low, high = percentile_interval(np.asarray(np.mean(shares, axis=0)), confidence)
    value = float(probability_of_improvement(one, other))
    return Estimate(value, float(low), float(high), count_runs(one) + count_runs(other))


def _count_picks(picks: NDArray[np.int64]) -> Array:
    """Returns float64[R, n], how often each run was drawn."""
    num_resamples, num_runs = picks.shape
    places = picks + num_runs * np.arange(num_resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=picks.size).reshape(picks.shape)
    return counts.astype(np.float64)


def estimate_profile(
    strata: Strata,
    thresholds: Array,
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[Array, Array, Array]:
    """Returns a performance profile and the lower and upper end of its band, each float64[T]."""
    _check(strata)
    draws = performance_profile(resample(strata, num_resamples=num_resamples, seed=seed), thresholds)
    return performance_profile(strata, thresholds), *percentile_interval(draws, confidence)


def estimate_ranks(
    agents: Mapping[str, Strata],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Returns each agent's average rank with its interval; the runs of the agents are drawn independently."""
    for strata in agents.values():
        _check(strata)
    names = sorted(agents)
    draws = [
        _means(resample(agents[name], num_resamples=num_resamples, seed=seed, stream=f"ranks of {name}"))
        for name in names
    ]
    values = average_ranks([agents[name] for name in names])
    low, high = percentile_interval(_average_ranks(draws), confidence)
    return {
        name: Estimate(float(values[k]), float(low[k]), float(high[k]), count_runs(agents[name]))
        for k, name in enumerate(names)
    }


def _check(strata: Strata) -> None:
    if not len(strata) or not all(scores.shape[-1] for scores in strata):
        raise EmptyProblemSetError("there are no runs to take a statistic of.")
