"""The picture of benchmarks/overoptimisation.py: gold and proxy against the root of the KL divergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TITLES = {
    "size": "size of the reward model",
    "data": "number of comparisons",
    "noise": "verdicts turned round",
    "remedy": "remedies",
}
WINDOW = 7


def draw(rows: Rows, path: Path) -> None:
    """Draws one column a study: PPO's gold, best of n's gold, and PPO's proxy.

    Args:
        rows: of finished runs.
        path: of the PNG.
    """
    studies = [study for study in TITLES if any(row["study"] == study for row in rows)]
    figure = Figure(figsize=(4.1 * len(studies), 9.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, len(studies), squeeze=False, sharey="row")
    for column, study in enumerate(studies):
        own = [row for row in rows if row["study"] == study]
        for number, label in enumerate(dict.fromkeys(row["label"] for row in own)):
            runs = [row for row in own if row["label"] == label]
            colour = COLOURS[number % len(COLOURS)]
            _draw_runs(axes[0][column], runs, "ppo", "gold", colour, label)
            if study != "remedy" or runs[0]["kl_coefficient"] == 0:
                _draw_runs(axes[1][column], runs, "best_of_n", "gold", colour, label)
            _draw_runs(axes[2][column], runs, "ppo", "proxy", colour, label)
        axes[0][column].set_title(TITLES[study], fontsize=12)
        axes[0][column].legend(fontsize=8.5, frameon=False, loc="lower left")
        axes[2][column].set_xlabel("square root of KL from SFT (nats)", fontsize=9.5)
    names = ("PPO: gold (true) score", "best of n: gold (true) score", "PPO: proxy (learned) score")
    for line, name in zip(axes, names, strict=True):
        line[0].set_ylabel(name, fontsize=10.5)
    sft = float(np.mean([row["best_of_n"][0]["gold"] for row in rows]))
    for line in axes[:2]:
        for axis in line:
            axis.axhline(sft, color="#8A8A8A", lw=1, ls=":")
        line[-1].annotate(
            "SFT", (1, sft), xycoords=("axes fraction", "data"), textcoords="offset points", xytext=(-22, 3),
            fontsize=8, color="#666666",
        )  # fmt: skip
    for axis in axes.flat:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Optimising a learned reward: the proxy keeps rising, the gold score turns "
        "(lmgym/Sentiment-v0; thin: seeds, thick: their mean)",
        fontsize=12.5,
    )
    figure.savefig(path, dpi=110)


def _draw_runs(axis: Axes, runs: Rows, method: str, name: str, colour: str, label: str) -> None:
    """Draws each seed thinly, and their mean by the distance where all seeds have been."""
    curves = []
    for run in runs:
        points = run[method]
        x = np.sqrt(np.maximum(_smooth([p["kl"] for p in points], method), 0))
        y = _smooth([p[name] for p in points], method)
        axis.plot(x, y, color=colour, lw=0.8, alpha=0.35)
        curves.append((x, y))
    # Against iterations and not against KL, which does not always grow; both coordinates are means.
    length = min(len(x) for x, _ in curves)
    x, y = (np.mean([curve[part][:length] for curve in curves], axis=0) for part in (0, 1))
    axis.plot(x, y, color=colour, lw=2.2, label=label)


def _smooth(values: Sequence[float], method: str) -> np.ndarray:
    if method != "ppo" or len(values) < WINDOW:
        return np.asarray(values, np.float64)
    kernel = np.ones(WINDOW)
    weights = np.convolve(np.ones(len(values)), kernel, mode="same")
    found: np.ndarray = np.convolve(values, kernel, mode="same") / weights
    assert math.isfinite(found[0])
    return found
