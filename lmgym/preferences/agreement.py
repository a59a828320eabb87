r"""How far raters agree with each other, beyond chance, and how sure that is.

Comes in: preferences of several annotators. Goes out: raw agreement, Cohen's kappa of two raters,
Krippendorff's alpha of any number, each with a bootstrap interval over the questions. Left out: biases and
the agreement with a true utility (``lmgym.preferences.biases``).

What is compared is a pair of responses to one prompt, and what a rater says of it is one of three labels:
the one or the other is better, or a tie. Which is "the one" has no meaning, so every pair counts half as it
is and half with the two exchanged: without ties the agreement by chance is one half, whatever the responses
are called and in whatever order they were shown. A rater who was asked the same question several times
counts with the first answer. Each statistic is a function of a 3 x 3 matrix that is a sum over questions, so
that a resampled data set is a weighted sum:

    raw   = trace(M) / sum(M)
    kappa = (raw - e) / (1 - e),  e = sum_c row_c * column_c / sum(M)^2
    alpha = 1 - (1 - raw) / (1 - d),  d = sum_c n_c (n_c - 1) / (n (n - 1))

For kappa M counts (label of the first rater, label of the second). For alpha it holds the coincidences: each
ordered pair of ratings of one unit by m raters counts 1 / (m - 1), and n_c are the sums of its rows.

Source: J. Cohen, A coefficient of agreement for nominal scales, 1960; K. Krippendorff, Content Analysis,
chapter on reliability (alpha for nominal data).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.preferences.record import Preference, make_question_key
from lmgym.seeding import make_generator

NUM_RESAMPLES: Final = 1000
_LEVELS: Final = (0.025, 0.975)
_EXCHANGED: Final = [1, 0, 2]

Matrix = NDArray[np.float64]
Unit = tuple[str, str, str]
"""A question's key, and the two responses in alphabetical order."""


class Estimate(NamedTuple):
    """A number with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Agreement(NamedTuple):
    """How far some raters agree."""

    raters: tuple[str, ...]
    """Their names, sorted."""
    num_pairs: int
    """Pairs of responses that two or more of them judged."""
    raw: Estimate | None
    """Share of equal labels, in [0, 1]; None: no such pair."""
    kappa: Estimate | None
    """Cohen's; None: not two raters, no such pair, or nothing but ties."""
    alpha: Estimate | None
    """Krippendorff's; None: no such pair, or nothing but ties."""


def measure_agreement(
    preferences: Iterable[Preference], *, raters: Sequence[str] | None = None, seed: int = 0
) -> Agreement:
    """Returns how far the annotators of ``preferences`` agree.

    Args:
        preferences: records of all raters; records without a verdict are passed over.
        raters: whom to compare; default: all.
        seed: of the bootstrap.
    """
    labels = label_pairs(preferences)
    names = tuple(sorted(labels if raters is None else set(raters) & labels.keys()))
    coincidences = _sum_by_question(
        {unit: _coincidences(found) for unit, found in _by_unit(labels, names).items() if len(found) > 1}
    )
    confusion = None
    if len(names) == 2:
        first, second = labels[names[0]], labels[names[1]]
        shared = first.keys() & second.keys()
        confusion = _sum_by_question({unit: _one_hot(first[unit], second[unit]) for unit in shared})
    return Agreement(
        raters=names,
        num_pairs=sum(len(found) > 1 for found in _by_unit(labels, names).values()),
        raw=_estimate(coincidences, raw_agreement, seed),
        kappa=None if confusion is None else _estimate(confusion, cohen_kappa, seed),
        alpha=_estimate(coincidences, krippendorff_alpha, seed),
    )


def measure_pairwise(preferences: Sequence[Preference], *, seed: int = 0) -> list[Agreement]:
    """Returns the agreement of every two raters, in the order of their names."""
    names = sorted({preference.annotator for preference in preferences if preference.ranks is not None})
    return [
        measure_agreement(preferences, raters=pair, seed=seed) for pair in itertools.combinations(names, 2)
    ]


def label_pairs(preferences: Iterable[Preference]) -> dict[str, dict[Unit, int]]:
    """Returns for each rater the label of each pair: 0 the alphabetically smaller is better, 1 not, 2 a tie.

    The first answer of a rater to a question counts. Pairs of equal responses are left out.
    """
    labels: dict[str, dict[Unit, int]] = {}
    for preference in preferences:
        key = make_question_key(preference.prompt, preference.responses)
        mine = labels.setdefault(preference.annotator, {}) if preference.ranks is not None else {}
        for better, worse, is_tie in preference.pairs():
            texts = preference.responses[better], preference.responses[worse]
            if texts[0] != texts[1]:
                unit = (key, min(texts), max(texts))
                mine.setdefault(unit, 2 if is_tie else int(texts[0] > texts[1]))
    return labels


def raw_agreement(matrix: Matrix) -> Matrix:
    """Returns float64[...], the share of the diagonal of float64[..., 3, 3]; NaN for a matrix of zeros."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum((-2, -1)))


def cohen_kappa(matrix: Matrix) -> Matrix:
    """Returns float64[...], Cohen's kappa of confusion matrices float64[..., 3, 3]; NaN where undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        total = matrix.sum((-2, -1))
        expected = (matrix.sum(-1) * matrix.sum(-2)).sum(-1) / total**2
        return np.asarray((raw_agreement(matrix) - expected) / (1 - expected))


def krippendorff_alpha(matrix: Matrix) -> Matrix:
    """Returns float64[...], Krippendorff's nominal alpha of coincidence matrices float64[..., 3, 3].

    NaN where it is undefined: all labels are equal, or there is nothing to compare.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = matrix.sum(-1)
        total = counts.sum(-1)
        expected = 1 - (counts * (counts - 1)).sum(-1) / (total * (total - 1))
        return np.asarray(1 - (1 - raw_agreement(matrix)) / expected)


def _by_unit(labels: Mapping[str, Mapping[Unit, int]], names: Sequence[str]) -> dict[Unit, list[int]]:
    found: dict[Unit, list[int]] = {}
    for name in names:
        for unit, label in labels[name].items():
            found.setdefault(unit, []).append(label)
    return found


def _coincidences(found: Sequence[int]) -> Matrix:
    counts = np.bincount(found, minlength=3).astype(np.float64)
    return (np.outer(counts, counts) - np.diag(counts)) / (len(found) - 1)


def _one_hot(first: int, second: int) -> Matrix:
    matrix = np.zeros((3, 3))
    matrix[first, second] = 1
    return matrix


def _sum_by_question(units: Mapping[Unit, Matrix]) -> Matrix:
    """Returns float64[Q, 3, 3]: the pairs of one question belong together, and are resampled together."""
    sums: dict[str, Matrix] = {}
    for unit in sorted(units):
        sums[unit[0]] = sums.get(unit[0], np.zeros((3, 3))) + units[unit]
    matrices: Matrix = np.array(list(sums.values())).reshape(-1, 3, 3)
    return np.asarray((matrices + matrices[:, _EXCHANGED][:, :, _EXCHANGED]) / 2)


def _estimate(matrices: Matrix, statistic: Callable[[Matrix], Matrix], seed: int) -> Estimate | None:
    """Returns the statistic of the summed matrices with its interval, None where it is undefined."""
    num = len(matrices)
    value = float(statistic(matrices.sum(0))) if num else np.nan
    if np.isnan(value):
        return None
    rng = make_generator(seed, "agreement")
    sums = [
        np.tensordot(rng.multinomial(num, np.full(num, 1 / num)), matrices, axes=1)
        for _ in range(NUM_RESAMPLES)
    ]
    values = statistic(np.array(sums))
    low, high = np.nanquantile(values, _LEVELS)
    return Estimate(value, float(low), float(high))
