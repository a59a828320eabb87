"""The picture of benchmarks/search.py: accuracy against compute, one panel a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter


def draw(rows: Sequence[Mapping[str, Any]], colours: Mapping[str, str], path: Path) -> None:
    """Draws one panel a task: success against the budget of model tokens.

    Args:
        rows: of the record.
        colours: of each method, in the order of the legend.
        path: of the PNG.
    """
    names = list(dict.fromkeys(row["environment"] for row in rows))
    figure = Figure(figsize=(4.1 * len(names), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    handles: dict[str, Any] = {}
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [row for row in rows if row["environment"] == name]
        for method, colour in colours.items():
            points = [(row["budget"], row["success"], row) for row in own if row["method"] == method]
            if not points:
                continue
            x, y = [point[0] for point in points], [point[1] for point in points]
            if method == "greedy":
                handles[method] = axis.axhline(y[0], color=colour, lw=1.4, ls=(0, (4, 3)))
                continue
            (handles[method],) = axis.plot(x, y, color=colour, lw=2.0, marker="o", ms=3.5)
            lows, highs = ([point[2][end] for point in points] for end in ("low", "high"))
            axis.fill_between(x, lows, highs, color=colour, alpha=0.07, lw=0)
        budgets = sorted({row["budget"] for row in own})
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(FixedLocator(budgets))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xticklabels([str(budget) for budget in budgets])
        axis.set_ylim(0, 1.02)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        how = "first correct one" if own[0]["accept"] == "verifier" else "chosen by value or votes"
        short = name.removeprefix("lmgym/")
        axis.set_title(f"{short}, level {own[0]['level']}\n{how}", fontsize=10)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("model tokens for each problem, at most", fontsize=10)
    figure.supylabel("held-out problems solved", fontsize=10)
    order = [method for method in colours if method in handles]
    figure.legend(
        [handles[name] for name in order],
        order,
        loc="outside upper center",
        ncols=5,
        fontsize=9,
        frameon=False,
    )
    figure.savefig(path, dpi=120)
