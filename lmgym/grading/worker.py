"""One child process that answers one question at a time, by lines of JSON over pipes.

Comes in: a command and requests. Goes out: replies, or how the child ended. No pickle, no fork, no signal in
this process: it waits in a queue that a thread fills, so it works from any thread and on every platform.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

MAX_LINE_BYTES = 60_000
"""Longest request and reply; a pipe takes as much without blocking."""


class WorkerDied(Exception):
    """The child has ended before it replied."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


class NoReply(Exception):
    """The time is over and the child has not replied; it may still be at work and has to be killed."""


class Worker:
    """A running child. Used by one thread at a time; the pool sees to that."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts the child, without waiting until it is ready.

        Raises:
            OSError: the program can't be started.
        """
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=dict(environment),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._output = self._process.stdin, self._process.stdout
        self._replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=_read_lines,
            args=(self._output.fileno(), self._replies),
            name="lmgym-grading-reader",
            daemon=True,
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Returns the next line of the child.

        Raises:
            NoReply: there was none in time.
            WorkerDied: the child has ended, or says what is no reply.
        """
        try:
            line = self._replies.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise NoReply from None
        if line is None:
            raise WorkerDied(self._exit_code())
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise WorkerDied(None)
        return reply

    def ask(self, request: bytes, timeout_s: float) -> dict[str, Any]:
        """Sends a line and returns the reply; raises as ``receive`` does."""
        assert request.endswith(b"\n") and len(request) <= MAX_LINE_BYTES, len(request)
        try:
            while request:
                request = request[self._requests.write(request) :]
        except OSError:
            raise WorkerDied(self._exit_code()) from None
        return self.receive(timeout_s)

    def kill(self) -> None:
        """Ends the child at once and frees all that belongs to it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._requests.close()
        self._output.close()

    def forget(self) -> None:
        """Lets go of the child without touching it: for a fork of this process, which does not own it."""
        self._requests.close()
        self._output.close()
        self._process.returncode = 0  # so that the object does not wait for a process that isn't its child

    def _exit_code(self) -> int | None:
        try:
            return self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return None


def _read_lines(descriptor: int, replies: queue.SimpleQueue[bytes | None]) -> None:
    buffer = b""
    while len(buffer) <= MAX_LINE_BYTES:
        try:
            piece = os.read(descriptor, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        *lines, buffer = (buffer + piece).split(b"\n")
        for line in lines:
            replies.put(line)
    replies.put(None)
