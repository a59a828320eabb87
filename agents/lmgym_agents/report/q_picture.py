"""Draws a diagnosis: learned values against exact ones, the spread of errors, and both over a training.

Left: every pair (Q*, Q), with median and the middle 80 % at each exact value; the diagonal is the truth, and
above it is over-estimation. Middle: errors Q - Q* by where the states come from. Right, where a training's
records are given: errors, over-estimation and violations over its updates.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lmgym.seeding import make_generator
from lmgym_agents.errors import MetricsError
from lmgym_agents.report.curves import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    from lmgym_agents.diagnosis.q_diagnosis import Diagnosis

_COLOURS: Final = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
_MAX_POINTS: Final = 4000
_MAX_LEVELS: Final = 40
"""Different exact values up to which each is summed up by itself."""
_HISTORY: Final = {
    "q_error_mean": "|Q − Q*|",
    "overestimation_rate": "states over-estimated",
    "inadmissible_rate": "not admissible",
    "inconsistent_rate": "not consistent",
    "regret": "regret of acting by Q",
}
"""What is drawn over a training, by the name of the metric."""


def draw_diagnosis(
    diagnosis: Diagnosis,
    *,
    records: Sequence[Mapping[str, Any]] = (),
    prefix: str = "diagnosis/",
    title: str = "",
) -> bytes:
    """Returns a PNG of a diagnosis.

    Args:
        diagnosis: of the model as it is now.
        records: of ``read_metrics``, with "step" and the numbers of ``Diagnosis.metrics(prefix)``.
        prefix: of the metrics' names in the records.
        title: what was diagnosed, in a few words.

    Raises:
        MetricsError: the diagnosis has no action whose value is known on both sides.
    """
    known = np.isfinite(diagnosis.q) & np.isfinite(diagnosis.optimal_q)
    if not known.any():
        raise MetricsError(
            f"none of {known.size} actions has a learned and an exact value, so there is nothing to draw."
        )
    history = [record for record in records if any(f"{prefix}{name}" in record for name in _HISTORY)]
    figure = Figure(
        figsize=(4.4 * (3 if history else 2), 4.2), dpi=130, layout="constrained", facecolor="white"
    )
    panels = figure.subplots(1, 3 if history else 2)
    _draw_calibration(panels[0], diagnosis.optimal_q[known], diagnosis.q[known])
    _draw_errors(panels[1], diagnosis)
    if history:
        _draw_history(panels[2], history, prefix)
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=13, color="#222222", fontweight="bold")
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def _draw_calibration(axes: Axes, exact: NDArray[np.float64], learned: NDArray[np.float64]) -> None:
    rng = make_generator(0, "q_picture")
    shown = rng.permutation(len(exact))[:_MAX_POINTS]
    levels = np.unique(exact)
    width = np.diff(levels).min() if len(levels) > 1 else 1.0
    spread = 0.25 * width * (rng.random(len(shown)) - 0.5)
    axes.plot(exact[shown] + spread, learned[shown], ".", color=SKY, markersize=3, alpha=0.4, zorder=1)
    if len(levels) <= _MAX_LEVELS:
        parts = [np.percentile(learned[exact == level], [10, 50, 90]) for level in levels]
        low, middle, high = np.array(parts).T
        axes.vlines(levels, low, high, color=BLUE, linewidth=2.5, zorder=2)
        axes.plot(levels, middle, "o", color=BLUE, markersize=6, markeredgecolor="white", zorder=3)
    ends = [min(exact.min(), learned.min()), max(exact.max(), learned.max())]
    axes.plot(ends, ends, color="#555555", linewidth=1, dashes=(4, 3), zorder=0)
    _style(axes, "Learned against exact values", "Q*", "Q (median, 10–90 %)")


def _draw_errors(axes: Axes, diagnosis: Diagnosis) -> None:
    sources = list(dict.fromkeys(diagnosis.sources))
    errors = [diagnosis.only(source) for source in sources]
    everything = np.concatenate(errors)
    reach = max(float(np.abs(everything).max()), 1e-6)
    edges = np.linspace(-reach, reach, 42)
    for source, found, colour in zip(sources, errors, _COLOURS, strict=False):
        if len(found):
            share = np.histogram(found, edges)[0] / len(found)
            label = f"{source}: {np.abs(found).mean():.3g}"
            axes.stairs(share, edges, color=colour, linewidth=1.6, label=label)
    axes.axvline(0, color="#8A8A8A", linewidth=0.8, dashes=(4, 3))
    axes.legend(frameon=False, fontsize=8, title="mean |Q − Q*|", title_fontsize=8)
    _style(axes, "Errors by where states come from", "Q − Q*", "share of actions")


def _draw_history(axes: Axes, records: Sequence[Mapping[str, Any]], prefix: str) -> None:
    for (name, label), colour in zip(_HISTORY.items(), _COLOURS, strict=False):
        points = [
            (float(record["step"]), float(record[f"{prefix}{name}"]))
            for record in records
            if isinstance(record.get(f"{prefix}{name}"), int | float)
            and math.isfinite(record[f"{prefix}{name}"])
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True), "o-", color=colour, markersize=3, linewidth=1.6, label=label
            )
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(frameon=False, fontsize=8)
    _style(axes, "Over the training", "update", "")


def _style(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color="#222222")
    axes.set_xlabel(x, fontsize=9, color="#555555")
    axes.set_ylabel(y, fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#BBBBBB")
    axes.grid(color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors="#555555", length=0)
