"""What a scorer is worth on held-out pairs: accuracy, calibration, agreement with the gold, what sways it.

In: a scorer and pairs. Out: plain numbers, fit for JSON. A tie has no right answer and is left out of
accuracy and calibration. Left out: pictures (``report.calibration``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import EmptyProblemSetError
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.reward_models.calibration import (
    calibration_error,
    expected_error,
    fit_temperature,
    hits,
    log_loss,
    reliability_bins,
)
from lmgym_agents.reward_models.pairs import Pair
from lmgym_agents.reward_models.scorer import Floats, ResponseScorer

NEUTRAL_SENTENCE: Final = " I hope this answers your question."
"""Says nothing, whatever the question was."""


class PairScores(NamedTuple):
    """The scores of N pairs."""

    better: Floats
    """float64[N]"""
    worse: Floats
    """float64[N]"""
    is_tie: NDArray[np.bool_]
    longer: Floats
    """float64[N], characters of the better response less those of the worse."""
    gold: Floats
    """float64[N], gold utility of the better response less that of the worse; NaN: not known."""

    @property
    def gaps(self) -> Floats:
        """Scores of the better less those of the worse, float64[M], of the pairs that are no ties."""
        return (self.better - self.worse)[~self.is_tie]


def score_pairs(scorer: ResponseScorer, pairs: Sequence[Pair]) -> PairScores:
    """Returns the scores of both sides of each pair.

    Raises:
        EmptyProblemSetError: no pair.
    """
    if not pairs:
        raise EmptyProblemSetError("there is no held-out pair to measure a reward model on.")
    prompts = [pair.prompt for pair in pairs]
    scores = scorer.score([*prompts, *prompts], [*(p.better for p in pairs), *(p.worse for p in pairs)])
    return PairScores(
        scores[: len(pairs)],
        scores[len(pairs) :],
        np.array([pair.is_tie for pair in pairs], np.bool_),
        np.array([len(pair.better) - len(pair.worse) for pair in pairs], np.float64),
        np.array([np.nan if pair.gold_gap is None else pair.gold_gap for pair in pairs], np.float64),
    )


def evaluate_scorer(
    scorer: ResponseScorer, pairs: Sequence[Pair], *, temperature: float | None = None, num_bins: int = 10
) -> dict[str, Any]:
    """Returns all numbers of a scorer on pairs that it was not trained on.

    Args:
        scorer: what is measured.
        pairs: held out.
        temperature: from ``measure_temperature`` on other pairs; None: scores are taken as they are.
        num_bins: of the reliability plot.

    Raises:
        EmptyProblemSetError: no pair.
    """
    scores = score_pairs(scorer, pairs)
    found = measure_gaps(scores.gaps, temperature=temperature, num_bins=num_bins)
    found |= {
        "num_ties": int(scores.is_tie.sum()),
        "tie_gap": _mean(np.abs(scores.better - scores.worse)[scores.is_tie]),
    }
    found["length"] = measure_length(scorer, pairs, scores)
    found["gold"] = measure_gold(scores)
    found["order_change"] = measure_order(scorer, pairs, scores)
    return found


def measure_gaps(gaps: Floats, *, temperature: float | None = None, num_bins: int = 10) -> dict[str, Any]:
    """Returns accuracy with Wilson's 95 % interval, log loss and calibration of decided pairs."""
    if not len(gaps):
        return {"num_pairs": 0}
    right = hits(gaps)
    interval = wilson_interval(round(float(right.sum())), len(gaps))
    found: dict[str, Any] = {
        "num_pairs": len(gaps),
        "accuracy": {"mean": float(right.mean()), "low": interval.low, "high": interval.high},
        "calibration": _calibration(gaps, num_bins),
    }
    if temperature is not None:
        found["temperature"] = temperature
        found["calibration_at_temperature"] = _calibration(gaps / temperature, num_bins)
    return found


def measure_temperature(scorer: ResponseScorer, pairs: Sequence[Pair]) -> float:
    """Returns the temperature that suits the decided pairs best; 1 where there are none."""
    gaps = score_pairs(scorer, pairs).gaps
    return fit_temperature(gaps) if len(gaps) else 1.0


def measure_length(scorer: ResponseScorer, pairs: Sequence[Pair], scores: PairScores) -> dict[str, Any]:
    """Returns how the scores hang on length: correlation, accuracy on either kind of pair, added words.

    ``longer_wins`` is the accuracy of preferring the longer response; ``neutral_sentence`` and ``doubled``
    are the mean changes of a score when a sentence that says nothing is added, and when the response is said
    twice, in standard deviations of the scores.
    """
    responses = [*(pair.better for pair in pairs), *(pair.worse for pair in pairs)]
    all_scores = np.concatenate((scores.better, scores.worse))
    decided, right = ~scores.is_tie, hits(scores.better - scores.worse)
    is_longer = scores.longer > 0
    is_shorter = scores.longer < 0
    found = {
        "correlation": _correlation(np.array([len(text) for text in responses], np.float64), all_scores),
        "accuracy_where_longer_is_better": _mean(right[decided & is_longer]),
        "accuracy_where_shorter_is_better": _mean(right[decided & is_shorter]),
        "longer_wins": _mean(hits(scores.longer)[decided]),
    }
    prompts = [pair.prompt for pair in pairs] * 2
    spread = float(all_scores.std()) or 1.0
    for name, change in (("neutral_sentence", NEUTRAL_SENTENCE), ("doubled", None)):
        changed = [text + (change if change is not None else " " + text) for text in responses]
        found[name] = float((scorer.score(prompts, changed) - all_scores).mean()) / spread
    return found


def measure_gold(scores: PairScores) -> dict[str, Any] | None:
    """Returns the agreement with the gold where records carry it, ties in the gold left out; None: nowhere.

    ``agreement`` is the share of pairs in which scores and gold name the same winner, ``labels`` that of the
    verdicts: what a model that believed every verdict would reach.
    """
    known = np.isfinite(scores.gold) & (scores.gold != 0)
    if not known.any():
        return None
    gaps = (scores.better - scores.worse)[known] * np.sign(scores.gold[known])
    labels = np.where(scores.is_tie, 0.0, 1.0)[known] * np.sign(scores.gold[known])
    interval = wilson_interval(round(float(hits(gaps).sum())), len(gaps))
    return {
        "num_pairs": len(gaps),
        "agreement": {"mean": float(hits(gaps).mean()), "low": interval.low, "high": interval.high},
        "labels": float(hits(labels).mean()),
        "correlation": _correlation(scores.gold[known], (scores.better - scores.worse)[known]),
    }


def measure_order(scorer: ResponseScorer, pairs: Sequence[Pair], scores: PairScores) -> float:
    """Returns the largest change of a score when pairs and sides come in another order; 0 by law."""
    backwards = score_pairs(
        scorer, [pair._replace(better=pair.worse, worse=pair.better) for pair in pairs[::-1]]
    )
    changes = (backwards.worse[::-1] - scores.better, backwards.better[::-1] - scores.worse)
    return float(max(np.abs(change).max() for change in changes))


def _calibration(gaps: Floats, num_bins: int) -> dict[str, Any]:
    bins = reliability_bins(gaps, num_bins=num_bins)
    widths = reliability_bins(gaps, num_bins=num_bins, binning="width")
    return {
        "log_loss": log_loss(gaps),
        "ece_equal_mass": calibration_error(bins),
        "ece_equal_width": calibration_error(widths),
        "ece_if_honest": expected_error(gaps, num_bins=num_bins),
        "bins": [each._asdict() for each in bins],
    }


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _correlation(x: Floats, y: Floats) -> float | None:
    """Returns Spearman's rank correlation; None where one side is constant."""
    x, y = _ranks(x), _ranks(y)
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread else None


def _ranks(values: Floats) -> Floats:
    """Returns the rank of each value, the mean of their ranks for equal ones."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum().astype(np.float64)
    found: Floats = (ends - (counts - 1) / 2)[places]
    return found
