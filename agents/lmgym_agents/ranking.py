"""How well scores tell two classes apart: pure functions over arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lmgym.errors import InvalidValueError


def auc(scores: ArrayLike, is_positive: ArrayLike) -> float:
    """Returns the probability that a positive has a higher score than a negative, a tie counting half.

    0.5 is chance, 1 perfect. The same as the area under the ROC curve, and as Mann and Whitney's U over the
    number of pairs.

    Args:
        scores: float[n].
        is_positive: bool[n].

    Raises:
        InvalidValueError: one of the classes is empty.
    """
    values, positive = np.asarray(scores, np.float64), np.asarray(is_positive, np.bool_)
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if not num_positive or not num_negative:
        raise InvalidValueError(
            f"the AUC needs both classes, got {num_positive} positives and {num_negative} negatives."
        )
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # equal scores share the mean of their ranks, from 1
    total = ranks[places][positive].sum()
    return float((total - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative))
