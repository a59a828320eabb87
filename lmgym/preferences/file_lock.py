"""A lock on an open file that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from typing import Final

_FAR: Final = 1 << 62
"""Where Windows locks: behind any content, since its locks keep readers out."""

# Handles locked by this process. A forked child inherits them and would keep the lock alive after its parent
# was killed; so every child closes them at once.
_held: set[int] = set()


def _close_in_child() -> None:
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def hold(handle: int) -> None:
    """Locks an open file.

    Raises:
        OSError: somebody holds it, in this process or in another.
    """
    _lock(handle)
    _held.add(handle)


def is_held(handle: int) -> bool:
    """Returns whether this process holds the lock; a child that was forked from it does not."""
    return handle in _held


def release(handle: int) -> None:
    """Gives the lock up and closes the file; does nothing where it isn't held."""
    if handle in _held:
        _held.discard(handle)
        _unlock(handle)  # closing alone would leave it to a child that was forked just now
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        # flock, because it also keeps apart two writers of one process, and opening the file elsewhere in
        # the process does not end it.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
