"""What happens in the process of one job before foreign code runs: it is made easy to watch and to kill.

The process leads a group of its own, which everything that it starts belongs to. It ends when the fork
server does: by a signal of the kernel where there is one (Linux), by a thread that waits for the end of a
pipe everywhere. Its output goes to a pipe. A stack of every thread is printed there when the process crashes,
or is asked for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

MAX_REPORT_BYTES: Final = 2048
"""Longer ones are not sent; below the size up to which a pipe takes all or nothing (PIPE_BUF)."""
STACKS_SIGNAL: Final = signal.SIGUSR1
"""Asks a job for the stacks of its threads."""
_REPORT_EVERY_S: Final = 0.25
_PR_SET_PDEATHSIG: Final = 1

Report = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, in [0, 1]."""
Work = Callable[[Mapping[str, Any], Path, Report], None]
"""Does an order in a folder and leaves its result there."""


class Pipes(NamedTuple):
    """Handles that a job has from the fork server."""

    output: int
    """What is printed, to write to."""
    reports: int
    """Progress, to write to."""
    life: int
    """To read from; it ends when the fork server does."""


def become_job(
    work: Work, order: Mapping[str, Any], folder: Path, pipes: Pipes, environment: Mapping[str, str]
) -> NoReturn:
    """Turns this process, which was forked just now, into that of a job, does it, and ends the process."""
    code = 1
    try:
        with contextlib.suppress(OSError):  # the fork server may have done it already
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with_server(pipes.life)
        os.environ.update(environment)
        _redirect_output(pipes.output)
        work(order, folder, _make_report(pipes.reports))
        code = 0
    except BaseException:  # foreign code may raise anything, and nothing may return to the fork server
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # not sys.exit: threads and exit handlers of foreign code could hang


def _end_with_server(life: int) -> None:
    if sys.platform == "linux":
        # In the kernel, so that it also ends a job that hangs in C code and holds the interpreter.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def wait_for_end() -> None:
        os.read(life, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_end, name="end with the bench", daemon=True).start()


def _redirect_output(output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # New ones, because the old ones remember what kind of file was there before.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    faulthandler.enable(file=2)
    faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)


def _make_report(handle: int) -> Report:
    os.set_blocking(handle, False)
    last = -_REPORT_EVERY_S

    def report(what: str, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _REPORT_EVERY_S:
            return
        last = now
        line = json.dumps([str(what)[:100], float(share)]).encode() + b"\n"
        if len(line) <= MAX_REPORT_BYTES:
            with contextlib.suppress(OSError):  # nobody reads just now; a later report will do
                os.write(handle, line)

    return report
