"""The program of a child process of the grader: reads requests line by line, compares, replies.

Comes in: lines of JSON on standard input. Goes out: lines of JSON on standard output. It ends when its
parent does (end of input) and is ended by the system when a comparison uses more CPU time than it was given.
Left out: everything about queues and replacement; see ``workers``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import threading
import time
from typing import Any, Final

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.rules import Rules
from lmgym.grading.worker import MAX_LINE_BYTES
from lmgym.grading.workers import CPU_EXIT_CODE

MEMORY_BYTES: Final = 512 << 20
"""What comparisons may allocate on top of the libraries."""
MAX_REQUESTS: Final = 5_000
"""After so many a child gives way to a fresh one, since caches grow."""


def main() -> None:
    """Answers requests until the input ends."""
    requests, replies = sys.stdin.buffer, _take_output()
    _reset_signals()
    _warm_up()
    _limit_memory()
    _send(replies, {"is_ready": True})
    for count in range(1, MAX_REQUESTS + 1):
        line = requests.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            return
        request = json.loads(line)
        with CpuLimit(request.pop("cpu_s")):
            reply = answer(request)
        if count == MAX_REQUESTS:
            reply["is_last"] = True
        _send(replies, reply)
        if reply.get("is_last"):
            return


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Returns ``{"is_equal", "reason"}`` for a request, or ``{"bug"}`` if the comparison broke.

    Args:
        request: "gold" and "given" (texts), "rules" and "budgets" (fields of these classes).
    """
    try:
        return compare(request)
    except Refusal as refusal:
        return {"is_equal": False, "reason": refusal.reason}
    except RecursionError:
        return {"is_equal": False, "reason": "limit"}
    except MemoryError:
        return {"is_equal": False, "reason": "limit", "is_last": True}
    except Exception as error:  # the boundary to sympy, which raises whatever it likes
        return {"bug": type(error).__name__}


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """Returns what ``compare_slowly`` says of the two texts."""
    from lmgym.grading.equality.equivalence import compare_slowly
    from lmgym.grading.notation.parser import parse

    rules, budgets = Rules(**request["rules"]), Budgets(**request["budgets"])
    gold = parse(request["gold"], rules, budgets)
    given = parse(request["given"], rules, budgets)
    is_equal, reason = compare_slowly(gold, given, rules, budgets)
    return {"is_equal": bool(is_equal), "reason": reason}


class CpuLimit:
    """While it is entered, this process is ended once it has used ``cpu_s`` seconds of CPU time."""

    def __init__(self, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self._is_over = threading.Event()

    def __enter__(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
        else:
            threading.Thread(target=self._watch, args=(time.process_time(),), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0.0)
        self._is_over.set()

    def _watch(self, begun: float) -> None:
        while not self._is_over.wait(0.05):
            if time.process_time() - begun > self._cpu_s:
                os._exit(CPU_EXIT_CODE)


def _take_output() -> io.FileIO:
    """Returns the standard output for replies alone: what a library prints goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return replies


def _send(replies: io.FileIO, reply: dict[str, Any]) -> None:
    line = json.dumps(reply).encode() + b"\n"
    while line:
        line = line[replies.write(line) :]


def _reset_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is meant for the parent
    if hasattr(signal, "SIGPROF"):  # the parent may ignore or block it, and children inherit that
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})


def _warm_up() -> None:
    """Imports what comparisons need, lazily imported modules included."""
    request = {"gold": "\\sqrt{2}+\\sqrt{3}", "given": "\\sqrt{5+2\\sqrt{6}}", "rules": {}, "budgets": {}}
    compare(request)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on every platform
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + MEMORY_BYTES
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems know the limit and refuse to set it
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _address_space() -> int:
    """Returns the bytes that this process has mapped, half a GiB where the system doesn't tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 512 << 20
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
