"""Figures of a benchmark, as plain Plotly figures: aggregates, profiles, comparisons, curves, abilities.

In: a ``BenchPart``. Out: dicts that ``Plotly.newPlot`` takes. Left out: colours of the page's ground and
text, which the page sets by itself, light or dark.

Names come from anybody, and Plotly reads some HTML in texts: ``figure_text`` makes them harmless.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lmgym.bench.curves import AXES, EfficiencyCurve, efficiency_curves
from lmgym.bench.leaderboard import LeaderboardRow
from lmgym.bench.result_record import Result
from lmgym.bench.statistics import Estimate, estimate_profile
from lmgym_agents.report.html.bench_results import BenchPart
from lmgym_agents.report.visible_text import visible_text

COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C7A00", "#7F7F7F")
"""Okabe and Ito's, which people who see few colours can tell apart, without yellow and black."""
DASHES: Final = ("solid", "dash", "dot", "dashdot")
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "pentagon")
AXIS_TITLES: Final = {
    "num_tokens": "tokens acted, share of the budget",
    "num_gradient_steps": "gradient steps",
    "flops": "FLOPs of training",
}
_RESAMPLES: Final = 500
"""Of the bands of curves; the leaderboard's intervals have 2,000."""

Figure = dict[str, Any]


def figure_text(text: str, *, max_chars: int = 48) -> str:
    """Returns text as Plotly shows it unchanged: invisible characters spelt out, no HTML."""
    return html.escape(visible_text(text, max_chars=max_chars))


def bench_figures(part: BenchPart) -> dict[str, Any]:
    """Returns all figures of a suite by the names that the page knows; those without data are left out."""
    styles = {row.agent: _style(place) for place, row in enumerate(part.rows)}
    ranked = [row.agent for row in part.rows if row.iqm is not None]
    figures: dict[str, Any] = {"entries": {}}
    if ranked:
        figures["aggregate"] = aggregate_figure(part)
        figures["profile"] = profile_figure(part, ranked, styles)
    if len({one for one, _ in part.improvement}) > 1:
        figures["improvement"] = improvement_figure(part)
    figures["curves"] = _curve_figures(part, part.results, styles, None)
    for entry in part.suite.entries:
        mine = [result for result in part.results if result.entry == entry.name]
        if not mine:
            continue
        figures["entries"][entry.name] = _curve_figures(part, mine, styles, entry.name)
    if any(len(row.abilities) > 2 for row in part.rows):
        figures["abilities"] = ability_figure(part, styles)
    return figures


def _curve_figures(
    part: BenchPart, results: Sequence[Result], styles: dict[str, dict[str, str]], entry: str | None
) -> dict[str, Figure]:
    """Returns learning curves by axis, of one entry or of all."""
    figures: dict[str, Figure] = {}
    for axis in AXES:
        curves = efficiency_curves(
            results, part.suite, axis=axis, entry=entry, num_points=21 if entry else 41,
            num_resamples=_RESAMPLES,
        )  # fmt: skip
        most = max((curve.num_entries for curve in curves), default=0)
        whole = [curve for curve in curves if curve.num_entries == most]
        if whole:
            figures[axis] = curve_figure(whole, axis, styles)
            _name_those_left_out(figures[axis], [each.agent for each in curves if each.num_entries < most])
    return figures


def _name_those_left_out(figure: Figure, agents: Sequence[str]) -> None:
    """Says which agents lack entries that others have, whose means would be over easier or harder ones."""
    if agents:
        figure["layout"]["title"] = {
            "text": f"without {figure_text(', '.join(agents), max_chars=120)}, which lack entries",
            "font": {"size": 12}, "x": 0, "xref": "paper",
        }  # fmt: skip
        figure["layout"]["margin"]["t"] = 36


def _style(place: int) -> dict[str, str]:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "dash": DASHES[place // len(COLOURS) % len(DASHES)],
        "symbol": SYMBOLS[place % len(SYMBOLS)],
    }


def aggregate_figure(part: BenchPart) -> Figure:
    """Returns interquartile mean, median, mean and optimality gap of each agent with their intervals."""
    columns = (("IQM", "iqm"), ("median", "median"), ("mean", "mean"), ("optimality gap", "optimality_gap"))
    rows = [row for row in part.rows if row.iqm is not None]
    names = [figure_text(row.agent) for row in rows]
    data, layout = [], _layout(height=110 + 26 * len(rows))
    for place, (title, field) in enumerate(columns):
        number = "" if place == 0 else str(place + 1)
        found: list[Estimate] = [getattr(row, field) for row in rows]
        data.append(
            {
                "type": "scatter", "mode": "markers", "y": names, "x": _plain([e.value for e in found]),
                "error_x": _errors(found), "xaxis": f"x{number}", "yaxis": "y",
                "marker": {"size": 6, "color": COLOURS[5 if field == "optimality_gap" else 0]},
                "customdata": [_plain(e[1:3]) for e in found],
                "hovertemplate": f"%{{y}}<br>{title} %{{x:.3f}}<br>"
                "95 %: %{customdata[0]:.3f} to %{customdata[1]:.3f}<extra></extra>",
            }
        )  # fmt: skip
        width = 1 / len(columns)
        layout[f"xaxis{number}"] = {
            "title": {"text": title + (" (lower is better)" if field == "optimality_gap" else "")},
            "domain": [place * width + (0.02 if place else 0), (place + 1) * width - 0.01],
            "zeroline": False,
            "range": _span([bound for row in rows for e in _aggregates(row) for bound in e]),
        }
    layout["yaxis"] = {"autorange": "reversed", "automargin": True, "type": "category"}
    return {"data": data, "layout": layout | {"showlegend": False}}


def _aggregates(row: LeaderboardRow) -> list[tuple[float, float]]:
    found = (row.iqm, row.median, row.mean, row.optimality_gap)
    return [(e.low, e.high) for e in found if e is not None]


def _span(numbers: Sequence[float]) -> list[float]:
    """Returns a range that holds 0, 1 and all numbers, with some room."""
    low, high = min(0.0, *numbers), max(1.0, *numbers)
    return [low - 0.04 * (high - low), high + 0.04 * (high - low)]


def profile_figure(part: BenchPart, agents: Sequence[str], styles: dict[str, dict[str, str]]) -> Figure:
    """Returns the share of runs above each score, with bands."""
    scores = np.concatenate([np.concatenate(list(part.table.strata(agent))) for agent in agents])
    low, high = min(0.0, float(scores.min())), max(1.0, float(scores.max()))
    at = np.linspace(low, high, 81)
    data: list[dict[str, Any]] = []
    for agent in agents:
        share, lower, upper = estimate_profile(part.table.strata(agent), at, num_resamples=_RESAMPLES)
        data += _band(agent, at, share, lower, upper, styles[agent], "score %{x:.2f}: %{y:.0%} of runs")
    layout = _layout(height=420)
    layout["xaxis"] = {"title": {"text": "normalised score τ (0 random, 1 optimal)"}}
    layout["yaxis"] = {"title": {"text": "share of runs with a score above τ"}, "range": [-0.02, 1.02]}
    return {"data": data, "layout": layout}


def improvement_figure(part: BenchPart) -> Figure:
    """Returns how probably a run of the row's agent beats one of the column's, for all pairs."""
    agents = [row.agent for row in part.rows if any(row.agent in pair for pair in part.improvement)]
    names = [figure_text(agent) for agent in agents]
    found = [[part.improvement.get((one, other)) for other in agents] for one in agents]
    data = {
        "type": "heatmap", "x": names, "y": names, "zmin": 0, "zmax": 1, "xgap": 1, "ygap": 1,
        "z": [[None if e is None else round(e.value, 4) for e in row] for row in found],
        "text": [["" if e is None else f"{e.value:.2f}" for e in row] for row in found],
        "customdata": [[None if e is None else f"{e.low:.2f} to {e.high:.2f}" for e in row] for row in found],
        "texttemplate": "%{text}", "colorscale": [[0, "#D55E00"], [0.5, "#F4F4F4"], [1, "#0072B2"]],
        "colorbar": {"title": {"text": "P(row better)"}, "thickness": 12},
        "hovertemplate": "%{y} better than %{x}: %{text}<br>95 %: %{customdata}<extra></extra>",
    }  # fmt: skip
    layout = _layout(height=max(320, 150 + 34 * len(agents)))
    layout["xaxis"] = {"type": "category", "automargin": True, "tickangle": -40}
    layout["yaxis"] = {"type": "category", "automargin": True, "autorange": "reversed"}
    return {"data": [data], "layout": layout}


def curve_figure(curves: Sequence[EfficiencyCurve], axis: str, styles: dict[str, dict[str, str]]) -> Figure:
    """Returns scores by what was spent, with bands, an agent a line."""
    data: list[dict[str, Any]] = []
    order = list(styles)
    for curve in sorted(curves, key=lambda curve: order.index(curve.agent)):
        data += _band(
            curve.agent, curve.x, curve.score, curve.low, curve.high, styles[curve.agent],
            "%{x:.3s}: %{y:.3f}",
        )  # fmt: skip
    layout = _layout(height=420)
    layout["xaxis"] = {"title": {"text": AXIS_TITLES[axis]}, "rangemode": "tozero"}
    layout["yaxis"] = {"title": {"text": "normalised score on validation"}}
    if axis == "num_tokens":
        layout["xaxis"]["tickformat"] = ".0%"
        for trace in data:
            if "hovertemplate" in trace:
                trace["hovertemplate"] = trace["hovertemplate"].replace("%{x:.3s}", "%{x:.0%}")
    return {"data": data, "layout": layout}


def ability_figure(part: BenchPart, styles: dict[str, dict[str, str]]) -> Figure:
    """Returns each agent's mean score by ability, with intervals: a dot for each, beside one another."""
    data = []
    for row in part.rows:
        found = [(name, e) for name, e in row.abilities.items() if e is not None]
        if not found:
            continue
        style = styles[row.agent]
        data.append(
            {
                "type": "bar", "orientation": "v", "name": figure_text(row.agent),
                "x": [name.replace("_", " ") for name, _ in found],
                "y": _plain([e.value for _, e in found]),
                "error_y": _errors([e for _, e in found]),
                "marker": {"color": style["color"]},
                "hovertemplate": "%{x}: %{y:.3f}",
            }
        )  # fmt: skip
    layout = _layout(height=440)
    layout |= {"barmode": "group", "bargap": 0.25}
    layout["xaxis"] = {"type": "category", "automargin": True}
    layout["yaxis"] = {"title": {"text": "mean normalised score"}}
    return {"data": data, "layout": layout}


def _band(
    name: str, x: NDArray[Any], y: NDArray[Any], low: NDArray[Any], high: NDArray[Any],
    style: dict[str, str], hover: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """Returns the band and the line of an agent, which its name in the legend hides together."""
    label, xs = figure_text(name), _plain(x)
    red, green, blue = (int(style["color"][at : at + 2], 16) for at in (1, 3, 5))
    band = {
        "type": "scatter", "mode": "lines", "x": [*xs, *reversed(xs)],
        "y": [*_plain(high), *reversed(_plain(low))], "fill": "toself", "line": {"width": 0},
        "fillcolor": f"rgba({red},{green},{blue},0.15)", "hoverinfo": "skip", "showlegend": False,
        "legendgroup": label,
    }  # fmt: skip
    line = {
        "type": "scatter", "mode": "lines", "x": xs, "y": _plain(y), "name": label, "legendgroup": label,
        "line": {"color": style["color"], "dash": style["dash"], "width": 2.2}, "hovertemplate": hover,
    }  # fmt: skip
    return [band, line]


def _errors(found: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "thickness": 2.5, "width": 5,
        "array": _plain([max(0.0, e.high - e.value) for e in found]),
        "arrayminus": _plain([max(0.0, e.value - e.low) for e in found]),
    }  # fmt: skip


def _plain(values: Any) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _layout(*, height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 60, "r": 16, "t": 16, "b": 56},
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.22, "yanchor": "top"},
    }
