"""Starts a program under limits: ``python launcher.py '{"memory_bytes": ...}' PROGRAM ARGUMENT...``.

Comes in: limits as JSON, a command. The process sets the limits on itself and becomes the program. A file of
its own because between fork and exec no Python may run in a process that has threads. It imports nothing of
lmgym, and runs under ``python -I -S``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Becomes the program."""
    limits, command = json.loads(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and children inherit that
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an error, not the end
    _die_with_parent(limits["parent"])
    for name, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _limit(name, limit)
    os.execv(command[0], command)


def _limit(name: int, limit: int) -> None:
    _, hard = resource.getrlimit(name)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems know a limit and refuse to set it
        resource.setrlimit(name, (limit, limit))


def _die_with_parent(parent: int) -> None:
    """Has the system kill this process when the thread that started it ends (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we could ask
        sys.exit(1)


if __name__ == "__main__":
    main()
