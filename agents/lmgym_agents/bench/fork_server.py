"""The process that starts the jobs of a benchmark, each in a fork of its own, and ends them.

It has imported torch and the agents once, runs no foreign code itself, and has a single thread, so that a
fork is cheap and safe. Comes in, as JSON lines on standard input: ``start`` and ``stop``. Goes out, as JSON
lines on standard output: ``progress`` and ``ended``. When its input ends, because the bench is done or was
killed, it kills every job with all that the job has started, and ends too.

A job is killed when its time is over or when it uses more memory than it may. Left out: what jobs do
(``work``), what their end means (``outcomes``).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lmgym_agents.bench.bounded_log import BoundedLog
from lmgym_agents.bench.job_process import MAX_REPORT_BYTES, STACKS_SIGNAL, Pipes, Work, become_job

_POLL_S: Final = 0.05
_MEMORY_EVERY_S: Final = 0.5
_STACKS_GRACE_S: Final = 0.5
_STOP_GRACE_S: Final = 2.0
_READ_BYTES: Final = 65536
_MAX_LAST_READS: Final = 64


@dataclass
class _Child:
    """A job that runs."""

    id: int
    pid: int
    output: int
    reports: int
    log: BoundedLog
    deadline: float
    memory_bytes: float
    cause: str | None = None
    """Why it is being killed: "timeout", "memory" or "stopped"."""
    kill_at: float = float("inf")
    next_memory_check: float = 0.0
    peak_bytes: int = 0
    partial: bytes = b""
    """Of a line of progress."""
    open: set[int] = field(default_factory=set)
    """Of ``output`` and ``reports`` those that the job has not closed."""
    begun: float = field(default_factory=time.monotonic)


class ForkServer:
    """Starts, watches and ends jobs; see the module."""

    def __init__(self, work: Work, commands: int, reports: int) -> None:
        """Serves the handle ``commands`` and answers on the handle ``reports``."""
        self._work = work
        self._commands = commands
        self._reports = reports
        self._partial = b""
        self._children: list[_Child] = []
        self._life = os.pipe()
        """(to read, to write): jobs see its end when this process is gone."""

    def serve(self) -> None:
        """Returns when the commands have ended; no job is left then."""
        self._say({"event": "ready"})
        try:
            while self._turn():
                pass
        finally:
            for child in self._children:
                _kill_group(child.pid)

    def _turn(self) -> bool:
        handles = [self._commands, *(handle for child in self._children for handle in child.open)]
        ready, _, _ = select.select(handles, [], [], _POLL_S if self._children else None)
        if self._commands in ready and not self._read_commands():
            return False
        for child in list(self._children):
            for handle in child.open & set(ready):
                self._read(child, handle)
            self._watch(child, time.monotonic())
        return True

    def _read_commands(self) -> bool:
        data = os.read(self._commands, _READ_BYTES)
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["do"] == "start":
                self._start(command)
            else:
                self._stop()
        return bool(data)

    def _start(self, command: Mapping[str, Any]) -> None:
        output, reports = os.pipe(), os.pipe()
        folder = Path(command["folder"])
        log = BoundedLog(folder / "log.txt")
        pid = os.fork()
        if pid == 0:
            try:
                for handle in self._own_handles():
                    os.close(handle)
                os.close(output[0])
                os.close(reports[0])
                pipes = Pipes(output[1], reports[1], self._life[0])
                become_job(self._work, command["order"], folder, pipes, command["environment"])
            finally:
                os._exit(1)
        with contextlib.suppress(OSError):  # the job does it too; whoever is first
            os.setpgid(pid, pid)
        os.close(output[1])
        os.close(reports[1])
        for handle in (output[0], reports[0]):
            os.set_blocking(handle, False)
        self._children.append(
            _Child(
                id=command["id"], pid=pid, output=output[0], reports=reports[0], log=log,
                open={output[0], reports[0]}, deadline=time.monotonic() + command["timeout_s"],
                memory_bytes=command["memory_bytes"],
            )
        )  # fmt: skip
        self._say({"event": "started", "id": command["id"], "pid": pid})

    def _own_handles(self) -> list[int]:
        children = [handle for child in self._children for handle in (child.output, child.reports)]
        return [self._commands, self._reports, self._life[1], *children]

    def _stop(self) -> None:
        for child in self._children:
            if child.cause is None:
                child.cause = "stopped"
                child.kill_at = time.monotonic() + _STOP_GRACE_S
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)

    def _read(self, child: _Child, handle: int) -> int:
        """Reads what there is, and returns how many bytes that was."""
        try:
            data = os.read(handle, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            child.open.discard(handle)
        elif handle == child.output:
            child.log.write(data)
        else:
            self._pass_on_progress(child, data)
        return len(data)

    def _pass_on_progress(self, child: _Child, data: bytes) -> None:
        *lines, rest = (child.partial + data).split(b"\n")
        child.partial = rest[-MAX_REPORT_BYTES:]
        for line in lines[-1:]:  # older ones are out of date
            try:
                what, share = json.loads(line[:MAX_REPORT_BYTES])
                known = float(share) if 0 <= share <= 1 else 0.0
                self._say({"event": "progress", "id": child.id, "what": str(what)[:100], "share": known})
            except (ValueError, TypeError, RecursionError):  # foreign code has written into the pipe
                continue

    def _watch(self, child: _Child, now: float) -> None:
        if (end := _find_end(child.pid)) is not None:
            self._end(child, *end)
        elif now >= child.kill_at:
            _kill_group(child.pid)
        elif child.cause is None and now >= child.deadline:
            child.cause, child.kill_at = "timeout", now + _STACKS_GRACE_S
            os.kill(child.pid, STACKS_SIGNAL)
        elif now >= child.next_memory_check:
            child.next_memory_check = now + _MEMORY_EVERY_S
            used = resident_bytes(child.pid)
            child.peak_bytes = max(child.peak_bytes, used)
            if used > child.memory_bytes and child.cause is None:
                child.cause, child.kill_at = "memory", now + _STACKS_GRACE_S
                os.kill(child.pid, STACKS_SIGNAL)

    def _end(self, child: _Child, exit_code: int, peak_bytes: int) -> None:
        self._children.remove(child)
        self._read(child, child.reports)
        for _ in range(_MAX_LAST_READS):  # a process that has left its group may go on writing
            if not self._read(child, child.output):
                break
        child.log.close()
        os.close(child.output)
        os.close(child.reports)
        self._say({
            "event": "ended", "id": child.id, "exit_code": exit_code,
            "cause": child.cause, "seconds": time.monotonic() - child.begun,
            "peak_bytes": max(peak_bytes, child.peak_bytes),
        })  # fmt: skip

    def _say(self, report: Mapping[str, Any]) -> None:
        data = json.dumps(report).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # the bench is gone, which the next turn finds out
            while data:
                data = data[os.write(self._reports, data) :]


def _find_end(pid: int) -> tuple[int, int] | None:
    """Returns exit code and peak memory of a job that has ended, after ending whatever it had started."""
    can_look = hasattr(os, "waitid")  # not on every macOS
    if can_look:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _kill_group(pid)  # before the process is waited for, as long as its number is its own
    found, status, usage = os.wait4(pid, os.WNOHANG)
    if not found:
        return None
    if not can_look:
        _kill_group(pid)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return os.waitstatus_to_exitcode(status), peak


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the second for a fork that does not lead its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def resident_bytes(pid: int) -> int:
    """Returns the memory that a process has now; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serves standard input; the argument is ``module:function`` of the work."""
    module, _, name = sys.argv[1].partition(":")
    commands, reports = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what an import prints is no report
    ForkServer(getattr(importlib.import_module(module), name), commands, reports).serve()


if __name__ == "__main__":
    main()
