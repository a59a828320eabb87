"""Reads a preference file: which records it holds, which were withdrawn, which lines are none.

Comes in: a path, or an open file. Goes out: the records that stand, and in words what is wrong with the file.
Left out: writing and repairing it (``lmgym.preferences.log``).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from lmgym.preferences.lines import Line, iterate_lines
from lmgym.preferences.record import Preference, check_time, make_preference, read_json

BadLines = Literal["error", "skip"]

_SHOWN: Final = 5


class PreferenceLogError(LmgymError, ValueError):
    """A preference file that can't be opened, read or written, or a record that must not be put there."""


class LogContents(NamedTuple):
    """What a preference file holds."""

    preferences: list[Preference]
    """The records that stand, in the order of the file."""
    num_retracted: int
    """How many records were withdrawn."""
    problems: list[str]
    """Lines that are no records, in words, by number; a torn last line is one."""


def read_log(path: str | Path, *, bad_lines: BadLines = "skip") -> LogContents:
    """Returns what a preference file holds, also one that is being written; nothing is changed.

    A file whose name ends in ``.gz`` is unpacked.

    Raises:
        PreferenceLogError: the file can't be read, or it holds bad lines and ``bad_lines`` is "error"; a torn
            last line is none.
        UnknownNameError: another ``bad_lines``.
    """
    check_choice("bad_lines", bad_lines, ("error", "skip"))
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            book = read_book(file, path.name)  # type: ignore[arg-type]  # a GzipFile reads like a BinaryIO
    except OSError as error:  # a damaged gzip file is one too
        raise PreferenceLogError(
            f"no preferences can be read from {path}: {error.strerror or error}."
        ) from error
    except (EOFError, zlib.error) as error:
        raise PreferenceLogError(f"{path} is no whole gzip file: {error}. Get it again.") from error
    check_bad(book.bad, bad_lines, path)
    return LogContents(book.standing(), book.num_retracted, [*book.bad, *book.torn])


def read_preferences(path: str | Path, *, bad_lines: BadLines = "error") -> list[Preference]:
    """Returns the records that stand in a preference file, in order; see ``read_log``."""
    return read_log(path, bad_lines=bad_lines).preferences


class Book:
    """The records of a file by line, and which of them stand."""

    def __init__(self) -> None:
        self.records: dict[int, Preference] = {}
        self.numbers: dict[str, list[int]] = {}
        self.bad: list[str] = []
        self.torn: list[str] = []
        self.num_retracted = 0
        self.num_bytes = 0
        self.lacks_newline = False
        self._next = 0

    def standing(self) -> list[Preference]:
        return list(self.records.values())

    def add(self, preference: Preference) -> None:
        self.records[self._next] = preference
        self.numbers.setdefault(preference.key, []).append(self._next)
        self._next += 1

    def remove(self, key: str) -> Preference:
        """Takes the latest standing record of ``key`` out."""
        numbers = self.numbers.get(key)
        if not numbers:
            raise InvalidValueError(f"a retraction of {key!a:.100}, of which no record stands")
        self.num_retracted += 1
        return self.records.pop(numbers.pop())

    def take(self, line: bytes) -> None:
        """Takes in one line of the file."""
        values = read_json(line)
        if isinstance(values, dict) and values.keys() == {"retract", "time"}:
            check_time(values["time"])
            self.remove(_check_key(values["retract"]))
        else:
            self.add(make_preference(values))


def _check_key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidValueError(f"a retraction names a key, got {key!r:.100}")
    return key


def read_book(file: BinaryIO, name: str) -> Book:
    """Returns the contents of an open file from where it stands; ``name`` is what problems call it."""
    book = Book()
    for line in iterate_lines(file):
        where = f"{name}, line {line.number}"
        try:
            book.take(_whole(line))
        except InvalidValueError as error:
            if not line.is_whole:
                book.torn.append(f"{where}: a torn end of {line.num_bytes} bytes.")
                break
            book.bad.append(f"{where}: {error}")
        else:
            book.lacks_newline = not line.is_whole
        book.num_bytes += line.num_bytes
    if book.lacks_newline:  # no part of an object is an object, so this one is complete
        book.torn.append(f"{name}: the last record lacks its newline.")
    return book


def _whole(line: Line) -> bytes:
    if line.data is None:
        raise InvalidValueError(f"{line.num_bytes} bytes are too long for a record.")
    return line.data


def check_bad(bad: list[str], bad_lines: BadLines, path: Path) -> None:
    if bad and bad_lines == "error":
        more = f" (and {len(bad) - _SHOWN} more)" if len(bad) > _SHOWN else ""
        raise PreferenceLogError(
            f"{path} holds {len(bad)} lines that are no records{more}; choose another file, or from Python "
            "bad_lines='skip' to leave them out: " + " ".join(bad[:_SHOWN])
        )


def check_choice(kind: str, given: object, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise UnknownNameError(kind, given, allowed)
