"""What there is to do for a suite, agents and seeds: warm starts and jobs, their folders, their order.

The order is the same in every run: longer budgets first, so that no core is idle at the end while another is
at a long job; each warm start right before the first job that needs it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lmgym.bench.scores import MAX_RUNS
from lmgym.bench.suites import Entry, Suite
from lmgym.errors import InvalidValueError

MAX_SLUG_CHARS: Final = 48


@dataclass(frozen=True, kw_only=True)
class Task:
    """A warm start or a job."""

    kind: Literal["warm", "job"]
    entry: Entry
    seed: int
    agent: str = ""
    """Spec of a job's agent."""

    @property
    def folder(self) -> str:
        """Relative to that of the bench; also what the task is known by."""
        if self.kind == "warm":
            return f"warm/{self.entry.name}/seed{self.seed}"
        return f"jobs/{self.entry.name}/{make_slug(self.agent)}/seed{self.seed}"

    @property
    def needs(self) -> str | None:
        """Folder of the warm start that must be there before."""
        return None if self.kind == "warm" else f"warm/{self.entry.name}/seed{self.seed}"

    @property
    def label(self) -> str:
        """What people see."""
        what = self.agent if self.kind == "job" else "warm start"
        return f"{what} · {self.entry.name} · seed {self.seed}"


def make_slug(agent: str) -> str:
    """Returns a folder's name for an agent's spec; different specs have different ones."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", agent.lower()).strip("-.")[:MAX_SLUG_CHARS]
    if slug and slug == agent:
        return slug
    return f"{slug or 'agent'}-{hashlib.sha256(agent.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def make_plan(entries: Iterable[Entry], agents: Sequence[str], seeds: Sequence[int]) -> tuple[Task, ...]:
    """Returns all tasks in the order in which they are begun."""
    plan: dict[str, Task] = {}
    for entry in sorted(entries, key=lambda entry: -entry.budget):
        for seed in seeds:
            for agent in agents:
                warm = Task(kind="warm", entry=entry, seed=seed)
                job = Task(kind="job", entry=entry, seed=seed, agent=agent)
                plan.setdefault(warm.folder, warm)
                plan.setdefault(job.folder, job)
    return tuple(plan.values())


def choose_entries(suite: Suite, only: Sequence[str]) -> tuple[Entry, ...]:
    """Returns the entries of these names in the suite's order, all if none is named.

    Raises:
        UnknownNameError: the suite has no such entry.
    """
    names = {suite.entry(name).name for name in only}
    return tuple(entry for entry in suite.entries if not names or entry.name in names)


def choose_seeds(suite: Suite, count: int | None, listed: Sequence[int] = ()) -> tuple[int, ...]:
    """Returns the seeds that are listed, or the first ``count``, or the suite's own.

    Raises:
        InvalidValueError: a count below 1, a seed below 0 or one twice, both are given, or more than can be
            compared.
    """
    number = len(listed) if count is None else count
    if number > MAX_RUNS:
        raise InvalidValueError(f"{number} seeds are more than can be compared; allowed: {MAX_RUNS}.")
    if listed and count is not None:
        raise InvalidValueError("--seeds (how many) and --seed-list (which) exclude each other; give one.")
    if listed:
        if min(listed) < 0 or len(set(listed)) < len(listed):
            raise InvalidValueError(f"--seed-list must be different integers from 0, got {list(listed)}.")
        return tuple(listed)
    if count is None:
        return suite.seeds
    if count < 1:
        raise InvalidValueError(f"--seeds is how many seeds are run, at least 1; got {count}.")
    return tuple(range(count))


def make_order(task: Task, suite: Suite, root: Path, *, device: str, threads: int) -> dict[str, Any]:
    """Returns the order by which the task's process knows what to do, plain values."""
    order = {
        "kind": task.kind, "suite": suite.to_dict(), "suite_id": suite.id, "suite_hash": suite.hash,
        "entry": task.entry.name, "seed": task.seed, "device": device, "threads": threads,
    }  # fmt: skip
    if task.needs is None:
        return order
    return order | {"agent": task.agent, "warm": str(root.absolute() / task.needs / "model")}
