"""What is known of a training while it runs, in bounded memory: curves, the latest episodes, the pace.

In: the records of its metrics, one by one. Out: the numbers that ``live`` draws. Left out: files, terminals.
Nothing is believed of a record but that it is a JSON object with a step: what else it holds is cut to size.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

MAX_POINTS: Final = 512
"""Of a curve; beyond it neighbours are merged into their mean."""
MAX_SERIES: Final = 64
MAX_TEXT: Final = 300
_PACE_RECORDS: Final = 30


class Series:
    """A curve of at most ``MAX_POINTS`` points, each the mean of as many values in succession."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.values: list[float] = []
        self.last = math.nan
        self._stride = 1
        self._bucket: list[tuple[float, float]] = []

    def add(self, step: float, value: float) -> None:
        """Appends a value."""
        self.last = value
        self._bucket.append((step, value))
        if len(self._bucket) < self._stride:
            return
        self.steps.append(sum(step for step, _ in self._bucket) / self._stride)
        self.values.append(sum(value for _, value in self._bucket) / self._stride)
        self._bucket = []
        if len(self.steps) >= MAX_POINTS:
            self.steps, self.values = _halve(self.steps), _halve(self.values)
            self._stride *= 2


def _halve(values: list[float]) -> list[float]:
    return [(one + other) / 2 for one, other in zip(values[::2], values[1::2], strict=True)]


class Sample(NamedTuple):
    """One episode in words."""

    step: int
    """Of its stage, as the curves count, or else of the run."""
    prompt: str
    response: str
    reward: float | None


class LiveRun:
    """A training as its metrics tell it; one stage's curves at a time."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Starts anew: the file is another one now."""
        self.num_records = 0
        self.stage = ""
        self.step: int = 0
        self.stage_step: int | None = None
        self.stage_total: int | None = None
        self.series: dict[str, Series] = {}
        self.samples: deque[Sample] = deque(maxlen=8)
        """The latest last."""
        self.notes: deque[str] = deque(maxlen=2)
        """What went wrong, the latest last."""
        self._seconds: deque[float] = deque(maxlen=_PACE_RECORDS)

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes in one record of a metrics file."""
        stage = _text(record.get("stage", ""))
        if stage != self.stage:
            self.stage, self.series = stage, {}
            self._seconds.clear()
        self.num_records += 1
        self.step = record["step"]
        self.stage_step, self.stage_total = (
            _count(record.get("stage_step")),
            _count(record.get("stage_total")),
        )
        x = float(self.step) if self.stage_step is None else float(self.stage_step)
        timing = record.get("timing")
        timing = timing if isinstance(timing, Mapping) else {}
        for name, value in record.items():
            self._add_number(str(name), x, value)
        for name, value in timing.items():
            self._add_number(f"timing/{name}", x, value)
        seconds = to_number(timing.get("total_s"))
        if seconds is not None and seconds >= 0:
            self._seconds.append(seconds)
        self._add_sample(record)
        self._add_notes(record)

    @property
    def seconds_left(self) -> float | None:
        """Of the stage, at the pace of its latest updates; None where that is not known."""
        if self.stage_step is None or self.stage_total is None or not self._seconds:
            return None
        pace = sum(self._seconds) / len(self._seconds)
        return pace * max(0, self.stage_total - self.stage_step)

    def _add_number(self, name: str, x: float, value: object) -> None:
        number = to_number(value)
        if number is None or name in ("step", "stage_step", "stage_total", "sample_reward"):
            return
        name = name[:MAX_TEXT]
        if name in self.series or len(self.series) < MAX_SERIES:
            self.series.setdefault(name, Series()).add(x, number)

    def _add_sample(self, record: Mapping[str, Any]) -> None:
        prompt, response = record.get("sample_prompt"), record.get("sample_response")
        if isinstance(prompt, str) and isinstance(response, str):
            reward = to_number(record.get("sample_reward"))
            step = self.step if self.stage_step is None else self.stage_step
            self.samples.append(Sample(step, _text(prompt), _text(response), reward))

    def _add_notes(self, record: Mapping[str, Any]) -> None:
        if to_number(record.get("skipped_steps")):
            self.notes.append(f"step {self.step} was skipped: {_text(record.get('skipped', ''))}")
        bad = record.get("not_finite")
        if isinstance(bad, Mapping) and bad:
            names = ", ".join(_text(name) for name in list(bad)[:5])
            self.notes.append(f"not finite at step {self.step}: {names}")


def to_number(value: object) -> float | None:
    """Returns a finite number as a float of a size that can be drawn, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < 1e100 else None


def _text(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 10**12 else None
