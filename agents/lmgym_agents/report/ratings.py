"""Draws ratings over checkpoints, beside the table of who beat whom."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lmgym_agents.report.curves import BLUE, GREEN, VERMILLION


def draw_ratings(ratings: Mapping[str, Any], *, title: str = "") -> bytes:
    """Returns a PNG: Elo over iterations with intervals, and the share of points of each pair.

    Args:
        ratings: ``names`` (a random player first, a perfect one last, iterations between), ``elo``, ``low``,
            ``high``, and ``points``, the points of row against column.
        title: above both panels.
    """
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    draw_elo(left, ratings)
    _draw_crosstable(right, ratings)
    figure.suptitle(title, fontsize=11)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def draw_elo(axis: Axes, ratings: Mapping[str, Any]) -> None:
    """Draws Elo over iterations, with lines for the random and the perfect player."""
    iterations = [int(name) for name in ratings["names"][1:-1]]
    elo, low, high = (np.array(ratings[name]) for name in ("elo", "low", "high"))
    axis.fill_between(iterations, low[1:-1], high[1:-1], color=BLUE, alpha=0.2, linewidth=0)
    axis.plot(iterations, elo[1:-1], color=BLUE, marker="o", markersize=3.5, label="earlier selves")
    axis.axhline(elo[-1], color=GREEN, linestyle="--", linewidth=1, label="perfect player")
    axis.axhline(elo[0], color=VERMILLION, linestyle=":", linewidth=1, label="random player")
    axis.set_xlabel("iterations of self-play")
    axis.set_ylabel("Elo")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_crosstable(axis: Axes, ratings: Mapping[str, Any]) -> None:
    points = np.array(ratings["points"])
    games = points + points.T
    shares = np.divide(points, games, out=np.full_like(points, np.nan), where=games > 0)
    image = axis.imshow(shares, cmap="RdBu", vmin=0, vmax=1)
    names = ratings["names"]
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_title("points of the row against the column", fontsize=9)
    axis.figure.colorbar(image, ax=axis, shrink=0.8)
