"""The bench's side of the fork server: starts it, gives it jobs, hears of their progress and their end.

All jobs have the same number of threads, which is set before anything is imported. Left out: which jobs, and
when (``scheduler``); what an end means (``outcomes``).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lmgym.errors import LmgymError

WORK: Final = "lmgym_agents.bench.work:work"
"""What jobs run unless a test says otherwise."""
_THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
# The same modules are found as by this process, however it was started; -c because -m would add a folder.
_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from lmgym_agents.bench.fork_server import main; main()"
)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is."""

    id: int
    what: str
    share: float
    """Of it that is done, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job's process is gone, and whatever it had started."""

    id: int
    exit_code: int | None
    """Negative: a signal. None: it was lost with the fork server."""
    cause: str | None
    """Why it was killed, "timeout", "memory" or "stopped"; None: it ended by itself."""
    seconds: float = 0.0
    peak_bytes: int = 0


class ForkServerError(LmgymError, RuntimeError):
    """The process that starts the jobs could not start itself."""


class Processes:
    """Runs jobs, each in a process of its own; a context manager, at whose end no process is left."""

    def __init__(self, *, work: str = WORK, threads: int = 1) -> None:
        """Starts the fork server, which takes some seconds but is not waited for.

        Args:
            work: ``module:function`` of what jobs run, see ``job_process.Work``.
            threads: of each job.
        """
        self._work, self._threads = work, threads
        self._pids: dict[int, int] = {}
        self._running: set[int] = set()
        self._partial, self._is_ready = b"", False
        self._server = self._start_server()

    def _start_server(self) -> subprocess.Popen[bytes]:
        own = dict.fromkeys(_THREAD_VARIABLES, str(self._threads))
        own |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0"}
        self._partial, self._is_ready = b"", False
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self._work, json.dumps(sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **own},
            start_new_session=True,  # ctrl-c is for the bench alone, which then stops the jobs
        )  # fmt: skip

    def start(
        self,
        id: int,
        order: Mapping[str, Any],
        folder: Path,
        *,
        timeout_s: float,
        memory_bytes: float = float("inf"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts a job.

        Args:
            id: by which events name it.
            order: plain values that the work is given.
            folder: of the job, which must exist; its output goes to ``log.txt`` in it.
            timeout_s: after which it is killed.
            memory_bytes: resident ones, above which it is killed.
            environment: variables of the job alone.
        """
        command = {
            "do": "start", "id": id, "order": order, "folder": str(folder.absolute()),
            "timeout_s": timeout_s, "memory_bytes": memory_bytes, "environment": dict(environment or {}),
        }  # fmt: skip
        self._running.add(id)
        self._send(command)

    def wait(self, timeout_s: float) -> list[Progress | Ended]:
        """Returns what has happened, at once if something has, at the latest after ``timeout_s``.

        If the fork server itself was killed, every job that ran is reported as lost, and a new one starts.

        Raises:
            ForkServerError: it ended before it could begin.
        """
        events = self._receive(timeout_s)
        if events is None and not self._is_ready:
            raise ForkServerError(
                "the process that starts the jobs ended before it could begin; what it said stands above. "
                "Nothing is lost: the same command goes on."
            )
        return list(self._replace_server()) if events is None else events

    def _receive(self, timeout_s: float) -> list[Progress | Ended] | None:
        """Returns what the fork server reports; None where it is gone."""
        assert self._server.stdout is not None
        ready, _, _ = select.select([self._server.stdout], [], [], timeout_s)
        if not ready:
            return []
        data = os.read(self._server.stdout.fileno(), 65536)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [event for line in lines if (event := self._read_event(json.loads(line))) is not None]

    def stop(self, timeout_s: float = 5.0) -> None:
        """Asks all jobs to end, kills those that don't, and returns when none is left."""
        if not self._running:
            return
        self._send({"do": "stop"})
        timer = threading.Timer(timeout_s, self._server.kill)  # then the jobs end with the fork server
        timer.start()
        while self._running and self._receive(0.1) is not None:
            pass
        timer.cancel()

    def close(self) -> None:
        """Kills whatever still runs, and ends the fork server."""
        assert self._server.stdin is not None and self._server.stdout is not None
        with contextlib.suppress(OSError):
            self._server.stdin.close()
        try:
            self._server.wait(5.0)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, command: Mapping[str, Any]) -> None:
        assert self._server.stdin is not None
        data = json.dumps(command).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # wait finds out and tells of it
            while data:
                data = data[self._server.stdin.write(data) or 0 :]

    def _read_event(self, report: dict[str, Any]) -> Progress | Ended | None:
        kind = report.pop("event")
        if kind == "ready":
            self._is_ready = True
            return None
        if kind == "started":
            self._pids[report["id"]] = report["pid"]
            return None
        if kind == "progress":
            return Progress(**report)
        self._running.discard(report["id"])
        self._pids.pop(report["id"], None)
        return Ended(**report)

    def _replace_server(self) -> list[Ended]:
        for pid in self._pids.values():  # where the kernel has not done it, and for what they have started
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        lost = [Ended(id=id, exit_code=None, cause=None) for id in sorted(self._running)]
        self._pids.clear()
        self._running.clear()
        self.close()
        self._server = self._start_server()
        return lost
