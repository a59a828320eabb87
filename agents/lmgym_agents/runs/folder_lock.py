"""A lock on a folder that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lmgym_agents.errors import RunFolderError

# Handles held by this process. A forked child (an environment worker, say) inherits them, and would keep
# the lock alive after its parent was killed; so every child closes them at once.
_held: set[int] = set()


def _close_in_child() -> None:
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class FolderLock:
    """Held from construction until ``release`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Takes the lock.

        Args:
            path: the lock file; made if missing, and left behind (removing it would be a race).

        Raises:
            RunFolderError: somebody holds it, in this process or in another.
        """
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            _lock(self._handle)
        except OSError as error:
            holder = os.pread(self._handle, 32, 0).decode("ascii", "replace") if os.name != "nt" else ""
            os.close(self._handle)
            self._handle = None
            raise RunFolderError(
                f"the run folder {path.parent} is in use by another process ({holder.strip() or 'unknown'}). "
                "Wait until it has ended, stop it, or choose another folder."
            ) from error
        _held.add(self._handle)
        os.truncate(path, 0)
        os.write(self._handle, f"pid {os.getpid()}\n".encode())

    def release(self) -> None:
        """Gives the lock up; further calls do nothing."""
        if self._handle is not None and self._handle in _held:
            _held.discard(self._handle)
            _unlock(self._handle)  # closing alone would leave it to a child that was forked just now
            os.close(self._handle)
        self._handle = None


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        # flock, because it also keeps apart two writers of one process, and opening the file elsewhere in
        # the process does not end it.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
