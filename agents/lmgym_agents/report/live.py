"""Draws one frame of a running training for a terminal: how far, the curves, the latest episodes.

In: a ``LiveRun`` and the size of the terminal. Out: something that rich prints, of at most that size. What a
model or a foreign agent wrote is made visible first, so that no terminal obeys it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from lmgym.errors import MissingDependencyError
from lmgym_agents.report.live_run import LiveRun, Sample, Series
from lmgym_agents.report.visible_text import visible_text


class Curve(NamedTuple):
    """What one panel shows: the first of its metrics that there is."""

    title: str
    names: tuple[str, ...]
    form: str = "{:.3g}"


CURVES: Final = (
    Curve("success", ("success", "accuracy", "validation_success", "held_out"), "{:.1%}"),
    Curve("reward", ("reward", "score", "gold"), "{:.3f}"),
    Curve("KL to the reference", ("kl_reference", "approx_kl_k3", "kl"), "{:.4f}"),
    Curve("entropy of a token", ("entropy", "policy_entropy"), "{:.3f}"),
    Curve("loss", ("loss", "value_loss", "td_error", "nll"), "{:.4f}"),
    Curve("tokens/s", ("timing/generated_tokens_per_s", "timing/updated_tokens_per_s"), "{:,.0f}"),
)
_MIN_PANEL_HEIGHT: Final = 7
_SAMPLE_LINES: Final = 3
_BAR: Final = 24


def draw_frame(run: LiveRun, *, name: str, age_s: float | None, width: int, height: int) -> RenderableType:
    """Returns the picture of a run.

    Args:
        run: what is known of it.
        name: of the run.
        age_s: seconds since something was written last; None: nothing is there yet.
        width: of the terminal, in cells.
        height: of the terminal, in lines.

    Raises:
        MissingDependencyError: plotext is not installed.
    """
    lines = _head(run, name, age_s)
    if not run.num_records:
        return Group(*lines)
    panels = _panels(run)
    columns = max(1, min(3, width // 40))
    num_rows = -(-len(panels) // columns)
    num_samples = min(len(run.samples), 3)
    room = height - len(lines) - num_samples * _SAMPLE_LINES - 2
    while num_rows > 1 and room // num_rows < _MIN_PANEL_HEIGHT:
        num_rows -= 1
    panel_height = max(_MIN_PANEL_HEIGHT, min(14, room // max(1, num_rows)))
    shown = panels[: columns * num_rows]
    grid = Table.grid(padding=0)
    for first in range(0, len(shown), columns):
        cells = [
            draw_curve(*panel, width // columns, panel_height) for panel in shown[first : first + columns]
        ]
        grid.add_row(*cells)
    parts: list[RenderableType] = [*lines, grid]
    if num_samples:
        parts.append(Rule("what it says", style="dim"))
    for sample in list(run.samples)[: -num_samples - 1 : -1]:
        parts.extend(_sample_lines(sample))
    return Group(*parts)


def _head(run: LiveRun, name: str, age_s: float | None) -> list[Text]:
    title = Text(visible_text(name, max_chars=120), style="bold", no_wrap=True, overflow="ellipsis")
    if not run.num_records:
        why = "is not there yet" if age_s is None else "holds no record yet"
        return [title, Text(f"its metrics file {why}", style="dim")]
    far = f"step {run.step:,}"
    if run.stage_step is not None and run.stage_total:
        share = min(1.0, run.stage_step / run.stage_total)
        full = int(share * _BAR)
        far = f"{'━' * full}{'─' * (_BAR - full)} {run.stage_step:,}/{run.stage_total:,}  {share:.0%}"
    words = [visible_text(run.stage, max_chars=30), far]
    if run.seconds_left is not None:
        words.append(f"{in_words(run.seconds_left)} left")
    if age_s is not None:
        words.append(f"written {in_words(age_s)} ago")
    lines = [title, Text("  ".join(filter(None, words)), no_wrap=True, overflow="ellipsis")]
    for note in run.notes:
        lines.append(Text(visible_text(note, max_chars=200), style="red", no_wrap=True, overflow="ellipsis"))
    return lines


def _panels(run: LiveRun) -> list[tuple[str, Series]]:
    """Returns titles with their curves: the known ones, or else whatever numbers there are."""
    panels = []
    for curve in CURVES:
        found = next((name for name in curve.names if name in run.series), None)
        if found is not None:
            series = run.series[found]
            panels.append((f"{curve.title}  {curve.form.format(series.last)}", series))
    if panels:
        return panels
    return [
        (f"{visible_text(name, max_chars=24)}  {series.last:.4g}", series)
        for name, series in list(run.series.items())[: len(CURVES)]
    ]


def draw_curve(title: str, series: Series, width: int, height: int) -> Text:
    """Returns a curve with its axes, ``width`` cells by ``height`` lines.

    Raises:
        MissingDependencyError: plotext is not installed.
    """
    plotext = _load_plotext()
    steps, values = series.steps, series.values
    figure = plotext.figure
    figure.clear()
    figure.theme("simple")
    plotext.terminal.limit(False, False)
    figure.plot_size(max(20, width), max(4, height))
    figure.title(title)
    figure.draw(figure.signal(steps, values, marker="braille").lines())
    low, high = min(values), max(values)
    middle = (steps[0] + steps[-1]) / 2
    figure.ruler("x").ticks(
        [steps[0], middle, steps[-1]], [f"{step:.0f}" for step in (steps[0], middle, steps[-1])]
    )
    if high - low < 1e-9 * max(1.0, abs(high)):  # a flat line would hang in the air, its axis unreadable
        low, high = low - 0.5 * max(abs(low), 1e-3), high + 0.5 * max(abs(high), 1e-3)
    figure.ruler("y").lim(low, high)
    heights = [low, (low + high) / 2, high]
    figure.ruler("y").ticks(heights, [_tick(y, high - low) for y in heights])
    text = Text.from_ansi(str(figure.build()).rstrip("\n"), no_wrap=True, overflow="crop")
    figure.clear()
    return text


def _tick(y: float, spread: float) -> str:
    if abs(y) < 1e-3 * spread:
        return "0"
    return f"{y:,.0f}" if 1e3 <= abs(y) < 1e9 else f"{y:.3g}"


def _load_plotext() -> Any:
    try:
        import plotext
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            'drawing curves in the terminal needs plotext: pip install "lmgym[agents]"'
        ) from error
    return plotext


def _sample_lines(sample: Sample) -> list[Text]:
    reward = "" if sample.reward is None else f"  reward {sample.reward:.3g}"
    style: Mapping[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
    return [
        Text(f"step {sample.step:,}{reward}", style="bold", **style),
        Text("  asked: " + visible_text(sample.prompt, max_chars=300), style="dim", **style),
        Text("  said:  " + visible_text(sample.response, max_chars=300), **style),
    ]


def in_words(seconds: float) -> str:
    """Returns a duration such as "3 h 20 min" or "12 s"."""
    whole = round(min(seconds, 1e9))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
