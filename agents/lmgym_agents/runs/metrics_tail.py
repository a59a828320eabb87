"""Follows a metrics file while somebody else writes it: what is new since the last look, and no more.

In: a path, which need not exist yet. Out: records, in pieces of bounded size. The writer may tear its last
line, and cut the file when a run is resumed, even while nobody looks; the file may hold anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from lmgym_agents.runs.metrics import parse_record

MAX_LINE_BYTES: Final = 1 << 20
"""Longer lines are no records of ours, and are passed over."""
CHUNK_BYTES: Final = 4 << 20
_MEMORY_BYTES: Final = 256


class News(NamedTuple):
    """What ``MetricsTail.read`` has found."""

    records: list[dict[str, Any]]
    is_new_file: bool
    """Records that were read before are no longer in the file: forget them all; it is read from the start."""
    is_end: bool
    """There was no more to read."""


class MetricsTail:
    """Reads a metrics file from where it last stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._seen = b""  # the bytes before the offset: another file, or one that was cut, has others there
        self._torn = b""
        self._is_skipping = False

    def read(self) -> News:
        """Returns the records of at most ``CHUNK_BYTES`` more bytes; none where there is no file.

        Raises:
            OSError: the file exists and can't be read.
        """
        try:
            with open(self.path, "rb") as file:
                is_new = not self._is_same(file)
                if is_new:
                    self._offset, self._seen, self._torn, self._is_skipping = 0, b"", b"", False
                file.seek(self._offset)
                data = file.read(CHUNK_BYTES)
                is_end = len(data) < CHUNK_BYTES
        except FileNotFoundError:
            is_new = self._offset > 0
            self._offset, self._seen, self._torn, self._is_skipping = 0, b"", b"", False
            return News([], is_new, True)
        self._offset += len(data)
        self._seen = (self._seen + data)[-_MEMORY_BYTES:]
        return News(self._records(data), is_new, is_end)

    def age_s(self, now: float) -> float | None:
        """Returns the seconds since the file was last written, None where there is none."""
        try:
            return max(0.0, now - self.path.stat().st_mtime)
        except OSError:
            return None

    def _is_same(self, file: BinaryIO) -> bool:
        """Returns whether what was read before is still there."""
        if os.fstat(file.fileno()).st_size < self._offset:
            return False
        file.seek(self._offset - len(self._seen))
        return file.read(len(self._seen)) == self._seen

    def _records(self, data: bytes) -> list[dict[str, Any]]:
        lines = (self._torn + data).split(b"\n")
        self._torn = lines.pop()
        if lines and self._is_skipping:
            lines.pop(0)
            self._is_skipping = False
        if len(self._torn) > MAX_LINE_BYTES:
            self._torn, self._is_skipping = b"", True
        found = [parse_record(line + b"\n") for line in lines if len(line) <= MAX_LINE_BYTES]
        return [record for record in found if record is not None]
