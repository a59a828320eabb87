"""The few operations with which a run changes its disk.

Checkpoints, metrics and run folders go through one :class:`Files` object. That is the seam at which the
tests make each single operation fail, or end the process after it; nothing else writes to a run's folder
(TensorBoard's event files excepted, which nothing reads back).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file


class Files:
    """Disk operations; each either has happened when it returns, or raises ``OSError``.

    None but the two ``sync`` methods promises that anything survives a loss of power.
    """

    def make_folder(self, path: Path) -> None:
        """Makes one new folder; its parent must exist."""
        os.mkdir(path)

    def write(self, path: Path, data: bytes) -> None:
        """Writes a new file; an existing one (or a link in its place) is an error."""
        with open(path, "xb") as file:
            file.write(data)

    def write_tensors(self, path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
        """Writes a safetensors file of contiguous CPU tensors that share no memory."""
        try:
            save_file(dict(tensors), path)
        except SafetensorError as error:  # the library wraps the operating system's error in its own
            raise OSError(errno.EIO, f"writing tensors failed: {error}", str(path)) from error

    def append(self, path: Path, data: bytes) -> None:
        """Adds ``data`` to the end of a file, which is made if it is missing."""
        with open(path, "ab") as file:
            file.write(data)

    def truncate(self, path: Path, size: int) -> None:
        """Cuts a file to its first ``size`` bytes."""
        os.truncate(path, size)

    def sync(self, path: Path) -> None:
        """Returns when the content of a file is on the disk."""
        _sync(path, os.O_RDWR)  # read-write, because some systems refuse to sync a read-only handle

    def sync_folder(self, path: Path) -> None:
        """Returns when the names in a folder are on the disk."""
        if os.name != "nt":  # Windows cannot open folders; its renames are journalled
            _sync(path, os.O_RDONLY)

    def rename(self, source: Path, target: Path) -> None:
        """Gives a file or folder its new name in one step; a file of that name is replaced."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Removes a file, or a folder with all that is in it; links are removed, never followed."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


FILES = Files()


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(path: Path, files: Files = FILES) -> None:
    """Makes a folder and its missing parents, all of them durable; existing ones are left alone."""
    if path.is_dir():
        return
    make_folders(path.parent, files)
    files.make_folder(path)
    files.sync_folder(path.parent)


def write_atomically(path: Path, data: bytes, files: Files = FILES) -> None:
    """Replaces a file by ``data``: at any moment, and after a crash, it has its old or its new content."""
    part = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()  # of a process that was killed here
    files.write(part, data)
    files.sync(part)
    files.rename(part, path)
    files.sync_folder(path.parent)
