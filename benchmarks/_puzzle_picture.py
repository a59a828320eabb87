"""The picture of benchmarks/sliding_puzzle.py: values against the truth, and what searches with them cost."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lmgym_agents.report.curves import BLUE, GREEN, ORANGE, VERMILLION

STYLES = {
    "uniform": ("no heuristic", ORANGE),
    "manhattan": ("Manhattan distance", GREEN),
    "fitted": ("learned without a teacher", VERMILLION),
    "exact": ("learned from true distances", BLUE),
}


def draw(parts: Sequence[dict[str, Any]]) -> bytes:
    """Returns a PNG of three panels, means over seeds."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in parts:
        groups[part["name"].partition("-")[0]].append(part)
    figure = Figure(figsize=(13.5, 4.3), dpi=130, layout="constrained", facecolor="white")
    values, expansions, costs = figure.subplots(1, 3)
    for name, group in groups.items():
        label, colour = STYLES[name]
        if "quality" in group[0]:
            _draw_values(values, group, label, colour)
        _draw_expansions(expansions, group, label, colour)
        _draw_costs(costs, group, label, colour)
    _, high = values.get_xlim()
    values.plot([0, high], [0, high], color="#555555", linewidth=1, dashes=(4, 3), zorder=0)
    values.text(0.97, 0.03, "above the line: over-estimated, not admissible", transform=values.transAxes,
                ha="right", fontsize=8, color="#555555")  # fmt: skip
    _style(values, "What is said of the cost to the goal", "moves to the goal", "median, 10–90 %")
    _style(expansions, "States expanded by A*", "moves to the goal", "mean, log scale")
    expansions.set_yscale("log")
    _style(costs, "Cost and work, by weight of the heuristic", "states expanded, mean, log scale",
           "cost / least cost")  # fmt: skip
    costs.set_xscale("log")
    figure.suptitle("A* on the 8-puzzle as text, with a language model's Q as its heuristic", x=0.012,
                    ha="left", fontsize=13, fontweight="bold", color="#222222")  # fmt: skip
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def _draw_values(axes: Axes, group: Sequence[dict[str, Any]], label: str, colour: str) -> None:
    tables = [part["quality"]["by_distance"] for part in group]
    at = sorted(map(int, tables[0]))
    rows = np.array([[table[str(d)] for d in at] for table in tables])
    low, middle, high = rows.mean(axis=0).T
    axes.plot(at, middle, color=colour, linewidth=2, label=label)
    axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


def _draw_expansions(axes: Axes, group: Sequence[dict[str, Any]], label: str, colour: str) -> None:
    by_distance: dict[int, list[int]] = defaultdict(list)
    for part in group:
        for problem in part["searches"][0]["problems"]:
            by_distance[problem["distance"]].append(problem["expansions"])
    at = sorted(by_distance)
    axes.plot(at, [np.mean(by_distance[d]) for d in at], "o-", color=colour, markersize=3, label=label)


def _draw_costs(axes: Axes, group: Sequence[dict[str, Any]], label: str, colour: str) -> None:
    weights = [found["weight"] for found in group[0]["searches"]]
    x = [np.mean([part["searches"][at]["expansions"] for part in group]) for at in range(len(weights))]
    y = [np.mean([part["searches"][at]["cost_ratio"] for part in group]) for at in range(len(weights))]
    axes.plot(x, y, "o-", color=colour, label=label)
    for weight, across, up in zip(weights, x, y, strict=True):
        axes.annotate(f"{weight:g}", (across, up), xytext=(4, 5), textcoords="offset points", fontsize=8,
                      color=colour)  # fmt: skip


def _style(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color="#222222")
    axes.set_xlabel(x, fontsize=9, color="#555555")
    axes.set_ylabel(y, fontsize=9, color="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#BBBBBB")
    axes.grid(color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors="#555555", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)
