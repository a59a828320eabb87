"""Sample efficiency: how scores rise with what was spent: tokens of the environment, gradient steps, FLOPs.

In: results. Out: for each agent the interquartile mean over all runs, with its band, at common points. Each
run's curve is joined by straight lines; before its first and behind its last measurement it stays level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.bench.result_record import CurvePoint, Result
from lmgym.bench.scores import Strata, suite_of
from lmgym.bench.statistics import CONFIDENCE, NUM_RESAMPLES, iqm, percentile_interval
from lmgym.bench.suites import Entry, Suite
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.seeding import make_generator

Axis = Literal["num_tokens", "num_gradient_steps", "flops"]
AXES: tuple[Axis, ...] = ("num_tokens", "num_gradient_steps", "flops")


@dataclass(frozen=True, kw_only=True)
class EfficiencyCurve:
    """One agent's scores by what was spent."""

    agent: str
    x: NDArray[np.float64]
    """float64[P]; tokens as a share of each entry's budget, gradient steps and FLOPs as they are."""
    score: NDArray[np.float64]
    """float64[P], interquartile mean of the normalised scores on the validation splits."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    num_runs: int
    num_entries: int
    """Entries with at least one run that has a curve over this axis."""


def efficiency_curves(
    results: Iterable[Result],
    suite: Suite | None = None,
    *,
    axis: Axis = "num_tokens",
    entry: str | None = None,
    num_points: int = 41,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[EfficiencyCurve, ...]:
    """Returns a curve for each agent that has one, by name.

    Args:
        results: of one suite and hash.
        suite: of the results; default: the packaged one of that id.
        axis: what is spent. Runs that don't know it (``flops`` may be None) are left out.
        entry: of this entry alone; default: of all.
        num_points: P, at equal distances from 0 to the most that any run has spent.
        num_resamples: of the bootstrap.
        confidence: of the bands, at each point by itself.
        seed: of the draws.

    Raises:
        EmptyProblemSetError: there are no results.
        InvalidValueError: an unknown axis, or results that can't be compared.
        UnknownNameError: no such entry.
    """
    results = tuple(results)
    suite = suite_of(results, suite)
    if axis not in AXES:
        raise InvalidValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}.")
    entries = suite.entries if entry is None else (suite.entry(entry),)
    curves: dict[str, dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]] = {}
    for result in sorted(results, key=lambda each: each.key):
        line = _line(result, suite.entry(result.entry), axis)
        if line is not None and result.entry in {each.name for each in entries}:
            curves.setdefault(result.agent, {}).setdefault(result.entry, []).append(line)
    most = max(
        (x[-1] for by_entry in curves.values() for lines in by_entry.values() for x, _ in lines), default=0
    )
    grid = np.linspace(0, most, num_points)
    return tuple(
        _join(agent, [curves[agent][e.name] for e in entries if e.name in curves[agent]], grid, num_resamples,
              confidence, seed)
        for agent in sorted(curves)
    )  # fmt: skip


def spent_by(points: Sequence[CurvePoint], axis: Axis) -> list[float] | None:
    """Returns what was spent at each point; None where it is not known everywhere.

    Before any work an agent has told of no FLOPs, but none is what they were.
    """
    spent = [getattr(point, axis) for point in points]
    if len(points) > 1 and spent[0] is None and points[0].num_tokens == points[0].num_gradient_steps == 0:
        spent[0] = 0
    return None if not spent or None in spent else [float(each) for each in spent]


def _line(result: Result, entry: Entry, axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    spent = spent_by(result.curve, axis) if result.is_ok else None
    if spent is None:
        return None
    x = np.maximum.accumulate(np.array(spent)) / (entry.budget if axis == "num_tokens" else 1)
    return x, np.array([entry.normalise("validation", point.score) for point in result.curve])


def _join(
    agent: str,
    entries: Sequence[Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]],
    grid: NDArray[np.float64],
    num_resamples: int,
    confidence: float,
    seed: int,
) -> EfficiencyCurve:
    # float64[P, n] for each entry; one resample of runs holds at all points, as a run is one curve.
    strata: Strata = [np.stack([np.interp(grid, x, y) for x, y in lines], axis=-1) for lines in entries]
    if not strata:
        raise EmptyProblemSetError(f"agent {agent!r} has no curve.")
    picks = [
        make_generator(seed, "bench", "curves", at).integers(
            0, scores.shape[-1], (num_resamples, scores.shape[-1])
        )
        for at, scores in enumerate(strata)
    ]
    bands = [
        percentile_interval(
            iqm([scores[p][pick] for scores, pick in zip(strata, picks, strict=True)]), confidence
        )
        for p in range(len(grid))
    ]
    return EfficiencyCurve(
        agent=agent, x=grid, score=iqm(strata), low=np.array([band[0] for band in bands]),
        high=np.array([band[1] for band in bands]), num_runs=sum(scores.shape[-1] for scores in strata),
        num_entries=len(strata),
    )  # fmt: skip
