"""How far predicted probabilities are to be believed: reliability bins, calibration errors, temperature.

In: differences d of scores between the better and the worse response, in nats of the odds. The model's
confidence in a pair is that in the response it prefers, sigmoid(|d|), in [1/2, 1]; it is right where d > 0,
and half right where d = 0. Pure functions.

Source: Guo et al. 2017, sections 2 and 4 (expected calibration error, temperature); Nguyen and O'Connor 2015
(bins of equal mass).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator

Binning = Literal["mass", "width"]
Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """Pairs of like confidence."""

    confidence: float
    """Their mean, in [1/2, 1]."""
    accuracy: float
    """Share of them in which the preferred response was the better one."""
    count: int


def confidences(gaps: Floats) -> Floats:
    """Returns sigmoid(|d|), float64[N] in [1/2, 1]."""
    return 1 / (1 + np.exp(-np.abs(gaps)))


def hits(gaps: Floats) -> Floats:
    """Returns 1 where the better response has the higher score, 1/2 where both are equal, else 0."""
    return (np.sign(gaps) + 1) / 2


def log_loss(gaps: Floats) -> float:
    """Returns the mean of -log sigmoid(d), nats; log 2 says nothing was learned."""
    return float(np.logaddexp(0.0, -gaps).mean())


def reliability_bins(gaps: Floats, *, num_bins: int = 10, binning: Binning = "mass") -> list[Bin]:
    """Returns the bins that hold a pair, in order of confidence.

    Args:
        gaps: d, float64[N].
        num_bins: at most so many.
        binning: "mass": of equally many pairs, equal confidences never apart; "width": of equal width.

    Raises:
        InvalidValueError: no pair, no bin, or an unknown ``binning``.
    """
    if not len(gaps) or num_bins < 1 or binning not in ("mass", "width"):
        raise InvalidValueError(
            f"bins need a pair, num_bins from 1 and binning mass or width, got {len(gaps)} pairs, {num_bins} "
            f"and {binning!r}."
        )
    order = np.argsort(confidences(gaps), kind="stable")
    confidence, right = confidences(gaps)[order], hits(gaps)[order]
    if binning == "width":
        cuts = np.searchsorted(confidence, 0.5 + 0.5 * np.arange(1, num_bins) / num_bins, side="left")
    else:
        starts = np.round(np.arange(1, num_bins) * len(gaps) / num_bins).astype(int)
        cuts = np.array([np.searchsorted(confidence, confidence[min(s, len(gaps) - 1)]) for s in starts], int)
    pieces = zip(np.split(confidence, cuts), np.split(right, cuts), strict=True)
    return [Bin(float(c.mean()), float(r.mean()), len(c)) for c, r in pieces if len(c)]


def calibration_error(bins: list[Bin]) -> float:
    """Returns Σ count |accuracy - confidence| / Σ count, the expected calibration error, in [0, 1]."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / total


def expected_error(gaps: Floats, *, num_bins: int = 10, num_draws: int = 200) -> float:
    """Returns the calibration error (equal mass) that an honest model with these confidences would show.

    Above 0, because a bin of few pairs is seldom right exactly as often as it should be. The mean over draws
    of who is better, from a stream of their own.
    """
    rng = make_generator(0, "expected_calibration_error")
    chances = confidences(gaps)
    total = 0.0
    for _ in range(num_draws):
        drawn = np.where(rng.random(len(gaps)) < chances, np.abs(gaps), -np.abs(gaps))
        total += calibration_error(reliability_bins(drawn, num_bins=num_bins))
    return total / num_draws


def fit_temperature(gaps: Floats) -> float:
    """Returns T > 0 for which d / T has the lowest log loss, within [0.01, 100]; above 1: too sure before.

    The loss is convex in 1 / T, so a golden-section search over it finds the minimum.
    """
    low, high = 0.01, 100.0
    ratio = (math.sqrt(5) - 1) / 2
    # On the axis of log(1/T) the loss has one minimum as well, and the search is even over all scales.
    a, b = math.log(low), math.log(high)
    for _ in range(80):
        left, right = b - ratio * (b - a), a + ratio * (b - a)
        if log_loss(gaps * math.exp(left)) <= log_loss(gaps * math.exp(right)):
            b = right
        else:
            a = left
    return math.exp(-(a + b) / 2)
