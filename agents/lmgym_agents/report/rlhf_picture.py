"""RLHF in one picture: gold beside proxy during the optimisation, and gold before and after.

In: the metrics of a run and its measurements. Out: a PNG. What it answers: did the learned reward take
the true one along, and how far from SFT did the policy go for it?
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lmgym_agents.report.curves import BLUE, GREEN, ORANGE, SKY, VERMILLION

_ROWS: Final = (
    ("gold", "Gold: true utility of the rollout", BLUE),
    ("proxy", "Proxy: what the rollout was paid", ORANGE),
    ("kl_episode", "KL to SFT, nats a response", VERMILLION),
)
_OTHER_ROWS: Final = (
    ("accuracy", "Accuracy on the pairs of a step", ORANGE), ("loss", "Loss", VERMILLION),
)  # fmt: skip
_SHADES: Final = (SKY, BLUE)


def draw_rlhf(
    records: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Any],
    *,
    title: str = "",
    subtitle: str = "",
) -> bytes:
    """Returns a PNG.

    Args:
        records: metrics of a run, of all stages; those of the optimisation are drawn.
        measured: by name of the policy, in order: numbers of its "sampled" and "greedy" responses.
        title: what was run.
        subtitle: a second, smaller line.
    """
    shown = [
        record for record in records if str(record.get("stage", "")).startswith(("ppo", "dpo", "best-of-n"))
    ]
    rows = [row for row in (*_ROWS, *_OTHER_ROWS) if any(record.get(row[0]) is not None for record in shown)]
    rows = rows[:3]
    figure = Figure(figsize=(11, 6.2), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(max(len(rows), 1) * 2, 2, width_ratios=(1.35, 1.0))
    for place, (name, label, colour) in enumerate(rows):
        axes = figure.add_subplot(grid[2 * place : 2 * place + 2, 0])
        _draw_metric(axes, shown, name, label, colour, is_last=place == len(rows) - 1)
    height = max(len(rows), 1)
    has_path = any(
        record.get("gold") is not None and record.get("kl_episode") is not None for record in shown
    )
    _draw_bars(figure.add_subplot(grid[: height if has_path else 2 * height, 1]), measured)
    if has_path:
        _draw_path(figure.add_subplot(grid[height:, 1]), shown)
    if title:
        figure.suptitle(f"{title}\n{subtitle}" if subtitle else title, x=0.012, ha="left", fontsize=13)
    picture = io.BytesIO()
    figure.canvas.print_png(picture, metadata={"Software": None})  # type: ignore[attr-defined]
    return picture.getvalue()


def _draw_metric(
    axes: Axes, records: Sequence[Mapping[str, Any]], name: str, label: str, colour: str, *, is_last: bool
) -> None:
    """Draws one number over the updates of all rounds, with a line where a round begins."""
    places = [i + 1 for i, record in enumerate(records) if record.get(name) is not None]
    axes.plot(places, [records[i - 1][name] for i in places], color=colour, linewidth=1.8)
    for i in range(1, len(records)):
        if records[i]["stage"] != records[i - 1]["stage"]:
            axes.axvline(i + 0.5, color="#B0B0B0", linewidth=1.0, linestyle=":")
    axes.set_title(label, loc="left", fontsize=10.5)
    axes.set_xlim(0.5, max(len(records), 2) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_last:
        axes.set_xlabel("update")
    _style(axes)


def _draw_bars(axes: Axes, measured: Mapping[str, Any]) -> None:
    """Draws the gold of every measured policy, sampled and greedy, with 95 % intervals."""
    names = [name for name in measured if measured[name]["sampled"]["gold"] is not None]
    width = 0.38
    for number, (mode, colour) in enumerate(zip(("sampled", "greedy"), _SHADES, strict=True)):
        found = [measured[name][mode]["gold"] for name in names]
        means = [value["mean"] for value in found]
        spread = [[v["mean"] - v["low"] for v in found], [v["high"] - v["mean"] for v in found]]
        places = np.arange(len(names)) + (number - 0.5) * width
        label = "at temperature 1" if mode == "sampled" else "greedy"
        axes.bar(places, means, width, yerr=spread, color=colour, label=label, capsize=3, ecolor="#444444")
        for place, value in zip(places, found, strict=True):
            axes.text(place, value["high"], f"{value['mean']:.3f}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(names)), ["SFT" if name == "sft" else name.replace("-", " ") for name in names])
    axes.set_title("Gold on held-out prompts", loc="left", fontsize=10.5)
    axes.margins(y=0.18)
    axes.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=2)
    _style(axes)


def _draw_path(axes: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    """Draws the gold over the square root of the KL, along which over-optimisation is seen."""
    points = [
        (max(record["kl_episode"], 0.0) ** 0.5, record["gold"])
        for record in records
        if record.get("gold") is not None and record.get("kl_episode") is not None
    ]
    x, y = zip(*points, strict=True)
    axes.plot(x, y, "o-", color=GREEN, linewidth=1.0, markersize=3.5)
    axes.set_title("Gold over distance", loc="left", fontsize=10.5)
    axes.set_xlabel("square root of the KL to SFT, nats")
    _style(axes)


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E9E9E9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8.5)
