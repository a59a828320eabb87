"""How long the rest of a bench may take, from the jobs that are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from lmgym_agents.bench.plan import Task


class TimeLeft:
    """Learns from finished tasks how long others take."""

    def __init__(self) -> None:
        self._seconds: list[tuple[Task, float]] = []

    def learn(self, task: Task, seconds: float) -> None:
        """Is told of a task that ran to its end."""
        self._seconds.append((task, seconds))

    def expect(self, task: Task) -> float | None:
        """Returns the mean of the tasks that are most like this one; None if none of its kind is known."""
        same = [(other, seconds) for other, seconds in self._seconds if other.kind == task.kind]
        for alike in (
            lambda other: (other.agent, other.entry.name) == (task.agent, task.entry.name),
            lambda other: other.agent == task.agent,
            lambda other: other.entry.name == task.entry.name,
            lambda other: True,
        ):
            found = [seconds for other, seconds in same if alike(other)]
            if found:
                return fmean(found)
        return None

    def estimate(
        self, waiting: Iterable[Task], running: Sequence[tuple[Task, float, float]], num_slots: int
    ) -> float | None:
        """Returns seconds until all is done; None as long as too little is known.

        Args:
            waiting: tasks that have not begun.
            running: tasks with the share that is done, in [0, 1], and the seconds since they began.
            num_slots: tasks at a time.
        """
        rests: list[float] = []
        for task, share, seconds in running:
            whole = self.expect(task)
            if whole is None and share < 0.05:
                return None
            guess = seconds / share if share >= 0.05 else (whole or 0.0)
            rests.append(max(guess - seconds, 0.0))
        for task in waiting:
            whole = self.expect(task)
            if whole is None and task.kind == "job":
                return None
            rests.append(whole or 0.0)
        if not rests:
            return 0.0
        return max(sum(rests) / num_slots, *rests)


def format_seconds(seconds: float) -> str:
    """Returns seconds as people say them, such as "3 min" or "1 h 05 min"."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
