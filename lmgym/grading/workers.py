"""A small pool of child processes for comparisons that may be slow.

Comes in: requests (two answers, rules, budgets). Goes out: outcomes, always: a comparison that is too dear
is ended with its process, which is replaced. Children start when they are first needed, at most
``min(4, number of CPUs)`` of them, and end with this process, however it ends. Left out: what is compared.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from lmgym.grading.worker import MAX_LINE_BYTES, NoReply, Worker, WorkerDied

CPU_SHARE: Final = 0.5
"""A comparison may use this share of its wall-clock time as CPU time: a machine twice as busy still ends it
as too dear; on one busier than that nobody knows, and the row is dropped."""
CPU_EXIT_CODE: Final = 113
"""What a child exits with that has used its CPU time and can't have the system end it."""
START_TIMEOUT_S: Final = 30.0
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from lmgym.grading.worker_main import main; main()"
)


class Outcome(NamedTuple):
    """How a request ended."""

    failure: str
    """"" if there is a reply, "timeout" if it used up its CPU time, "limit" if the request was too long;
    "overloaded" if it got too little CPU time or no process was free, "worker" if processes could not be
    started, died, or met a bug."""
    reply: dict[str, Any]
    """What the child said; empty after a failure."""


class Statistics(NamedTuple):
    """What the pool has done since the process began."""

    jobs: int = 0
    """requests, failed ones too"""
    timeouts: int = 0
    """processes ended because a comparison used up its CPU time"""
    overloads: int = 0
    """requests that got too little CPU time, or no process, within their wall-clock time"""
    deaths: int = 0
    """processes that ended for a reason of their own, before they were ready or at work"""
    bugs: int = 0
    """requests on which a comparison raised what it should not"""
    restarts: int = 0
    """processes started in place of one that has ended"""


class Pool:
    """Child processes, their queue and their replacement; for any number of threads."""

    def __init__(
        self,
        size: int | None = None,
        command: Callable[[], Sequence[str]] | None = None,
        *,
        cpu_share: float = CPU_SHARE,
    ) -> None:
        """Starts nothing yet.

        Args:
            size: most processes at once; None: ``min(4, number of CPUs)``.
            command: gives the program of a child; None: the grader's own.
            cpu_share: CPU time that a request may use, as a share of its wall-clock time.
        """
        self.size = size or min(4, os.cpu_count() or 1)
        self._command = command or make_command
        self._cpu_share = cpu_share
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()  # all that run: starting, idle and at work
        self._num_starting = 0
        self._num_waiting = 0
        self._num_failed_starts = 0
        self._counts = dict.fromkeys(Statistics._fields, 0)
        self._is_closed = False

    def statistics(self) -> Statistics:
        """Returns what has been counted so far."""
        with self._changed:
            return Statistics(**self._counts)

    def pids(self) -> tuple[int, ...]:
        """Returns the process ids of all children."""
        with self._changed:
            return tuple(worker.pid for worker in self._workers)

    def run(self, request: dict[str, Any], timeout_s: float) -> Outcome:
        """Has a child answer ``request`` and returns how it ended; never raises because of the child.

        Waiting for a process that is at work counts against ``timeout_s``, waiting for one to start does not
        (at most ``START_TIMEOUT_S``). Whoever dies for no reason of ours is tried once more on a fresh
        process, in what is left of the time.
        """
        self._count("jobs")
        line = json.dumps({**request, "cpu_s": timeout_s * self._cpu_share}).encode() + b"\n"
        if len(line) > MAX_LINE_BYTES:
            return Outcome("limit", {})
        left_s = timeout_s
        for _ in range(2):
            worker, left_s = self._acquire(left_s)
            if worker is None:
                return self._fail("worker") if left_s > 0 else self._fail("overloaded", "overloads")
            begun = time.monotonic()
            outcome = self._ask(worker, line, left_s)
            if outcome is not None:
                return outcome
            left_s -= time.monotonic() - begun
            if left_s <= 0:
                return self._fail("overloaded", "overloads")
        return self._fail("worker")

    def close(self) -> None:
        """Ends all children and waits for them."""
        with self._changed:
            self._is_closed = True
            workers = tuple(self._workers)
            self._workers.clear()
            self._idle.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.kill()

    def forget(self) -> None:
        """Lets go of all children without touching them; see ``Worker.forget``."""
        for worker in self._workers:
            worker.forget()

    def _ask(self, worker: Worker, line: bytes, left_s: float) -> Outcome | None:
        """Returns how it ended, None if the child died for no reason of the request's."""
        is_whole = False
        try:
            reply = worker.ask(line, left_s)
            is_whole = not reply.pop("is_last", False)
            return self._fail("worker", "bugs") if "bug" in reply else Outcome("", reply)
        except NoReply:
            return self._fail("overloaded", "overloads")
        except WorkerDied as death:
            if not _was_too_dear(death.exit_code):
                self._count("deaths")
                return None
            return self._fail("timeout", "timeouts")
        finally:  # an interrupt by the user comes by here too
            self._release(worker, is_whole)

    def _acquire(self, left_s: float) -> tuple[Worker | None, float]:
        """Returns a child that is ready, None if there is none, and the seconds that are left."""
        until = time.monotonic() + left_s
        patience_s = START_TIMEOUT_S
        with self._changed:
            first_failure = self._num_failed_starts
            self._num_waiting += 1
            try:
                while not self._idle:
                    if self._is_closed or self._num_failed_starts >= first_failure + 2:
                        return None, max(until - time.monotonic(), 1e-3)
                    if len(self._workers) < self.size and self._num_starting < self._num_waiting:
                        self._launch()
                        continue
                    begun = time.monotonic()
                    is_starting = self._num_starting > 0 and patience_s > 0
                    if not is_starting and begun >= until:
                        return None, 0.0
                    self._changed.wait(patience_s if is_starting else until - begun)
                    if is_starting:
                        until += time.monotonic() - begun
                        patience_s -= time.monotonic() - begun
                return self._idle.pop(), until - time.monotonic()
            finally:
                self._num_waiting -= 1

    def _launch(self) -> None:
        """Starts a child; the lock is held. A thread waits until it is ready."""
        if self._is_closed:
            return
        try:
            worker = Worker(self._command(), _environment())
        except OSError:  # no memory, no more processes, no such program
            self._num_failed_starts += 1
            self._counts["deaths"] += 1
            return
        self._workers.add(worker)
        self._num_starting += 1
        threading.Thread(
            target=self._await_ready, args=(worker,), name="lmgym-grading-start", daemon=True
        ).start()

    def _await_ready(self, worker: Worker) -> None:
        is_ready = False
        try:
            is_ready = worker.receive(START_TIMEOUT_S).get("is_ready") is True
        except (NoReply, WorkerDied):
            pass
        with self._changed:
            self._num_starting -= 1
            is_ours = worker in self._workers  # else the pool has been closed meanwhile
            if is_ready and is_ours:
                self._idle.append(worker)
            elif is_ours:
                self._num_failed_starts += 1
                self._counts["deaths"] += 1
                self._workers.discard(worker)
            self._changed.notify_all()
        if is_ours and not is_ready:
            worker.kill()

    def _release(self, worker: Worker, is_whole: bool) -> None:
        """Takes a child back, or replaces it at once so that the next request need not wait for it."""
        with self._changed:
            is_ours = worker in self._workers
            if is_whole and is_ours:
                self._idle.append(worker)
            elif is_ours:
                self._workers.discard(worker)
                self._counts["restarts"] += 1
                self._launch()
                if len(self._workers) < min(2, self.size):  # where one was lost, another one may be soon
                    self._launch()
            self._changed.notify_all()
        if is_ours and not is_whole:
            worker.kill()

    def _count(self, name: str) -> None:
        with self._changed:
            self._counts[name] += 1

    def _fail(self, failure: str, counted_as: str = "") -> Outcome:
        if counted_as:
            self._count(counted_as)
        return Outcome(failure, {})


def make_command() -> list[str]:
    """Returns the program of a child: this interpreter with this process's module path."""
    path = [str(folder) or os.getcwd() for folder in sys.path]
    return [sys.executable or "", "-P", "-c", _BOOTSTRAP, json.dumps(path)]


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONWARNINGS": "ignore",
        "PYTHONHASHSEED": "0",  # a verdict must not depend on the order of a set
        "SYMPY_GROUND_TYPES": "python",  # the others abort where memory ends, instead of raising
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _was_too_dear(exit_code: int | None) -> bool:
    return exit_code in (-getattr(signal, "SIGPROF", CPU_EXIT_CODE), CPU_EXIT_CODE)


_pool = Pool()


def run(request: dict[str, Any], timeout_s: float) -> Outcome:
    """Has a child of this process's pool answer; see ``Pool.run``."""
    return _pool.run(request, timeout_s)


def num_workers() -> int:
    """Returns how many children this process's pool has at most."""
    return _pool.size


def statistics() -> Statistics:
    """Returns what this process's pool has done so far."""
    return _pool.statistics()


def stop() -> None:
    """Ends the children of this process's pool; a later request starts new ones. Counts begin anew."""
    global _pool
    old, _pool = _pool, Pool()
    old.close()


def _begin_anew() -> None:
    """In a fork of this process: its pipes lead to children that it doesn't own."""
    global _pool
    old, _pool = _pool, Pool()
    old.forget()


atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
