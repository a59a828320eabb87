"""Rates and means with their uncertainty: Wilson's interval, a bootstrap over problems, pass@k."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator

_NUM_RESAMPLES = 2000


class Interval(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """Returns the unbiased estimate of the probability that one of k samples is right.

    1 - C(n - c, k) / C(n, k), with n samples of which c are right; k <= n.

    Source: Chen et al. 2021, "Evaluating large language models trained on code", eq. 1.
    """
    if not 1 <= k <= num_samples:
        raise InvalidValueError(f"k must be in [1, {num_samples}], got {k}.")
    return 1 - math.comb(num_samples - num_right, k) / math.comb(num_samples, k)


def wilson_interval(num_right: int, num_total: int, confidence: float = 0.95) -> Interval:
    """Returns a rate with Wilson's score interval, which stays inside [0, 1] and works at 0 and 1 too."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = num_right / num_total
    scale = 1 + z * z / num_total
    centre = (rate + z * z / (2 * num_total)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / num_total + z * z / (4 * num_total**2))
    return Interval(rate, max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half)))


def success_interval(
    success: NDArray[np.bool_], valid: NDArray[np.bool_], confidence: float, seed: int
) -> Interval:
    """Returns the rate of success over bool[problems, samples], each problem weighing the same."""
    if success.shape[1] == 1:
        return wilson_interval(int(success[valid].sum()), int(valid.sum()), confidence)
    return bootstrap_interval(success.astype(np.float64), valid, confidence, seed)


def bootstrap_interval(
    values: NDArray[np.float64], valid: NDArray[np.bool_], confidence: float, seed: int
) -> Interval:
    """Returns the mean over problems of the mean over samples, with a percentile bootstrap over problems."""
    counts = valid.sum(axis=1)
    means = np.where(valid, values, 0).sum(axis=1)[counts > 0] / counts[counts > 0]
    rng = make_generator(seed, "bootstrap")
    # In parts, as all resamples at once of many problems would fill the memory.
    picks = (rng.integers(0, len(means), (100, len(means))) for _ in range(_NUM_RESAMPLES // 100))
    draws = np.concatenate([means[pick].mean(axis=1) for pick in picks])
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(means.mean()), float(low), float(high))
