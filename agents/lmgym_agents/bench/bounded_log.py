"""A log file for the output of foreign code: however much that writes, the file stays small."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path
from typing import Final

FIRST_BYTES: Final = 256 * 1024
LAST_BYTES: Final = 64 * 1024


class BoundedLog:
    """Keeps the beginning of what is written at once, and its end when it is closed."""

    def __init__(self, path: Path, *, first_bytes: int = FIRST_BYTES, last_bytes: int = LAST_BYTES) -> None:
        """Opens a log, to append to; one that earlier attempts have made too long is begun anew.

        Where no file can be made (foreign code has put something else there, the disk is full), output is
        lost, as it is no reason to end whoever keeps the logs of all jobs.

        Args:
            path: the file.
            first_bytes: how much of the beginning stays.
            last_bytes: how much of the end stays, where more was written than that.
        """
        with contextlib.suppress(OSError):
            if path.stat().st_size > first_bytes:
                path.unlink()
        try:
            self._file = open(path, "ab", buffering=0)
        except OSError:
            self._file = open(os.devnull, "ab", buffering=0)
        self._room = first_bytes
        self._last_bytes = last_bytes
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._num_dropped = 0

    def write(self, data: bytes) -> None:
        """Adds output; what a full disk refuses is lost, as it is no reason to end the job."""
        if self._room > 0:
            with contextlib.suppress(OSError):
                self._file.write(data[: self._room])
        rest = data[max(self._room, 0) :]
        self._room -= len(data)
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= self._last_bytes:
                gone = len(self._tail.popleft())
                self._tail_size -= gone
                self._num_dropped += gone

    def close(self) -> None:
        """Writes the end of the output and closes the file."""
        end = b"".join(self._tail)
        gone = self._num_dropped + max(0, len(end) - self._last_bytes)
        if gone:
            end = b"\n[%d bytes left out]\n" % gone + end[-self._last_bytes :]
        with contextlib.suppress(OSError):
            self._file.write(end)
        self._file.close()
