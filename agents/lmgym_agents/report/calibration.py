"""The reliability plot of reward models: how often they are right when they are so and so sure.

In: bins of ``reward_models.calibration``, by name. Out: a PNG. Points on the diagonal are honest; below it
the model is too sure of itself. Of bins of equal mass the points also show where the confidence lies.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lmgym_agents.errors import MetricsError
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.report.curves import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from lmgym_agents.reward_models.calibration import Bin, calibration_error

_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
_INK, _FAINT = "#222222", "#8A8A8A"


def draw_reliability(curves: Mapping[str, Sequence[Bin]], *, title: str = "", subtitle: str = "") -> bytes:
    """Returns a PNG with one panel for each of 1 to 6 sets of bins.

    Args:
        curves: bins by label, each with at least one pair.
        title: what was measured, in a few words.
        subtitle: a second line: data, number of pairs.

    Raises:
        MetricsError: no bins, or more sets than there are colours.
    """
    if not curves or len(curves) > len(_COLOURS) or not all(curves.values()):
        raise MetricsError(f"a reliability plot takes 1 to {len(_COLOURS)} sets of bins, got {len(curves)}.")
    figure = Figure(figsize=(1.0 + 3.6 * len(curves), 4.2), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    (row,) = figure.subplots(1, len(curves), squeeze=False, sharey=True)
    for axes, (label, bins), colour in zip(row, curves.items(), _COLOURS, strict=False):
        _draw_points(axes, bins, label, colour)
    row[0].set_ylabel("pairs that it gets right", color=_INK)
    if title:
        figure.suptitle(f"{title}\n{subtitle}" if subtitle else title, x=0.012, ha="left", fontsize=12)
    picture = io.BytesIO()
    figure.canvas.print_png(picture, metadata={"Software": None})  # type: ignore[attr-defined]
    return picture.getvalue()


def _draw_points(axes: Axes, bins: Sequence[Bin], label: str, colour: str) -> None:
    axes.plot([0.5, 1.0], [0.5, 1.0], "--", color=_FAINT, linewidth=1.2)
    intervals = [wilson_interval(round(each.accuracy * each.count), each.count) for each in bins]
    heights = [each.accuracy for each in bins]
    whiskers = [
        [max(0.0, height - each.low) for height, each in zip(heights, intervals, strict=True)],
        [max(0.0, each.high - height) for height, each in zip(heights, intervals, strict=True)],
    ]
    axes.errorbar(
        [each.confidence for each in bins], heights, yerr=whiskers, fmt="o-", color=colour, linewidth=1.6,
        markersize=5, elinewidth=1.0, capsize=2, alpha=0.95,
    )  # fmt: skip
    axes.set_title(label, fontsize=11, color=_INK, loc="left")
    total = sum(each.count for each in bins)
    right = sum(each.accuracy * each.count for each in bins) / total
    axes.text(
        0.97, 0.04, f"accuracy {right:.1%}\nECE {calibration_error(list(bins)):.3f}\n{total:,} pairs",
        transform=axes.transAxes, ha="right", va="bottom", fontsize=9, color=_INK,
    )  # fmt: skip
    axes.set_xlim(0.49, 1.01)
    axes.set_ylim(0.28, 1.02)
    axes.set_xlabel("confidence in the preferred response", color=_INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(alpha=0.25)
    axes.tick_params(colors="#555555", labelsize=8.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
