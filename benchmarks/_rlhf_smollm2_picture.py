"""The picture of ``rlhf_smollm2.py``: PPO's curve, the gold before and after RLAIF, the judge's agreement.

In: the rows of its record. Out: a PNG file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

NAMES = {
    "gold": "verdicts by the gold",
    "judge": "SmolLM2 judges,\nconstitution of the task",
    "coin": "verdicts by a coin",
    "judge_shipped": "SmolLM2 judges,\nconstitution that ships",
}
"""Of the annotators."""
JUDGES = ("judge", "judge_shipped")


def of(rows: Sequence[dict[str, Any]], part: str, annotator: str | None = None) -> list[dict[str, Any]]:
    """Returns the rows of a part."""
    return [
        row for row in rows if row["part"] == part and (annotator is None or row["annotator"] == annotator)
    ]


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws PPO's curve of SmolLM2-135M, and gold and agreement of RLAIF."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    curve, golds, agree = figure.subplots(1, 3, width_ratios=(1.1, 1, 0.9))
    for row in of(rows, "rlhf"):
        _draw_curve(curve, row)
    _draw_golds(golds, rows)
    _draw_agreement(agree, rows)
    for axis in (curve, golds, agree):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    figure.savefig(path, dpi=110)


def _draw_curve(axis: Axes, row: Mapping[str, Any]) -> None:
    points = np.array(row["curve"])
    x = np.arange(1, len(points) + 1)
    axis.plot(x, points[:, 1], color="#0072B2", lw=1.8, label="gold, while training")
    other = axis.twinx()
    other.plot(x, points[:, 2], color="#D55E00", lw=1.3, label="reward model (right)")
    other.plot(x, points[:, 0], color="#8A8A8A", lw=1.3, ls="--", label="KL to SFT, nats (right)")
    other.spines[["top"]].set_visible(False)
    for place, (name, label) in enumerate((("sft", "SFT"), ("after", "after PPO"))):
        gold = row[name]["gold"]
        where = 0 if place == 0 else len(points) + 1
        axis.errorbar(
            where, gold["mean"], [[gold["mean"] - gold["low"]], [gold["high"] - gold["mean"]]], fmt="o",
            color="#1A1A1A", ms=4, capsize=2, label="gold, held-out prompts, 95 %" if place else None,
        )  # fmt: skip
        axis.annotate(f"{label} {gold['mean']:.2f}", (where, gold["mean"]), textcoords="offset points",
                      xytext=(8, 10) if place == 0 else (-70, 10), fontsize=9)  # fmt: skip
    axis.set_title("SmolLM2-135M, RLHF", fontsize=12, loc="left")
    axis.set_xlabel("iteration of PPO", fontsize=9.5)
    axis.set_ylabel("gold score", fontsize=9.5)
    axis.set_ylim(0, 1)
    handles = [*axis.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    axis.legend(
        handles=handles, fontsize=8.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2
    )


def _draw_golds(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    shown = [name for name in NAMES if of(rows, "rlaif", name)]
    for place, name in enumerate(reversed(shown)):
        own = of(rows, "rlaif", name)
        for number, row in enumerate(own):
            y = place + (number - (len(own) - 1) / 2) * 0.2
            before, after = row["sft"]["gold"], row["after"]["gold"]
            axis.annotate(
                "",
                (after["mean"], y),
                (before["mean"], y),
                arrowprops={"arrowstyle": "-|>", "color": "#8A8A8A"},
            )
            axis.plot(before["mean"], y, "o", color="#8A8A8A", ms=4)
            axis.plot([after["low"], after["high"]], [y, y], color="#0072B2", lw=1)
            axis.plot(after["mean"], y, "o", color="#0072B2", ms=4)
    axis.set_yticks(range(len(shown)), [NAMES[name] for name in reversed(shown)], fontsize=9)
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.set_title("Tiny policy: before and after PPO", fontsize=12, loc="left")
    axis.set_xlabel("gold of held-out responses, 95 %", fontsize=9.5)


def _draw_agreement(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    lines = [
        (label, row[part])
        for row in of(rows, "agreement")
        if row["annotator"] in JUDGES
        for label, part in (
            (NAMES[row["annotator"]], "judge"), ("the longer one wins", "longer"),
        )
    ]  # fmt: skip
    for place, (_, found) in enumerate(reversed(lines)):
        axis.plot([found["low"], found["high"]], [place, place], color="#0072B2", lw=1.2)
        axis.plot(found["agreement"], place, "o", color="#0072B2", ms=5)
    axis.axvline(0.5, color="#D55E00", lw=1.2, ls="--")
    axis.set_yticks(range(len(lines)), [label for label, _ in reversed(lines)], fontsize=9)
    axis.set_title("Agreement with the gold", fontsize=12, loc="left")
    axis.set_ylim(-0.6, len(lines) - 0.4)
    axis.set_xlabel("share of pairs, 95 % (dashed: chance)", fontsize=9.5)
