"""The picture of benchmarks/sliding_puzzle.py: values against the truth, and what searches with them cost."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
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


SHARES: tuple[tuple[str, Callable[[dict[str, Any]], float | None]], ...] = (
    ("boards\nover-estimated", lambda part: part["quality"]["inadmissible_rate"]),
    ("moves not\nconsistent", lambda part: part["quality"]["inconsistent_rate"]),
    ("best move\nis found", lambda part: part["quality"]["best_action_rate"]),
    ("solved with-\nout search", lambda part: part.get("greedy", {}).get("solved")),
)


def draw(parts: Sequence[dict[str, Any]]) -> bytes:
    """Returns a PNG of three panels, means over seeds."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in parts:
        groups[part["name"].partition("-")[0]].append(part)
    figure = Figure(figsize=(13.5, 4.3), dpi=130, layout="constrained", facecolor="white")
    values, expansions, shares = figure.subplots(1, 3)
    num_valued = 0
    for name, group in groups.items():
        label, colour = STYLES[name]
        if "quality" in group[0]:
            _draw_values(values, group, label, colour)
            _draw_shares(shares, num_valued, group, label, colour)
            num_valued += 1
        _draw_expansions(expansions, group, label, colour)
    _, high = values.get_xlim()
    values.plot([0, high], [0, high], color="#555555", linewidth=1, dashes=(4, 3), zorder=0)
    values.text(0.97, 0.03, "above the line: over-estimated, not admissible", transform=values.transAxes,
                ha="right", fontsize=8, color="#555555")  # fmt: skip
    _style(values, "What is said of the cost to the goal", "moves to the goal", "median, 10–90 %")
    _style(expansions, "States expanded by A*", "moves to the goal", "mean, log scale")
    expansions.set_yscale("log")
    _style(shares, "The values as they are", "", "share")
    shares.set_xticks(range(len(SHARES)), [name for name, _ in SHARES])
    shares.set_ylim(0, 1.3)
    shares.set_yticks(np.linspace(0, 1, 6))
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


def _draw_shares(axes: Axes, place: int, group: Sequence[dict[str, Any]], label: str, colour: str) -> None:
    """Draws a bar for each share that the group has, means over seeds, with the seeds as points."""
    for at, (_, read) in enumerate(SHARES):
        shares = [share for part in group if (share := read(part)) is not None]
        if shares:
            x = at + 0.26 * (place - 1)
            axes.bar(x, np.mean(shares), 0.24, color=colour, alpha=0.8, label=label if at == 0 else None)
            axes.plot([x] * len(shares), shares, ".", color="#222222", markersize=4)


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
