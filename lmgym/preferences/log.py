"""A file of preferences that is only ever appended to, and survives a kill at any byte.

Every line is a record or a retraction, ``{"retract": KEY, "time": TIME}``, which withdraws the latest record
of that key that still stands. When a method has returned, what it wrote survives a kill and a loss of power.
A line that was being written is torn: it is cut and named when the file is opened again, so that it never
swallows the next one. One writer at a time holds the file; readers need not ask. Left out: foreign formats.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from lmgym.errors import LmgymError
from lmgym.preferences.file_lock import hold, is_held, release
from lmgym.preferences.reading import (
    BadLines,
    PreferenceLogError,
    check_bad,
    check_choice,
    read_book,
    read_log,
    read_preferences,
)
from lmgym.preferences.record import Preference, check_time

__all__ = ["PreferenceLog", "PreferenceLogError", "read_log", "read_preferences"]

Duplicates = Literal["refuse", "return", "keep"]


class PreferenceLog:
    """The one writer of a preference file; from construction until ``close``."""

    def __init__(self, path: str | Path, *, bad_lines: BadLines = "error") -> None:
        """Opens the file, makes it if it is missing, takes its lock and cuts a torn end.

        Args:
            path: the file; its folder must exist. A link is refused.
            bad_lines: what to do about lines in the middle that are no records: "error" refuses the file,
                "skip" leaves them where they are and names them in ``problems``.

        Raises:
            PreferenceLogError: another writer has it, it is a link or no file, it can't be read or repaired,
                or it holds bad lines.
            UnknownNameError: another ``bad_lines``.
        """
        check_choice("bad_lines", bad_lines, ("error", "skip"))
        self.path = Path(path)
        self._handle: int | None = _open_for_writing(self.path)
        try:
            with open(self._handle, "rb", closefd=False) as file:
                self._book = read_book(file, self.path.name)
            check_bad(self._book.bad, bad_lines, self.path)
            self._size = self._repair()
        except OSError as error:
            self.close()
            raise PreferenceLogError(f"{self.path} can't be read or repaired: {error}.") from error
        except LmgymError:
            self.close()
            raise
        self._is_dirty = False
        self.problems: list[str] = [*self._book.bad, *self._book.torn]
        """Lines that were no records when the file was opened, and what was cut, in words."""

    @property
    def preferences(self) -> list[Preference]:
        """Returns the records that stand, in the order of the file."""
        return self._book.standing()

    def __len__(self) -> int:
        return len(self._book.records)

    def find(self, key: str) -> Preference | None:
        """Returns the latest record of ``key`` that stands, None if there is none."""
        numbers = self._book.numbers.get(key)
        return self._book.records[numbers[-1]] if numbers else None

    def append(self, preference: Preference, *, duplicates: Duplicates = "refuse") -> Preference:
        """Writes one record and returns when it is on the disk; see ``extend``."""
        return self.extend([preference], duplicates=duplicates)[0]

    def extend(
        self, preferences: Sequence[Preference], *, duplicates: Duplicates = "refuse"
    ) -> list[Preference]:
        """Writes records with one sync, and returns what the file holds of each when all are on the disk.

        A kill in the middle leaves the first ones.

        Args:
            preferences: the records.
            duplicates: what to do about a record whose key stands in the file already: "refuse" writes
                nothing at all, "return" returns the earlier record in place of the new one, "keep" writes
                it too (a question that was asked again on purpose).

        Raises:
            PreferenceLogError: a duplicate, or the disk refused; the file then holds what it held before,
                and writing may be tried again.
            InvalidValueError: a record is too long for a line.
            UnknownNameError: another ``duplicates``.
        """
        check_choice("duplicates", duplicates, ("refuse", "return", "keep"))
        held: list[Preference] = []
        fresh: dict[str, Preference] = {}
        lines: list[str] = []
        written: list[Preference] = []
        for preference in preferences:
            key = preference.key
            earlier = None if duplicates == "keep" else fresh.get(key) or self.find(key)
            if earlier is not None and duplicates == "refuse":
                raise PreferenceLogError(
                    f"{self.path} holds a verdict of {preference.annotator!a:.100} on this question already "
                    f"(key {key}); retract it first, or pass duplicates='return' or 'keep'."
                )
            if earlier is None:
                fresh[key] = preference
                lines.append(preference.to_json())
                written.append(preference)
            held.append(preference if earlier is None else earlier)
        self._write(lines)
        for preference in written:
            self._book.add(preference)
        return held

    def retract(self, key: str, *, time: str) -> Preference:
        """Withdraws the latest record of ``key`` that stands, and returns it; nothing is rewritten.

        Args:
            key: the record's key.
            time: when, ISO 8601 in UTC.

        Raises:
            PreferenceLogError: no record of that key stands, or the disk refused.
            InvalidValueError: ``time`` is no time.
        """
        if self.find(key) is None:
            raise PreferenceLogError(f"{self.path} holds no record of the key {key!a:.100} to retract.")
        line = json.dumps({"retract": key, "time": check_time(time)}, separators=(",", ":"))
        self._write([line])
        return self._book.remove(key)

    def close(self) -> None:
        """Gives the file up; further calls do nothing."""
        if self._handle is not None:
            release(self._handle)
        self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repair(self) -> int:
        """Cuts a torn end, or ends a record that lacks nothing but its newline; returns the size."""
        assert self._handle is not None
        size = self._book.num_bytes
        if self._book.torn:
            os.ftruncate(self._handle, size)
            if self._book.lacks_newline:
                _write_all(self._handle, b"\n")
                size += 1
            os.fsync(self._handle)
        return size

    def _write(self, lines: Sequence[str]) -> None:
        handle = self._handle
        if handle is None or not is_held(handle):  # or this is a child process that was forked
            raise PreferenceLogError(f"{self.path} is closed in this process; open it again.")
        if not lines:
            return
        data = "".join(f"{line}\n" for line in lines).encode("ascii")
        try:
            if self._is_dirty:  # an earlier write failed half-way
                self._clean(handle)
            self._check_unchanged(handle)
            self._is_dirty = True
            _write_all(handle, data)
            os.fsync(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._clean(handle)
            raise PreferenceLogError(
                f"nothing was written to {self.path}: {error}. Free some space or mend the disk, then try "
                "again."
            ) from error
        self._is_dirty = False
        self._size += len(data)

    def _check_unchanged(self, handle: int) -> None:
        """Raises unless the path still names the file that we hold, of the length that we left."""
        held = os.fstat(handle)
        try:
            is_same = os.path.samestat(held, os.stat(self.path, follow_symlinks=False))
        except FileNotFoundError:
            is_same = False
        if not is_same or held.st_size != self._size:
            raise PreferenceLogError(
                f"{self.path} was moved, replaced or changed by another program while it was open; nothing "
                "was written. Open it again."
            )

    def _clean(self, handle: int) -> None:
        if self._is_dirty:
            os.ftruncate(handle, self._size)
            os.fsync(handle)
            self._is_dirty = False


def _open_for_writing(path: Path) -> int:
    if path.is_symlink():
        raise PreferenceLogError(f"{path} is a link; give the file itself.")
    if path.suffix == ".gz":
        raise PreferenceLogError(f"{path} is packed, and can only be read; give another name.")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    is_new = not path.exists()
    try:
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        raise PreferenceLogError(f"{path} can't be opened for writing: {error.strerror}.") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise PreferenceLogError(f"{path} is no regular file; give another place.")
        _take(handle, path)
        if is_new:
            _sync_folder(path.parent)
    except (OSError, LmgymError):
        os.close(handle)
        raise
    return handle


def _take(handle: int, path: Path) -> None:
    try:
        hold(handle)
    except OSError as error:
        raise PreferenceLogError(
            f"{path} is being written by another program, or elsewhere in this one. Wait until it has ended, "
            "or give another file."
        ) from error


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders; its names are journalled
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
