"""Disks that fail: at the n-th operation, by an error of the system, by a kill, or by a loss of power."""

import errno
import os
import shutil
from pathlib import Path

from lmgym_agents.runs.durable_files import Files


class Crash(BaseException):
    """The process has ended here; not an Exception, so nothing on the way can clean up."""


class FaultyFiles(Files):
    """Does its work until operation ``fail_at`` (counted from 0), which it spoils.

    Args:
        fail_at: the operation; None: none.
        how: "error": it raises OSError(code) after doing half of what it should, and later ones work.
            "crash": the process ends in the middle of it; every later operation ends it too.
        code: errno of the error.
    """

    def __init__(self, fail_at=None, how="error", code=errno.ENOSPC):
        self.fail_at, self.how, self.code = fail_at, how, code
        self.count = 0
        self.is_dead = False
        self.reached = False

    def _turn(self, whole, half):
        if self.is_dead:
            raise Crash
        number, self.count = self.count, self.count + 1
        if number != self.fail_at:
            return whole()
        self.reached = True
        half()
        if self.how == "crash":
            self.is_dead = True
            raise Crash
        raise OSError(self.code, os.strerror(self.code))

    def make_folder(self, path):
        self._turn(lambda: Files.make_folder(self, path), lambda: None)

    def write(self, path, data):
        self._turn(
            lambda: Files.write(self, path, data), lambda: Files.write(self, path, data[: len(data) // 2])
        )

    def write_tensors(self, path, tensors):
        def half():
            Files.write_tensors(self, path, tensors)
            os.truncate(path, path.stat().st_size // 2)

        self._turn(lambda: Files.write_tensors(self, path, tensors), half)

    def append(self, path, data):
        self._turn(
            lambda: Files.append(self, path, data), lambda: Files.append(self, path, data[: len(data) // 2])
        )

    def truncate(self, path, size):
        self._turn(lambda: Files.truncate(self, path, size), lambda: None)

    def sync(self, path):
        self._turn(lambda: None, lambda: None)  # a kill leaves the page cache alone: nothing to do

    def sync_folder(self, path):
        self._turn(lambda: None, lambda: None)

    def rename(self, source, target):
        self._turn(lambda: Files.rename(self, source, target), lambda: None)

    def remove(self, path):
        def half():
            entries = sorted(path.iterdir()) if path.is_dir() else []
            for entry in entries[: len(entries) // 2 + 1]:
                entry.unlink()

        self._turn(lambda: Files.remove(self, path), half)


class PowerLossFiles(Files):
    """Remembers what was never synced; ``lose_power`` takes it away.

    The power fails before operation ``fail_at``. Content that was not synced is cut to half. A new name or
    a rename in a folder that was not synced is undone where ``undo_names``, and stays otherwise: both may
    happen on a real disk.
    """

    def __init__(self, fail_at=None):
        self.fail_at = fail_at
        self.count = 0
        self._unsynced = {}
        self._renames = []
        self._made = []

    def _turn(self):
        if self.count == self.fail_at:
            raise Crash
        self.count += 1

    def make_folder(self, path):
        self._turn()
        super().make_folder(path)
        self._made.append(Path(path))

    def write(self, path, data):
        self._turn()
        super().write(path, data)
        self._unsynced[path] = 0
        self._made.append(path)

    def write_tensors(self, path, tensors):
        self._turn()
        super().write_tensors(path, tensors)
        self._unsynced[path] = 0
        self._made.append(path)

    def append(self, path, data):
        self._turn()
        before = path.stat().st_size if path.exists() else 0
        if not path.exists():
            self._made.append(path)
        super().append(path, data)
        self._unsynced.setdefault(path, before)

    def truncate(self, path, size):
        self._turn()
        super().truncate(path, size)

    def sync(self, path):
        self._turn()
        self._unsynced.pop(path, None)

    def sync_folder(self, path):
        self._turn()
        self._renames = [(a, b) for a, b in self._renames if b.parent != path]
        self._made = [made for made in self._made if made.parent != path]

    def rename(self, source, target):
        self._turn()
        super().rename(source, target)
        moved = lambda p: target / p.relative_to(source) if p.is_relative_to(source) else p  # noqa: E731
        self._unsynced = {moved(path): size for path, size in self._unsynced.items()}
        self._made = [moved(path) for path in self._made]
        self._renames.append((source, target))

    def remove(self, path):
        self._turn()
        super().remove(path)
        gone = lambda p: p.is_relative_to(path)  # noqa: E731
        self._unsynced = {p: size for p, size in self._unsynced.items() if not gone(p)}
        self._made = [p for p in self._made if not gone(p)]
        self._renames = [(a, b) for a, b in self._renames if not gone(b)]

    def lose_power(self, undo_names):
        for path, size in self._unsynced.items():
            os.truncate(path, size + (path.stat().st_size - size) // 2)
        if not undo_names:
            return
        for path in reversed(self._made):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
        for source, target in reversed(self._renames):
            if target.exists() and not source.exists():
                os.replace(target, source)
