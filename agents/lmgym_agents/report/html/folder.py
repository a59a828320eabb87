"""Reading a folder that anybody may have written: bounded, never out of it, never fatal.

In: a folder. Out: its files, lines and JSON values, and in words what was left out and why. Left out: what
the files mean.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

SKIPPED_FOLDERS: Final = frozenset({"checkpoints", "tensorboard", "model", "__pycache__"})
MAX_FILES: Final = 200_000
MAX_LINE_BYTES: Final = 4_000_000
MAX_FILE_BYTES: Final = 16_000_000
"""Of a file that is read as a whole; files of lines may be larger."""
MAX_NAMED: Final = 200
"""Things that are left out by name; of more only the number is told."""


class LeftOut:
    """What is not in the page, in words: at most ``MAX_NAMED`` sentences, and how many more there were."""

    def __init__(self) -> None:
        self._items: list[dict[str, str]] = []
        self.num_more = 0

    def add(self, what: str, why: str) -> None:
        """Notes that ``what`` is left out, and why."""
        if len(self._items) < MAX_NAMED:
            self._items.append({"what": what[:400], "why": why[:400]})
        else:
            self.num_more += 1

    def to_list(self) -> list[dict[str, str]]:
        """Returns what was noted, a plain dict each."""
        more = [{"what": f"{self.num_more} more", "why": "only the first are named"}] if self.num_more else []
        return self._items + more


class Line(NamedTuple):
    """A line of a file."""

    number: int
    """From 1."""
    offset: int
    data: bytes | None
    """None: longer than is allowed."""


class Folder:
    """A folder and the regular files below it."""

    def __init__(self, root: Path, left_out: LeftOut) -> None:
        self.root, self.left_out = root, left_out
        self.files: list[str] = []
        """Paths below ``root``, with slashes, in order."""
        self._list()

    def _list(self) -> None:
        for parent, folders, names in os.walk(self.root, followlinks=False):
            here = Path(parent)
            for name in [name for name in folders if (here / name).is_symlink()]:
                self.left_out.add(self._below(here / name), "a link to a folder is not followed")
            folders[:] = sorted(
                name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")
            )
            for name in sorted(names):
                if name.startswith(".") or not self._is_wanted(name):
                    continue
                if len(self.files) >= MAX_FILES:
                    self.left_out.add(self._below(here), f"more than {MAX_FILES} files")
                    return
                if self._is_inside(here / name):
                    self.files.append(self._below(here / name))

    @staticmethod
    def _is_wanted(name: str) -> bool:
        return name.endswith((".json", ".jsonl", ".svg"))

    def _below(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _is_inside(self, path: Path) -> bool:
        try:
            kind = path.lstat().st_mode
            if stat.S_ISLNK(kind):
                inside = path.resolve(strict=True).is_relative_to(self.root.resolve())
                self.left_out.add(
                    self._below(path), "a link" if inside else "a link that leads out of the folder"
                )
                return False
        except (OSError, RuntimeError) as error:
            self.left_out.add(self._below(path), f"can't be read: {error}")
            return False
        if not stat.S_ISREG(kind):
            self.left_out.add(self._below(path), "no regular file")
            return False
        return True

    def read_bytes(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes | None:
        """Returns a whole file; None, and a note, where it can't be read or is larger than ``limit``."""
        try:
            with open(self.root / name, "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            self.left_out.add(name, f"can't be read: {error.strerror}")
            return None
        if len(data) > limit:
            self.left_out.add(name, f"larger than {limit:,} bytes")
            return None
        return data

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Returns the object that a JSON file holds; None, and a note, where there is none."""
        if name not in self.files:
            return None
        data = self.read_bytes(name)
        value = None if data is None else parse_object(data)
        if data is not None and value is None:
            self.left_out.add(name, "holds no JSON object")
        return value

    def lines(self, name: str) -> Iterator[Line]:
        """Yields the lines of a file that are not blank; a note, where it can't be read."""
        try:
            with open(self.root / name, "rb") as file:
                number, offset = 0, 0
                while data := file.readline(MAX_LINE_BYTES):
                    number, size, is_whole = number + 1, len(data), data.endswith(b"\n")
                    while not is_whole and (rest := file.readline(MAX_LINE_BYTES)):
                        size, is_whole, data = size + len(rest), rest.endswith(b"\n"), data[:0]
                    if data.strip() or size > len(data):
                        yield Line(number, offset, data if size == len(data) else None)
                    offset += size
        except OSError as error:
            self.left_out.add(name, f"can't be read: {error.strerror}")

    def objects(self, name: str) -> Iterator[tuple[Line, dict[str, Any]]]:
        """Yields the JSON objects of a file of lines; what is none is counted in one note."""
        bad: list[int] = []
        for line in self.lines(name):
            value = None if line.data is None else parse_object(line.data)
            if value is None:
                bad.append(line.number)
            else:
                yield line, value
        if bad:
            self.left_out.add(name, f"{say_lines(bad)} (torn, too long, or no JSON object)")


def say_lines(numbers: list[int]) -> str:
    """Returns "line 3" or "3 lines, the first is line 7"."""
    return f"line {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} lines, the first is {numbers[0]}"


def parse_object(data: bytes) -> dict[str, Any] | None:
    """Returns the JSON object in ``data``, None for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
