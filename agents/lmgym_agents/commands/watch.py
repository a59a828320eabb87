"""``lmgym watch``: a running training in the terminal, from its metrics file alone."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.live import Live

from lmgym.errors import InvalidValueError
from lmgym_agents.report.live import draw_frame
from lmgym_agents.report.live_run import LiveRun
from lmgym_agents.runs.metrics_tail import MetricsTail


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Shows a training while it runs: curves, what the model says, time left.

    It reads nothing but the metrics file, so it may be started and left at any time, also over a network
    drive. Leave with q or ctrl-c. Where the output is no terminal, one frame is printed.
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """folder of a run or of a job of a benchmark, or its metrics.jsonl; it may be still to come"""
    once: bool = False
    """print one frame and end"""
    every_s: float = 1.0
    """seconds between two looks at the file"""

    def __post_init__(self) -> None:
        if not 0.05 <= self.every_s <= 3600:
            raise InvalidValueError(f"--every-s is {self.every_s}; allowed: numbers from 0.05 to 3600.")


def run_watch(config: Watch) -> int:
    """Runs ``lmgym watch``; returns the exit code.

    Raises:
        LmgymError: the folder is none of a run.
        OSError: the metrics file can't be read.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    path = find_metrics(config.run)
    view = _View(path, console)
    if config.once or not console.is_terminal:
        while not view.read():
            pass
        console.print(view.frame())
        return 0
    with (
        contextlib.suppress(KeyboardInterrupt),
        _single_keys() as can_press,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            is_end = view.read()
            live.update(view.frame(), refresh=True)
            if _pressed_q(config.every_s if is_end else 0.0, can_press):
                break
    return 0


def find_metrics(run: Path) -> Path:
    """Returns the metrics file that is meant by a run's folder or by the file itself; neither need exist.

    Raises:
        InvalidValueError: it is the folder of a whole benchmark.
    """
    path = run / "metrics.jsonl"
    if run.is_file() or run.suffix == ".jsonl":
        return run
    if not path.exists() and (run / "jobs").is_dir():
        found = sorted((run / "jobs").glob("*/*/*/metrics.jsonl"), key=lambda file: file.stat().st_mtime)
        names = ", ".join(str(file.parent) for file in found[:-4:-1])
        raise InvalidValueError(
            f"{run} is the folder of a benchmark; give one of its jobs, such as {names or 'those in jobs/'}."
        )
    return path


class _View:
    """The file, what is known of the run, and how it is drawn."""

    def __init__(self, path: Path, console: Console) -> None:
        self._tail, self._run, self._console = MetricsTail(path), LiveRun(), console
        self._name = str(path.parent if path.name == "metrics.jsonl" else path)

    def read(self) -> bool:
        """Takes in what is new, a few megabytes at most; returns whether that was all."""
        news = self._tail.read()
        if news.is_new_file:
            self._run.forget()
        for record in news.records:
            self._run.add(record)
        return news.is_end

    def frame(self) -> Any:
        width, height = self._console.size
        if not self._console.is_terminal:
            height = 48
        return draw_frame(
            self._run, name=self._name, age_s=self._tail.age_s(time.time()), width=width, height=height
        )


@contextlib.contextmanager
def _single_keys() -> Iterator[bool]:
    """Lets keys be read without return; yields whether that is possible."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: ctrl-c is left
        yield False
        return
    if not sys.stdin.isatty():
        yield False
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield True
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _pressed_q(wait_s: float, can_press: bool) -> bool:
    """Waits, at most until a key is pressed; returns whether it was q."""
    if not can_press:
        time.sleep(wait_s)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(ready) and os.read(sys.stdin.fileno(), 64).lower().startswith((b"q", b"\x03"))
