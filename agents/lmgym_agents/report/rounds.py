"""The rounds of expert iteration as a table and as a picture.

Accuracy with what is out of distribution beside it, and what tells whether the loop still gets anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from rich.table import Table

from lmgym_agents.errors import MetricsError
from lmgym_agents.report.curves import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from lmgym_agents.round_diagnosis import RoundRecord

_OOD_COLOURS = (ORANGE, PURPLE, GREEN)


def make_round_table(history: Sequence[RoundRecord]) -> Table:
    """Returns a row for the start and for each round."""
    table = Table(title="Rounds: greedy success on held-out problems, and the loop's health")
    k = history[0].k if history else 1
    names = [name for name, _ in history[0].ood] if history else []
    for column in ("round", "level", "held out", *names, "pass@1", f"pass@{k}", "search", "newly solved",
                   "distinct", "entropy", "pool", "alarm"):  # fmt: skip
        table.add_column(column, justify="left" if column == "alarm" else "right")
    for record in history:
        alarm = ", ".join(record.alarms)
        table.add_row(
            str(record.round), str(record.level), f"{record.held_out:.1%}",
            *(f"{rate:.1%}" for _, rate in record.ood), f"{record.pass_1:.1%}", f"{record.pass_k:.1%}",
            _percent(record.search_success), _percent(record.newly_solved), f"{record.distinct:.2f}",
            f"{record.entropy:.3f}", f"{record.pool_solutions:,}",
            f"{alarm}: {record.remedy}" if record.remedy else alarm,
        )  # fmt: skip
    return table


def draw_rounds(history: Sequence[RoundRecord], *, title: str = "", subtitle: str = "") -> bytes:
    """Returns a PNG: accuracy by round on the left, the diagnosis on the right; alarms are marked.

    Raises:
        MetricsError: no round was measured.
    """
    if not history:
        raise MetricsError("no round was measured, so there is no curve to draw.")
    figure = Figure(figsize=(11, 4.6), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1.0))
    draw_accuracy(left, history)
    _draw_diagnosis(right, history)
    if title:
        figure.suptitle(f"{title}\n{subtitle}" if subtitle else title, x=0.012, ha="left", fontsize=13)
    picture = io.BytesIO()
    figure.canvas.print_png(picture, metadata={"Software": None})  # type: ignore[attr-defined]
    return picture.getvalue()


def draw_accuracy(axes: Axes, history: Sequence[RoundRecord]) -> None:
    """Draws held-out accuracy by round with the out-of-distribution splits beside it."""
    _line(axes, history, lambda r: r.held_out, "held out (greedy)", BLUE, "o-", 2.2)
    for (name, _), colour in zip(history[0].ood, _OOD_COLOURS * len(history[0].ood), strict=False):
        _line(axes, history, lambda r, name=name: dict(r.ood)[name], name, colour, "s--", 1.4)
    for number, record in enumerate(record for record in history if record.alarms):
        label = "_" if number else "alarm"  # one line in the legend stands for all
        axes.axvline(record.round, color=VERMILLION, linewidth=1.0, linestyle=":", label=label)
    _style(axes, "Accuracy")


def _draw_diagnosis(axes: Axes, history: Sequence[RoundRecord]) -> None:
    _line(axes, history, lambda r: r.pass_1, "pass@1", BLUE, "o-", 1.6)
    _line(axes, history, lambda r: r.pass_k, f"pass@{history[0].k}", SKY, "o-", 1.6)
    searched = [record for record in history if record.newly_solved is not None]
    if searched:
        _line(axes, searched, lambda r: r.newly_solved or 0.0, "newly solved", GREEN, "^-", 1.4)
    _style(axes, "Diagnosis")


def _line(
    axes: Axes,
    history: Sequence[RoundRecord],
    read: Callable[[RoundRecord], float],
    label: str,
    colour: str,
    form: str,
    width: float,
) -> None:
    rounds, values = [record.round for record in history], [read(record) for record in history]
    axes.plot(rounds, values, form, color=colour, linewidth=width, markersize=4.5, label=label)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylim(-0.02, 1.08)
    axes.set_xlabel("round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E9E9E9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8.5, loc="best")


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1%}"
