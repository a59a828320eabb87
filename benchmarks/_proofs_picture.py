"""The picture of benchmarks/proofs.py: PPO's curves, success by length of proof, search at equal tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _proofs_measure import BUDGETS, METHODS, SEARCHED
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter

from lmgym_agents.intervals import wilson_interval

Rows = Sequence[Mapping[str, Any]]
TURNS = {"proof": ("a proof at a time", "#0072B2"), "line": ("a line at a time", "#D55E00")}
STAGES = {
    "sft": ("SFT", "#8A8A8A"),
    "ppo": ("then PPO", "#0072B2"),
    "more": ("more SFT instead", "#E69F00"),
}
MODEL_NAMES = {"value": "before PPO", "ppo": "after PPO"}
SPLIT_NAMES = {"test": "lengths trained on", "ood_length": "longer proofs"}


def draw(rows: Rows, path: Path) -> None:
    """Draws learning in the first line and search in the second.

    Args:
        rows: of the record.
        path: of the PNG.
    """
    learning = [row for row in rows if row["part"] == "learning"]
    search = [row for row in rows if row["part"] == "search"]
    figure = Figure(figsize=(13, 8.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, squeeze=False)
    _draw_curves(axes[0][0], learning)
    for axis, turn in zip(axes[0][1:], TURNS, strict=True):
        _draw_lengths(axis, turn, [row for row in learning if row["turn"] == turn])
    for axis, (stage, split) in zip(axes[1], SEARCHED, strict=True):
        own = [row for row in search if (row["stage"], row["split"]) == (stage, split)]
        _draw_search(axis, stage, split, own)
    handles, labels = axes[1][0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    for axis in axes.flat:
        axis.set_ylim(0, 1.02)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _draw_curves(axis: Axes, learning: Rows) -> None:
    for turn, (label, colour) in TURNS.items():
        curves = next((row["curves"] for row in learning if row["turn"] == turn and "curves" in row), [])
        for number, curve in enumerate(curves):
            x, y = [point[0] / 1e6 for point in curve], [point[1] for point in curve]
            axis.plot(x, y, color=colour, lw=1.5, alpha=0.8, label=label if number == 0 else None)
    axis.set_title("PPO, success while sampling; a curve a seed", fontsize=10)
    axis.set_xlabel("sampled tokens, millions", fontsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=9, frameon=False)


def _draw_lengths(axis: Axes, turn: str, own: Rows) -> None:
    trained: set[int] = set()
    for stage, (label, colour) in STAGES.items():
        counts: dict[int, list[int]] = {}
        for row in own:
            if row["stage"] == stage:
                counts |= {int(number): pair for number, pair in row["by_lines"].items()}
                trained |= {int(number) for number in row["by_lines"] if row["split"] == "test"}
        if not counts:
            continue
        x = sorted(counts)
        rates = [wilson_interval(*counts[number]) for number in x]
        low, high = ([getattr(rate, end) for rate in rates] for end in ("low", "high"))
        axis.plot(x, [rate.mean for rate in rates], color=colour, lw=1.8, marker="o", ms=4, label=label)
        axis.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    if trained:
        axis.axvspan(min(trained) - 0.5, max(trained) + 0.5, color="#009E73", alpha=0.08, lw=0)
        axis.text(max(trained) + 0.45, 1.0, "trained on", ha="right", va="top", fontsize=8, color="#00664A")
        axis.legend(fontsize=9, frameon=False)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_title(f"Greedy, {TURNS[turn][0]}, all seeds", fontsize=10)
    axis.set_xlabel("lines of the problem's own proof", fontsize=9)


def _draw_search(axis: Axes, stage: str, split: str, own: Rows) -> None:
    for method in METHODS:
        points = [row for row in own if row["method"] == method.name]
        x, y = [row["budget"] for row in points], [row["success"] for row in points]
        if not points:
            continue
        if method.name == "greedy":
            axis.axhline(y[-1], color=method.colour, lw=1.4, ls=(0, (4, 3)), label="greedy, one episode")
            continue
        axis.plot(x, y, color=method.colour, lw=1.9, marker="o", ms=3.5, label=method.name)
        low, high = ([row[end] for row in points] for end in ("low", "high"))
        axis.fill_between(x, low, high, color=method.colour, alpha=0.06, lw=0)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_locator(FixedLocator(BUDGETS))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([str(budget) for budget in BUDGETS])
    axis.set_title(f"Search, line-level model {MODEL_NAMES[stage]}: {SPLIT_NAMES[split]}", fontsize=10)
    axis.set_xlabel("model tokens a problem, at most", fontsize=9)
