"""Draws the learning curves of a run from its metrics: one picture that tells whether it learned, and why.

The large panel shows what the run is for (success); the small ones show what to look at when it does not
learn: reward, KL, entropy, lengths, clipping, the value function, gradients. A panel without data is left
out. Thin lines are the values as logged, thick ones a centred Gaussian mean.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from lmgym_agents.errors import MetricsError

# The palette of Okabe and Ito, which people with every kind of colour vision can tell apart.
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
)
_COLOURS: Final = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
_INK, _FAINT = "#222222", "#8A8A8A"


class Panel(NamedTuple):
    """What one panel shows."""

    title: str
    lines: Mapping[str, str]
    """Label by name of the metric; those that were logged are drawn."""
    unit: Literal["plain", "percent"] = "plain"
    limits: tuple[float, float] | None = None
    """Ends of the axis; None: as the data have them."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What the axis never goes beyond, however far out the data are."""
    level: float | None = None
    """A value that the axis includes, with a faint line to compare with."""


HERO: Final = (
    Panel("Success", {"success": "while training (sampled)", "eval/success": "test split (greedy)",
                      "accuracy": "accuracy", "eval/accuracy": "held out"}, "percent", (0.0, 1.02)),
    Panel("Loss", {"loss": "training", "eval/loss": "held out"}),
    Panel("Reward", {"reward": "mean of the episodes"}),
)  # fmt: skip
PANELS: Final = (
    Panel("Reward", {"reward": "total"}),
    Panel("TD error of Q", {"td_error": "mean size"}, level=0.0),
    Panel("Q of what was done", {"q": "mean", "overestimation": "over what was earned"}, level=0.0),
    Panel("Distance to Q*", {"diagnosis/q_error_mean": "mean |Q - Q*|"}, level=0.0),
    Panel("KL", {"kl_reference": "to the reference", "approx_kl_k3": "of the update"}, level=0.0),
    Panel("Entropy of a token", {"entropy": "nats"}, level=0.0),
    Panel("Length of a response", {"num_actions": "tokens"}),
    Panel("Clipped tokens", {"clip_fraction_low": "ratio too low", "clip_fraction_high": "ratio too high",
                             "clip_fraction": "ratio"}, "percent", level=0.0),
    Panel("Explained variance", {"explained_variance": ""}, bounds=(-1.0, 1.02), level=0.0),
    Panel("Gradient norm", {"grad_norm": "before clipping"}, level=0.0),
    Panel("Responses that stop", {"stop_rate": "stopped by themselves"}, "percent", (0.0, 1.02)),
    Panel("Loss", {"loss": "training", "eval/loss": "held out"}),
    Panel("Learning rate", {"learning_rate": "rate"}, level=0.0),
)  # fmt: skip
_MAX_SMALL: Final = 6


def draw_curves(
    records: Sequence[Mapping[str, Any]],
    *,
    title: str = "",
    subtitle: str = "",
    before: float | None = None,
    after: float | None = None,
    x: Literal["updates", "tokens"] = "updates",
) -> bytes:
    """Returns a PNG of the learning curves.

    Args:
        records: of ``read_metrics``; those without the metric of a panel are passed over there.
        title: what was trained, in a few words.
        subtitle: a second, smaller line: model, seed, time.
        before: success on the test split before the training, in [0, 1]; marked in the large panel.
        after: the same afterwards.
        x: what is counted to the right: updates, or tokens that the agent has written so far.

    Raises:
        MetricsError: no record has anything to draw.
    """
    hero = next((panel for panel in HERO if _has_data(panel, records)), None)
    if hero is None:
        raise MetricsError(
            f"none of {len(records)} records has success, loss or reward, so there is no curve to draw."
        )
    small = [panel for panel in PANELS if panel.title != hero.title and _has_data(panel, records)][
        :_MAX_SMALL
    ]
    places = _count_tokens(records) if x == "tokens" else np.array([float(r["step"]) for r in records])
    columns = (len(small) + 1) // 2
    figure = Figure(figsize=(4.6 + 2.75 * columns, 5.4), dpi=130, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.09)  # type: ignore[union-attr,call-arg]
    grid = figure.add_gridspec(2, 1 + columns, width_ratios=[1.75] + [1.0] * columns)
    large = figure.add_subplot(grid[:, 0])
    _draw_panel(large, hero, records, places, is_large=True)
    if hero.unit == "percent":
        _mark(large, places, before, after)
    large.set_xlabel("tokens written by the agent" if x == "tokens" else "update", color=_INK)
    for i, panel in enumerate(small):
        axes = figure.add_subplot(grid[i // columns, 1 + i % columns])
        _draw_panel(axes, panel, records, places, is_large=False)
    _write_title(figure, title, subtitle)
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def smooth(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Returns the centred Gaussian mean of float64[N]; weights beyond the ends are left out.

    Args:
        values: finite numbers.
        width: standard deviation of the Gaussian in places; 0 changes nothing.
    """
    if width <= 0 or len(values) < 3:
        return values
    reach = min(int(4 * width) + 1, len(values))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    total = np.convolve(np.ones_like(values), weights)[reach:-reach]
    mean: NDArray[np.float64] = np.convolve(values, weights)[reach:-reach] / total
    return mean


def _get_line(
    name: str, records: Sequence[Mapping[str, Any]], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns places and values where a metric is a finite number."""
    values = np.array([_to_float(record.get(name)) for record in records])
    is_there = np.isfinite(values)
    return places[is_there], values[is_there]


def _to_float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _has_data(panel: Panel, records: Sequence[Mapping[str, Any]]) -> bool:
    return any(np.isfinite(_to_float(record.get(name))) for name in panel.lines for record in records)


def _count_tokens(records: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Tokens that agents have written up to and with each record, counted over training records."""
    each = [_to_float(record.get("episodes")) * _to_float(record.get("num_actions")) for record in records]
    return np.cumsum(np.nan_to_num(np.array(each)))


def _draw_panel(
    axes: Axes,
    panel: Panel,
    records: Sequence[Mapping[str, Any]],
    places: NDArray[np.float64],
    *,
    is_large: bool,
) -> None:
    if panel.level is not None:
        axes.axhline(panel.level, color=_FAINT, linewidth=0.8, dashes=(4, 3))
    drawn = 0
    for name, label in panel.lines.items():
        at, values = _get_line(name, records, places)
        if not len(values):
            continue
        colour = _COLOURS[drawn]
        drawn += 1
        if len(values) < 12:  # few points (evaluations): nothing to smooth
            axes.plot(at, values, "o-", color=colour, linewidth=1.6, markersize=4, label=label)
            continue
        axes.plot(at, values, color=colour, alpha=0.3, linewidth=0.8)
        width = 2.2 if is_large else 1.8
        axes.plot(at, smooth(values, max(1.5, len(values) / 60)), color=colour, linewidth=width, label=label)
    _style(axes, panel, drawn, is_large)


def _style(axes: Axes, panel: Panel, num_lines: int, is_large: bool) -> None:
    axes.set_title(panel.title, loc="left", fontsize=13 if is_large else 10, color=_INK, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#BBBBBB")
    axes.grid(axis="y", color="#E9E9E9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9 if is_large else 8, colors="#555555", length=0)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(5 if is_large else 4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_format_count))
    axes.yaxis.set_major_locator(MaxNLocator(6 if is_large else 4))
    if panel.unit == "percent":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    low, high = axes.get_ylim()
    high += 0.04 * (high - low)
    low, high = max(low, panel.bounds[0]), min(high, panel.bounds[1])
    if panel.level is not None and panel.level <= _smallest(axes):
        low = panel.level  # the axis itself is the line
    axes.set_ylim(*(panel.limits or (low, high)))
    only = next(iter(panel.lines.values()))
    if is_large or num_lines > 1:
        axes.legend(
            frameon=False, fontsize=9 if is_large else 7.5, loc="best", labelcolor=_INK, handlelength=1.4
        )
    else:
        axes.text(1.0, 1.02, only, transform=axes.transAxes, ha="right", fontsize=7.5, color=_FAINT)


def _smallest(axes: Axes) -> float:
    return min((float(np.min(line.get_ydata())) for line in axes.lines), default=0.0)


def _mark(axes: Axes, places: NDArray[np.float64], before: float | None, after: float | None) -> None:
    """Marks the test results before the first and after the last update."""
    for value, at, text, side in ((before, places[0], "before", -1), (after, places[-1], "after", 1)):
        if value is None:
            continue
        axes.plot(
            [at], [value], "D", color=VERMILLION, markersize=8, markeredgecolor="white", markeredgewidth=1.2,
            clip_on=False, zorder=5,
        )  # fmt: skip
        axes.annotate(
            f"{text}: {value:.1%}", (at, value), xytext=(-10 * side, -14), textcoords="offset points",
            ha="right" if side > 0 else "left", va="top", fontsize=10, color=VERMILLION, fontweight="bold",
            annotation_clip=False, path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip


def _write_title(figure: Figure, title: str, subtitle: str) -> None:
    if title:
        figure.suptitle(
            f"{title}\n" if subtitle else title,
            x=0.012,
            ha="left",
            fontsize=15,
            color=_INK,
            fontweight="bold",
        )
    if subtitle:
        figure.text(0.012, 0.925, subtitle, ha="left", va="top", fontsize=9.5, color="#666666")


def _format_count(value: float, _: int | None) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (size if letter != 'k' else 1e3):g} {letter}"
    return f"{value:g}"
