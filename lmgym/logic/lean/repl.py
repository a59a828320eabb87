"""A process that runs a Lean REPL, and one that runs it by way of the package lean-interact.

Comes in: requests of four kinds of keys, made here and nowhere else. Goes out: what Lean answered, as a
dictionary. Every answer has a time limit and a limit on its size; a process that breaks one is ended. The
REPL's commands that write and read files (pickling, file mode) can't be sent.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from lmgym.errors import InvalidValueError, LmgymError, MissingDependencyError

VARIABLE: Final = "LMGYM_LEAN_REPL"
"""Environment variable that holds the command which starts the REPL."""
INTERACT: Final = "lean-interact"
"""As a command: use the package of that name."""
MAX_ANSWER_BYTES: Final = 4 << 20
_REQUEST_KEYS: Final = (frozenset(("cmd",)), frozenset(("cmd", "env")), frozenset(("tactic", "proofState")))


class LeanError(LmgymError, RuntimeError):
    """Lean could not be started, died, or answered with what is no answer."""


class LeanTimeout(LeanError):
    """Lean did not answer in time; the process has been ended."""


class Repl(Protocol):
    """Something that answers requests."""

    def ask(self, request: Mapping[str, str | int], timeout_s: float) -> dict[str, Any]:
        """Returns the answer.

        Raises:
            LeanTimeout: there was none in time.
            LeanError: the process died, or its answer cannot be read.
        """
        ...

    def close(self) -> None:
        """Ends the process; may be called again."""
        ...


def find_command(repl: str | Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns the command of the REPL: the given one, that of ``LMGYM_LEAN_REPL``, or lean-interact's.

    Raises:
        MissingDependencyError: there is none.
    """
    given = repl if repl is not None else os.environ.get(VARIABLE, "")
    command = tuple(shlex.split(given)) if isinstance(given, str) else tuple(given)
    if command == (INTERACT,) or not command:
        if importlib.util.find_spec("lean_interact") is not None:
            return (INTERACT,)
        raise MissingDependencyError(
            "lmgym/Lean-v0 needs Lean 4 (install elan, see lean-lang.org) and a REPL for it: build "
            f"leanprover-community/repl and set {VARIABLE} to the command that starts it, for instance "
            f"{VARIABLE}='lake env /path/to/repl/.lake/build/bin/repl', or: pip install lean-interact"
        )
    return command


def start(command: Sequence[str]) -> Repl:
    """Returns a new REPL.

    Raises:
        LeanError: it does not start.
    """
    return InteractRepl() if tuple(command) == (INTERACT,) else ProcessRepl(command)


def _check(request: Mapping[str, str | int]) -> None:
    if frozenset(request) not in _REQUEST_KEYS:
        raise InvalidValueError(
            f"a request has the keys cmd, cmd and env, or tactic and proofState; got {sorted(request)}."
        )


class ProcessRepl:
    """A process of leanprover-community/repl: JSON in, JSON out; answers end in a blank line."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise LeanError(f"the Lean REPL {command[0]!r} does not start: {error}") from error
        self._rest = b""

    def ask(self, request: Mapping[str, str | int], timeout_s: float) -> dict[str, Any]:
        """Returns the answer; see ``Repl``."""
        _check(request)
        assert self._process.stdin is not None
        until = time.monotonic() + timeout_s
        try:
            self._process.stdin.write(json.dumps(dict(request)).encode() + b"\n\n")
            self._process.stdin.flush()
            return _read_answer(self._receive(until))
        except OSError as error:
            self.close()
            raise LeanError(f"the Lean REPL died: {error}") from error
        except LeanError:
            self.close()
            raise

    def _receive(self, until: float) -> bytes:
        """Returns what comes before the next blank line."""
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN | select.POLLHUP)
        pieces, size = [self._rest], len(self._rest)
        while True:
            tail = b"".join(pieces[-2:]).replace(b"\r", b"") if len(pieces) > 1 else pieces[0]
            if b"\n\n" in tail.lstrip(b"\n"):
                answer, _, self._rest = b"".join(pieces).replace(b"\r", b"").lstrip(b"\n").partition(b"\n\n")
                return answer
            if size > MAX_ANSWER_BYTES:
                raise LeanError(f"an answer of Lean has more than {MAX_ANSWER_BYTES} bytes")
            left_s = until - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000):
                raise LeanTimeout("Lean did not answer in time")
            piece = os.read(self._process.stdout.fileno(), 1 << 16)
            if not piece:
                raise LeanError("the Lean REPL ended")
            pieces.append(piece)
            size += len(piece)

    def close(self) -> None:
        """Ends the process and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class InteractRepl:
    """The server of the package lean-interact, which speaks the same protocol in Python."""

    def __init__(self) -> None:
        package = importlib.import_module("lean_interact")
        try:
            self._server: Any = package.LeanServer(package.LeanREPLConfig())
        except (OSError, RuntimeError, ValueError) as error:
            raise LeanError(f"lean-interact does not start: {error}") from error

    def ask(self, request: Mapping[str, str | int], timeout_s: float) -> dict[str, Any]:
        """Returns the answer; see ``Repl``."""
        _check(request)
        try:
            answer = self._server.run_dict(dict(request), timeout=timeout_s)
        except TimeoutError as error:
            self.close()
            raise LeanTimeout("Lean did not answer in time") from error
        except (OSError, RuntimeError, ValueError) as error:
            self.close()
            raise LeanError(f"lean-interact failed: {error}") from error
        if not isinstance(answer, dict):
            raise LeanError(f"lean-interact answered {str(answer)[:100]!r}")
        return answer

    def close(self) -> None:
        """Ends the server."""
        with contextlib.suppress(OSError, RuntimeError):
            self._server.kill()


def _read_answer(text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LeanError(f"Lean answered what is no JSON: {text[:100]!r}") from error
    if not isinstance(answer, dict):
        raise LeanError(f"Lean answered what is no object: {text[:100]!r}")
    return answer
