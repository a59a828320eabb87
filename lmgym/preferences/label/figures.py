"""The figures on the page and at the end: how steady a rater is, and how far others agree.

Comes in: a desk, files of other raters. Goes out: lines of text in counts and shares. A line tells sums over
all questions, never what somebody said of one. Left out: the statistics (``lmgym.preferences.agreement``).
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.preferences.agreement import Agreement, Estimate, measure_agreement
from lmgym.preferences.label.desk import Desk
from lmgym.preferences.reading import read_log
from lmgym.preferences.record import Preference

MAX_RATERS = 8
"""So many other raters have a line of their own."""


class Figure(NamedTuple):
    """One line."""

    name: str
    value: str
    remark: str = ""


def make_figures(desk: Desk, compare: Sequence[str | Path] = ()) -> list[Figure]:
    """Returns the lines on the rater of ``desk``.

    Args:
        desk: the rater's verdicts; those of others in the same file are compared too.
        compare: preference files of other raters; they may be being written.

    Raises:
        PreferenceLogError: a file can't be read.
    """
    said = list(desk.said.values())
    verdicts = [preference for preference in said if preference.ranks is not None]
    others = [preference for preference in desk.log.preferences if preference.annotator != desk.rater]
    for path in compare:
        others += [item for item in read_log(path).preferences if item.annotator != desk.rater]
    return [*_describe_verdicts(verdicts), *_describe_steadiness(said), *_describe_others(verdicts, others)]


def read_duration_s(preference: Preference) -> float | None:
    """Returns how long the rater looked at it; None: nobody knows."""
    duration_s: Any = preference.extra.get("duration_s")
    return float(duration_s) if isinstance(duration_s, int | float) and duration_s > 0 else None


def _describe_verdicts(verdicts: Sequence[Preference]) -> list[Figure]:
    num_left = sum(preference.ranks == (0, 1) for preference in verdicts)
    num_ties = sum(preference.ranks == (0, 0) for preference in verdicts)
    durations = [duration_s for item in verdicts if (duration_s := read_duration_s(item)) is not None]
    figures = [
        Figure("Left preferred", _share(num_left, len(verdicts) - num_ties), "sides are drawn at random"),
        Figure("Ties", _share(num_ties, len(verdicts))),
    ]
    if durations:
        figures.append(Figure("Time for a verdict", f"{statistics.median(durations):.1f} s", "median"))
    return figures


def _describe_steadiness(said: Sequence[Preference]) -> list[Figure]:
    """Takes first and second opinions for those of two raters."""
    twice = [
        dataclasses.replace(item, annotator="again" if item.extra.get("repetition") else "first")
        for item in said
    ]
    agreement = measure_agreement(twice)
    if not agreement.num_pairs:
        return []
    return [Figure("Same when asked again", _agreeing(agreement), _interval(agreement.raw))]


def _describe_others(verdicts: Sequence[Preference], others: Sequence[Preference]) -> list[Figure]:
    both = [*verdicts, *others]
    rater = verdicts[0].annotator if verdicts else ""
    names = sorted({preference.annotator for preference in others})
    figures = []
    for name in names[:MAX_RATERS]:
        agreement = measure_agreement(both, raters=[rater, name])
        if agreement.num_pairs:
            figures.append(
                Figure(f"Agreement with {_shorten(name)}", _agreeing(agreement), _alpha(agreement))
            )
    together = measure_agreement(both)
    if len(names) > 1 and together.num_pairs:
        figures.append(Figure("All raters", f"{together.num_pairs} in common", _alpha(together)))
    return figures


def _agreeing(agreement: Agreement) -> str:
    assert agreement.raw is not None, agreement
    return _share(round(agreement.raw.value * agreement.num_pairs), agreement.num_pairs)


def _share(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.0f} %)" if total else "none yet"


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"({100 * estimate.low:.0f} to {100 * estimate.high:.0f} %)"


def _alpha(agreement: Agreement) -> str:
    if agreement.alpha is None:
        return ""
    value, low, high = agreement.alpha
    return f"α = {value:.2f} ({low:.2f} to {high:.2f})"


def _shorten(name: str) -> str:
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"
