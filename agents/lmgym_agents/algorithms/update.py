"""What every algorithm hands back after each of its steps."""

from __future__ import annotations

from typing import NamedTuple


class Update(NamedTuple):
    """What one iteration did; ``MetricsWriter.write(*update)`` keeps it."""

    step: int
    """Iterations done, this one included."""
    metrics: dict[str, float | int | str | None]
    """The same in every run of one seed."""
    timing: dict[str, float]
    """Seconds and rates."""
