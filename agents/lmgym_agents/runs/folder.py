"""The folder of one run: who may write there, and what lies where.

    config.json         every option of the run, plain values; compared on resume
    versions.json       Python, libraries, machine and commit of every start of the run
    metrics.jsonl       one record an update (see ``metrics``)
    tensorboard/        the same as event files
    checkpoints/        step-00000042 and so on (see ``checkpoint``)
    model/              the trained model in Hugging Face format
    curves.png          the learning curves
    transcripts.jsonl   some responses of the trained model
    .lock               held by the process that writes

One process writes at a time. A folder that holds something is only used again when it is asked to resume,
and then only with the configuration it was begun with.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from safetensors import SafetensorError

from lmgym.errors import LmgymError
from lmgym_agents.errors import CheckpointError, ResumeError, RunFolderError
from lmgym_agents.runs.config import HARMLESS, MAY_GROW, check_same_config, to_plain
from lmgym_agents.runs.durable_files import FILES, Files, make_folders, write_atomically
from lmgym_agents.runs.folder_lock import FolderLock
from lmgym_agents.runs.strict_json import read_json
from lmgym_agents.runs.versions import collect_versions

_LOCK: Final = ".lock"
_BEFORE_CONFIG: Final = {_LOCK, ".config.json.part"}  # what a process killed at the very start leaves


class RunFolder:
    """An open run folder; close it, or use it as a context manager, to let others write."""

    def __init__(
        self,
        path: Path | str,
        config: Any,
        *,
        resume: bool = False,
        harmless: Collection[str] = HARMLESS,
        may_grow: Collection[str] = MAY_GROW,
        files: Files = FILES,
    ) -> None:
        """Opens a new or empty folder, or one that is resumed.

        Args:
            path: the folder; made if missing.
            config: the run's options: a (nested) dataclass or dict of plain values.
            resume: go on with the run that is there. A folder without one (the run may have been killed
                before it had begun) is begun anew.
            harmless: names of options that may change on resume.
            may_grow: names of numbers that may become larger on resume.
            files: the disk.

        Raises:
            RunFolderError: not a folder, in use, or not empty and ``resume`` is False.
            ResumeError: the run there has another configuration; the message lists the differences.
        """
        self.path = Path(path)
        self._files = files
        self.changes: list[str] = []
        """Allowed differences to the configuration before, ``path: saved → given``."""
        plain = to_plain(config)
        self._lock = self._open_and_lock()
        try:
            self.is_resumed = self._check_content(plain, resume, harmless, may_grow)
            if not self.is_resumed or self.changes:
                self.write_json("config.json", plain)
            self._record_versions()
        except OSError as error:
            self.close()
            raise RunFolderError(f"the run folder {self.path} cannot be written: {error}.") from error
        except BaseException:
            self.close()
            raise

    metrics = property(lambda self: self.path / "metrics.jsonl", doc="File of the metrics.")
    tensorboard = property(lambda self: self.path / "tensorboard", doc="Folder of the event files.")
    checkpoints = property(lambda self: self.path / "checkpoints", doc="Folder of the checkpoints.")
    model = property(lambda self: self.path / "model", doc="Folder of the trained model.")
    curves = property(lambda self: self.path / "curves.png", doc="Picture of the learning curves.")
    transcripts = property(lambda self: self.path / "transcripts.jsonl", doc="File of transcripts.")

    def write_json(self, name: str, value: Any) -> None:
        """Replaces a file of the folder by a plain value as JSON, atomically and durably."""
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        self.write_bytes(name, text.encode("utf-8", "backslashreplace") + b"\n")

    def write_bytes(self, name: str, data: bytes) -> None:
        """Replaces a file of the folder, atomically and durably."""
        write_atomically(self.path / name, data, self._files)

    def write_folder(self, name: str, write: Callable[[Path], None]) -> Path:
        """Replaces a folder inside the run's folder by what ``write`` puts into an empty one.

        A crash leaves the old folder, the new one, or (between two renames) none, never a mixture.

        Returns:
            The path of the new folder.
        """
        target, part, old = (self.path / text for text in (name, f".{name}.part", f".{name}.old"))
        for leftover in (part, old):
            if leftover.exists():
                self._files.remove(leftover)
        self._files.make_folder(part)
        try:
            write(part)
        except SafetensorError as error:  # the library wraps the operating system's error in its own
            raise OSError(errno.EIO, f"writing tensors failed: {error}", str(part)) from error
        for parent, _, names in os.walk(part):
            for file_name in names:
                self._files.sync(Path(parent, file_name))
            self._files.sync_folder(Path(parent))
        if target.exists():
            self._files.rename(target, old)
        self._files.rename(part, target)
        self._files.sync_folder(self.path)
        if old.exists():
            self._files.remove(old)
        return target

    def close(self) -> None:
        """Lets other processes write to the folder."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, LmgymError) and not self.is_resumed:
            self._clear_if_nothing_was_learned()
        self.close()

    def _clear_if_nothing_was_learned(self) -> None:
        """Empties the folder of a run that was refused before its first update, so that it can be used again.

        All that is in it was written by this process; the lock stays (see ``FolderLock``).
        """
        begun = self.metrics.is_file() and self.metrics.stat().st_size > 0
        if begun or (self.checkpoints.is_dir() and os.listdir(self.checkpoints)):
            return
        with contextlib.suppress(OSError):  # what is left is named when the folder is used again
            for name in set(os.listdir(self.path)) - {_LOCK}:
                self._files.remove(self.path / name)

    def _open_and_lock(self) -> FolderLock:
        try:
            make_folders(self.path.absolute(), self._files)
            return FolderLock(self.path / _LOCK)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {self.path} cannot be used: {error}. Give a folder that can be written."
            ) from error

    def _check_content(
        self, plain: Any, resume: bool, harmless: Collection[str], may_grow: Collection[str]
    ) -> bool:
        """Returns whether there is a run to go on with; refuses a folder that may not be used."""
        names = sorted(set(os.listdir(self.path)) - _BEFORE_CONFIG)
        if not names:
            return False
        if not resume:
            raise RunFolderError(
                f"the folder {self.path} is not empty (it holds {', '.join(names[:5])}). Go on with the run "
                "in it with --resume, or choose another folder."
            )
        if "config.json" not in names:
            raise RunFolderError(
                f"the folder {self.path} has no config.json, so it holds no run to resume (but "
                f"{', '.join(names[:5])}). Choose the folder of a run, or an empty one."
            )
        self.changes = check_same_config(self._read_config(), plain, harmless=harmless, may_grow=may_grow)
        return True

    def _read_config(self) -> Any:
        try:
            return read_json(self.path / "config.json")
        except CheckpointError as error:
            raise ResumeError(f"{error} Restore it in {self.path}, or begin a new run.") from error

    def _record_versions(self) -> None:
        starts: list[Any] = []
        with contextlib.suppress(
            OSError, CheckpointError
        ):  # missing or damaged: begun anew, nothing reads it
            known = read_json(self.path / "versions.json")
            if isinstance(known, dict) and isinstance(known.get("starts"), list):
                starts = known["starts"]
        self.write_json("versions.json", {"starts": [*starts, collect_versions()]})
