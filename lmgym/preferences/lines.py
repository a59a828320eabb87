"""Reads files of one JSON value a line, of whatever length and content, in bounded memory.

Comes in: a path (``.gz`` is unpacked on the way). Goes out: the lines with their numbers; what is too long or
not whole is said, not guessed. Left out: what the lines mean.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.preferences.record import MAX_LINE_BYTES


class Line(NamedTuple):
    """One line of a file."""

    number: int
    """From 1."""
    data: bytes | None
    """The line without its newline; None: longer than MAX_LINE_BYTES."""
    num_bytes: int
    """Its length in the file, the newline included."""
    is_whole: bool
    """False: the file ended before the newline."""


def iterate_lines(file: BinaryIO) -> Iterator[Line]:
    """Yields the lines of a binary file from where it stands; only a newline ends a line."""
    number = 0
    while part := file.readline(MAX_LINE_BYTES):
        number += 1
        num_bytes, last = len(part), part
        while not last.endswith(b"\n") and (more := file.readline(MAX_LINE_BYTES)):
            num_bytes, last = num_bytes + len(more), more
        is_whole = last.endswith(b"\n")
        data = part.removesuffix(b"\n") if num_bytes == len(part) else None
        yield Line(number, data, num_bytes, is_whole)


def read_lines(path: str | Path) -> Iterator[Line]:
    """Yields the lines of a file that aren't blank, unpacked where its name ends in ``.gz``.

    Raises:
        InvalidValueError: the packed data is damaged.
    """
    path = Path(path)
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        try:
            for line in iterate_lines(file):  # type: ignore[arg-type]  # a GzipFile reads like a BinaryIO
                if line.data is None or line.data.strip():
                    yield line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidValueError(f"{path} is no whole gzip file: {error}. Get it again.") from error
