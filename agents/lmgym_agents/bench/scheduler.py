"""Runs what a plan still lacks, as many tasks at a time as there are slots, until every job has a result.

Which task is where depends on how fast each is; what comes out of it doesn't. Left out: processes
(``processes``), files (``bench_folder``), what is shown (``display``).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lmgym.bench.result_record import Failure, Result
from lmgym_agents.bench.bench_folder import BenchFolder
from lmgym_agents.bench.outcomes import describe_end, make_failed_result
from lmgym_agents.bench.plan import Task, make_order
from lmgym_agents.bench.processes import Ended, Processes, Progress
from lmgym_agents.bench.work import is_warm, make_job

_WAIT_S: Final = 0.25
_MAX_LOST: Final = 2
"""How often a task is begun again that was killed from outside, or lost with the fork server."""


class Listener(Protocol):
    """What a scheduler tells of its work."""

    def begun(self, task: Task) -> None: ...

    def progressed(self, task: Task, what: str, share: float) -> None: ...

    def lost(self, task: Task) -> None:
        """Is told of a task that was killed from outside and will begin again."""
        ...

    def finished(self, task: Task, failure: Failure | None, seconds: float | None) -> None:
        """Seconds are None where the task did not run."""
        ...

    def tick(self, waiting: Sequence[Task]) -> None:
        """Is called some times a second."""
        ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What every task may use."""

    timeout_s: float
    memory_bytes: float
    threads: int
    device: str
    """"cpu" or "cuda"."""


@dataclass
class _Running:
    task: Task
    slot: int
    begun: float


class Scheduler:
    """Does the tasks of a plan; what is finished in the folder is not done again."""

    def __init__(
        self,
        plan: Sequence[Task],
        folder: BenchFolder,
        processes: Processes,
        *,
        slots: Sequence[Mapping[str, str]],
        limits: Limits,
        listener: Listener,
    ) -> None:
        """Makes a scheduler.

        Args:
            plan: what is to be done, in this order.
            folder: where.
            processes: that do it.
            slots: environment variables of the tasks in each slot, a slot for each task at a time.
            limits: of each task.
            listener: is told what happens.
        """
        self._folder, self._processes, self._slots = folder, processes, slots
        self._limits, self._listener = limits, listener
        self.results: dict[str, Result] = {}
        """Of the plan's finished jobs, by their folders."""
        self._warm: dict[str, Failure | None] = {}
        """Warm starts that are done, with why they failed."""
        self._running: dict[int, _Running] = {}
        self._num_started = 0
        self._num_lost: dict[str, int] = {}
        self._waiting = self._find_missing(plan)

    def _find_missing(self, plan: Sequence[Task]) -> list[Task]:
        for task in plan:
            if task.kind == "job" and (result := self._folder.find_result(task)) is not None:
                self.results[task.folder] = result
        missing = [task for task in plan if task.kind == "job" and task.folder not in self.results]
        needed = {task.needs for task in missing}
        for task in plan:
            if task.kind == "warm":
                failure = self._folder.find_warm_failure(task)
                if failure is not None or is_warm(self._folder.folder_of(task)):
                    self._warm[task.folder] = failure
        wanted = {task.folder for task in missing} | (needed - self._warm.keys())
        return [task for task in plan if task.folder in wanted]

    def run(self) -> None:
        """Returns when every job of the plan has a result."""
        self._folder.collect(self.results)
        while self._waiting or self._running:
            self._fill_slots()
            if self._running:
                for event in self._processes.wait(_WAIT_S):
                    self._handle(event)
            self._listener.tick(self._waiting)

    def _fill_slots(self) -> None:
        used = {running.slot for running in self._running.values()}
        free = [slot for slot in range(len(self._slots)) if slot not in used]
        while free and (task := self._next_ready()) is not None:
            failure = self._warm.get(task.needs) if task.needs else None
            if failure is None:
                self._start(task, free.pop(0))
            else:
                words = f"the warm start that it begins from failed: {failure.message}"
                self._fail(task, Failure(kind=failure.kind, message=words, where=failure.where), None)

    def _next_ready(self) -> Task | None:
        for task in self._waiting:
            if task.needs is None or task.needs in self._warm:
                self._waiting.remove(task)
                return task
        return None

    def _order(self, task: Task) -> dict[str, object]:
        limits = self._limits
        return make_order(
            task, self._folder.suite, self._folder.path, device=limits.device, threads=limits.threads
        )

    def _start(self, task: Task, slot: int) -> None:
        order = self._order(task)
        folder = self._folder.begin(task, {name: value for name, value in order.items() if name != "suite"})
        self._num_started += 1
        self._running[self._num_started] = _Running(task, slot, time.monotonic())
        self._processes.start(
            self._num_started, order, folder, timeout_s=self._limits.timeout_s,
            memory_bytes=self._limits.memory_bytes, environment=self._slots[slot],
        )  # fmt: skip
        self._listener.begun(task)

    def _handle(self, event: Progress | Ended) -> None:
        if isinstance(event, Progress):
            if event.id in self._running:
                self._listener.progressed(self._running[event.id].task, event.what, event.share)
            return
        running = self._running.pop(event.id)
        if self._is_lost(running.task, event):
            self._listener.lost(running.task)
            self._waiting.insert(0, running.task)
            return
        end: Callable[[Task, Ended], None] = self._end_job if running.task.kind == "job" else self._end_warm
        end(running.task, event)

    def _is_lost(self, task: Task, ended: Ended) -> bool:
        """Returns whether a task is to begin again, because its end says nothing about its code."""
        is_foreign = ended.exit_code in (None, -signal.SIGKILL) and ended.cause is None
        if not is_foreign or self._folder.is_done(task):
            return False
        lost = self._num_lost[task.folder] = self._num_lost.get(task.folder, 0) + 1
        return lost <= _MAX_LOST

    def _failure_of(self, task: Task, ended: Ended) -> Failure:
        limits = self._limits
        log = self._folder.folder_of(task) / "log.txt"
        return describe_end(ended, log, timeout_s=limits.timeout_s, memory_bytes=limits.memory_bytes)

    def _end_job(self, task: Task, ended: Ended) -> None:
        result = self._folder.find_result(task)
        if result is None:
            self._fail(task, self._failure_of(task, ended), ended)
        else:
            self._finish(task, result, ended.seconds)

    def _end_warm(self, task: Task, ended: Ended) -> None:
        failure = None
        if not is_warm(self._folder.folder_of(task)):
            failure = self._folder.find_warm_failure(task)
            if failure is None:
                failure = self._failure_of(task, ended)
                self._folder.keep_warm_failure(task, failure)
        self._warm[task.folder] = failure
        self._listener.finished(task, failure, ended.seconds)

    def _fail(self, task: Task, failure: Failure, ended: Ended | None) -> None:
        job = make_job(self._order(task), task.entry)
        seconds, peak = (ended.seconds, ended.peak_bytes) if ended is not None else (0.0, 0)
        result = make_failed_result(job, failure, wall_s=seconds, peak_bytes=peak)
        if ended is None:
            self._folder.begin(task, {"skipped": failure.message})
        self._folder.keep(task, result)
        self._finish(task, result, None if ended is None else seconds)

    def _finish(self, task: Task, result: Result, seconds: float | None) -> None:
        self.results[task.folder] = result
        self._folder.collect({task.folder: result})
        self._listener.finished(task, result.failure, seconds)
