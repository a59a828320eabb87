"""What a person sees while something is trained: which stage, how far, how well, how fast, how long.

On a terminal a bar for each stage and a line of numbers; elsewhere (a log file) a line every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_SHOWN: Final = (
    ("success", "success {:.1%}"), ("validation_success", "validation {:.1%}"), ("loss", "loss {:.3f}"),
    ("accuracy", "accuracy {:.1%}"), ("gold", "gold {:.3f}"), ("proxy", "proxy {:.3f}"),
    ("kl_reference", "KL {:.3f}"), ("entropy", "entropy {:.3f}"),
)  # fmt: skip
_RATES: Final = (
    ("generated_tokens_per_s", "{:,.0f} tok/s sampled"),
    ("updated_tokens_per_s", "{:,.0f} learned"),
)
_LINE_EVERY_S: Final = 10.0


class TrainingDisplay:
    """Shows the stages of a run; a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        """Chooses the form by whether ``console`` (default: standard output) is a terminal."""
        self.console = console or Console(highlight=False)
        self._bars = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        # The numbers have a line of their own: beside the bar they would push it off a narrow terminal.
        self._status = Text(overflow="ellipsis", no_wrap=True)
        self._live = Live(Group(self._bars, self._status), console=self.console, refresh_per_second=4)
        self._bar: TaskID | None = None
        self._name, self._total, self._done = "", 0, 0
        self._begun = self._last_line = 0.0
        self._kept: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.truncate(0)
        self._live.stop()

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Starts a stage of ``total`` updates, of which ``done`` were done by an earlier process."""
        self._name, self._total, self._done = name, total, done
        self._begun, self._last_line, self._kept = time.monotonic(), 0.0, {}
        self._bar = self._bars.add_task(name, total=total, completed=done)

    def advance(self, metrics: Mapping[str, Any], timing: Mapping[str, float]) -> None:
        """Shows one more update."""
        self._done += 1
        # Numbers that are not measured in every update (the validation accuracy) stay until the next time.
        self._kept |= {name: metrics[name] for name, _ in _SHOWN if metrics.get(name) is not None}
        parts = [form.format(self._kept[name]) for name, form in _SHOWN if name in self._kept]
        parts += [form.format(timing[name]) for name, form in _RATES if name in timing]
        status = "  ".join(parts)
        if self._bar is not None:
            self._bars.update(self._bar, completed=self._done)
        self._status.plain = status
        now = time.monotonic()
        if not self.console.is_terminal and (
            now - self._last_line > _LINE_EVERY_S or self._done == self._total
        ):
            self._last_line = now
            elapsed = now - self._begun
            self.say(f"{self._name} {self._done}/{self._total}  {status}  {elapsed:.0f} s")

    def finish(self) -> None:
        """Marks the stage as done, also where it ended before its last update."""
        if self._bar is not None:
            self._bars.update(self._bar, total=self._done, completed=self._done)
            self._bars.stop_task(self._bar)
        if not self.console.is_terminal and self._done < self._total:
            self.say(f"{self._name} done after {self._done} updates, {time.monotonic() - self._begun:.0f} s")

    def say(self, message: str) -> None:
        """Prints a line above the bars."""
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)
