"""What a person sees while a benchmark runs: what is done, what runs and how far, what failed, time left.

On a terminal a small table that stays in place; elsewhere a line for each job that is done, and one now and
then for the rest. Text of foreign code is escaped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lmgym.bench.result_record import Failure
from lmgym_agents.bench.plan import Task
from lmgym_agents.bench.time_left import TimeLeft, format_seconds
from lmgym_agents.report.visible_text import visible_text

_LINE_EVERY_S: Final = 30.0
_MAX_MESSAGE_CHARS: Final = 300
_PHASES: Final = {"start": "measuring", "train": "training", "end": "measuring"}


@dataclass
class _Shown:
    """A task that runs."""

    task: Task
    begun: float
    phase: str = ""
    share: float = 0.0

    @property
    def trained(self) -> float:
        """The share of the training that is done."""
        return {"train": self.share, "end": 1.0}.get(self.phase, 0.0)

    @property
    def words(self) -> str:
        phase = visible_text(_PHASES.get(self.phase, self.phase))
        return f"{phase} {self.share:.0%}" if phase else "begun"


class BenchDisplay:
    """Shows the tasks of a bench; a ``scheduler.Listener`` and a context manager."""

    def __init__(self, console: Console, *, num_jobs: int, num_done: int, num_slots: int) -> None:
        """Chooses the form by whether ``console`` is a terminal.

        Args:
            console: where to.
            num_jobs: of the plan, warm starts not counted.
            num_done: of them, finished by an earlier run.
            num_slots: tasks at a time.
        """
        self.console = console
        self._num_jobs, self._num_done, self._num_slots = num_jobs, num_done, num_slots
        self._num_failed = 0
        self._running: dict[str, _Shown] = {}
        self._left = TimeLeft()
        self._waiting: Sequence[Task] = ()
        self._last_line = time.monotonic()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def begun(self, task: Task) -> None:
        """Shows a task that runs from now on."""
        self._running[task.folder] = _Shown(task, time.monotonic())

    def progressed(self, task: Task, what: str, share: float) -> None:
        """Shows how far a task is."""
        if task.folder in self._running:
            shown = self._running[task.folder]
            shown.phase, shown.share = what, share

    def lost(self, task: Task) -> None:
        """Says of a task that it was killed by somebody else, and will begin again."""
        self._running.pop(task.folder, None)
        self._say(Text.assemble(("killed  ", "yellow"), f"{_label(task)}: by somebody else; it begins again"))

    def finished(self, task: Task, failure: Failure | None, seconds: float | None) -> None:
        """Says of a task that it is done, or why it failed."""
        self._running.pop(task.folder, None)
        if task.kind == "job":
            self._num_done += 1
            self._num_failed += failure is not None
        if seconds is not None and failure is None:
            self._left.learn(task, seconds)
        if failure is not None:
            self._say(Text.assemble(("failed  ", "bold red"), f"{_label(task)}: {describe_failure(failure)}"))
        elif task.kind == "job" or not self.console.is_terminal:
            took = f"  {format_seconds(seconds)}" if seconds is not None else ""
            self._say(Text.assemble(("done    ", "green"), f"{_label(task)}{took}", f"  ({self._counts()})"))

    def tick(self, waiting: Sequence[Task]) -> None:
        """Notes what has not begun; where there is no terminal, prints a line if none came for long."""
        self._waiting = waiting
        if not self.console.is_terminal and time.monotonic() - self._last_line > _LINE_EVERY_S:
            running = ", ".join(f"{_label(s.task)} {s.words}" for s in self._running.values())
            self._say(Text(f"{self._counts()}; running: {running}{self._time_left()}"))

    def _say(self, text: Text) -> None:
        self._last_line = time.monotonic()
        self.console.print(text, soft_wrap=True)

    def _counts(self) -> str:
        failed = f", {self._num_failed} failed" if self._num_failed else ""
        return f"{self._num_done} of {self._num_jobs} jobs{failed}"

    def _time_left(self) -> str:
        now = time.monotonic()
        running = [(s.task, s.trained, now - s.begun) for s in list(self._running.values())]
        seconds = self._left.estimate(self._waiting, running, self._num_slots)
        return "" if seconds is None else f"; about {format_seconds(seconds)} left"

    def _render(self) -> Group:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        now = time.monotonic()
        for shown in list(self._running.values()):
            bar = ProgressBar(total=1.0, completed=shown.trained, width=16)
            table.add_row(
                Text(_label(shown.task)),
                bar,
                Text(shown.words, style="dim"),
                format_seconds(now - shown.begun),
            )
        total = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(total=max(self._num_jobs, 1), completed=self._num_done, width=32)
        total.add_row(bar, Text(f"{self._counts()}{self._time_left()}", style="bold"))
        return Group(table, total)


def _label(task: Task) -> str:
    return visible_text(task.label, max_chars=100)


def describe_failure(failure: Failure) -> str:
    """Returns kind, message and place in a line that is safe to show."""
    message = visible_text(failure.message.split("\n", 1)[0], max_chars=_MAX_MESSAGE_CHARS)
    where = f" ({visible_text(failure.where, max_chars=200)})" if failure.where else ""
    return f"{failure.kind.replace('_', ' ')}: {message}{where}"
