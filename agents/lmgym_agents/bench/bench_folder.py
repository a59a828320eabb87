"""The folder of a benchmark: what it holds, who may write there, and what is finished.

    bench.json                             the suite, and what all results of the folder must share
    jobs/ENTRY/AGENT/seedK/                job.json, result.json, log.txt, metrics.jsonl, model/ ...
    warm/ENTRY/seedK/model/                what the agents of an entry and a seed start from
    results.jsonl                          all finished jobs, in the order of their names
    merged.jsonl                           the same with results of others, where they were given
    .lock                                  held by the bench that runs

A job is finished when its ``result.json`` is there, which is written last and in one step. Left out: running
jobs (``scheduler``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lmgym.bench.result_record import Failure, Result
from lmgym.bench.results import read_results, sort_results, to_json_line, write_results
from lmgym.bench.suites import Suite
from lmgym.errors import LmgymError
from lmgym_agents.bench.plan import Task
from lmgym_agents.bench.work import RESULT, WARM_FAILURE, is_warm
from lmgym_agents.errors import CheckpointError, ResumeError, RunFolderError
from lmgym_agents.runs.config import list_differences
from lmgym_agents.runs.durable_files import make_folders, write_atomically
from lmgym_agents.runs.folder_lock import FolderLock
from lmgym_agents.runs.strict_json import read_json

_LOCK: Final = ".lock"
_REMOVING: Final = ".removing"
_DESCRIPTION: Final = "bench.json"
_MAX_SHOWN_CHARS: Final = 200


class BenchFolder:
    """An open folder; close it, or use it as a context manager, to let others write."""

    def __init__(self, path: Path, suite: Suite, *, device: str, threads: int) -> None:
        """Opens a new or empty folder, or one that is gone on with.

        Args:
            path: made if missing.
            suite: whose jobs it holds.
            device: "cpu" or "cuda".
            threads: of each job; numbers depend on it.

        Raises:
            RunFolderError: another bench is using it, or it holds something else.
            ResumeError: its jobs are of another suite or were made with other options; says which.
        """
        self.path = path
        self.suite = suite
        self._results: dict[str, Result] = {}
        self._is_written = False
        try:
            make_folders(path.absolute())
            self._lock = FolderLock(path / _LOCK)
        except OSError as error:
            raise RunFolderError(
                f"{path} can't be used: {error}. Give a folder that can be written."
            ) from error
        try:
            self._check_description(describe_bench(suite, device=device, threads=threads))
            self._clean_up()
        except BaseException:
            self.close()
            raise

    def _check_description(self, given: Mapping[str, Any]) -> None:
        path = self.path / _DESCRIPTION
        if not path.exists():
            others = sorted(name for name in os.listdir(self.path) if not name.startswith("."))
            if others:
                raise RunFolderError(
                    f"{self.path} holds something that is no benchmark ({', '.join(others[:5])}). Choose an "
                    "empty folder, or that of a bench to go on with it."
                )
            write_atomically(path, json.dumps(given, indent=2).encode() + b"\n")
            return
        try:
            saved = read_json(path)
        except CheckpointError as error:
            raise ResumeError(f"{path}: {error} Restore it, or choose another folder.") from error
        differences = list_differences(saved, given)
        if saved.get("suite") != given["suite"]:  # what else differs follows from that
            differences = [each for each in differences if each[0] == "suite"]
        if differences:
            lines = "\n  ".join(f"{name}: {_show(old)} → {_show(new)}" for name, old, new in differences)
            raise ResumeError(
                f"the bench in {self.path} was begun otherwise (there → given):\n  {lines}\nIts results "
                "could not be compared with the new ones. Give what was given then, or another folder."
            )

    def _clean_up(self) -> None:
        """Removes what a killed bench was about to remove or to write."""
        shutil.rmtree(self.path / _REMOVING, ignore_errors=True)
        for part in self.path.glob(".*.jsonl-*.part"):
            part.unlink(missing_ok=True)

    def folder_of(self, task: Task) -> Path:
        """Returns the folder of a task."""
        return self.path / task.folder

    def begin(self, task: Task, description: Mapping[str, Any]) -> Path:
        """Makes the folder of a task that is about to run, and says there what it is."""
        folder = self.folder_of(task)
        make_folders(folder.absolute())
        write_atomically(folder / "job.json", json.dumps(description, indent=2).encode() + b"\n")
        return folder

    def find_result(self, task: Task) -> Result | None:
        """Returns the result of a finished job; None if it is not, or if the file is not this job's."""
        path = self.folder_of(task) / RESULT
        if not path.is_file():
            return None
        try:
            results = read_results(path)
        except LmgymError:  # foreign code has written there; the job is done again
            return None
        wanted = (self.suite.id, self.suite.hash, task.entry.name, task.agent, task.seed)
        return results[0] if len(results) == 1 and results[0].key == wanted else None

    def is_done(self, task: Task) -> bool:
        """Returns whether there is a result of a job, or a model or a failure of a warm start."""
        if task.kind == "job":
            return self.find_result(task) is not None
        return is_warm(self.folder_of(task)) or self.find_warm_failure(task) is not None

    def keep(self, task: Task, result: Result) -> None:
        """Makes a result durable that the job could not write itself."""
        write_atomically(self.folder_of(task) / RESULT, to_json_line(result).encode() + b"\n")

    def find_warm_failure(self, task: Task) -> Failure | None:
        """Returns why a warm start could not be made; None if it was made, or not tried."""
        path = self.folder_of(task) / WARM_FAILURE
        if is_warm(self.folder_of(task)) or not path.is_file():
            return None
        try:
            return Failure(**read_json(path))
        except (CheckpointError, TypeError):
            return None

    def keep_warm_failure(self, task: Task, failure: Failure) -> None:
        """Makes durable why a warm start could not be made."""
        write_atomically(self.folder_of(task) / WARM_FAILURE, json.dumps(vars(failure)).encode())

    def forget(self, task: Task, *, keep_checkpoints: bool = False) -> None:
        """Lets a failed task be done again: from its last checkpoint, or from the beginning."""
        folder = self.folder_of(task)
        if keep_checkpoints:
            (folder / RESULT).unlink(missing_ok=True)
        elif folder.exists():
            target = self.path / _REMOVING
            os.replace(folder, target)  # in one step, so that a kill leaves no half of a job
            shutil.rmtree(target)

    def collect(self, found: Mapping[str, Result]) -> None:
        """Adds finished jobs by their folders, and rewrites ``results.jsonl`` if that changes it."""
        new = {**self._results, **found}
        if new != self._results or not self._is_written:
            self._results, self._is_written = new, True
            write_results(self.path / "results.jsonl", self.results)

    @property
    def results(self) -> tuple[Result, ...]:
        """All finished jobs, in the order of ``lmgym.bench.results.sort_results``."""
        return sort_results(self._results.values())

    def close(self) -> None:
        """Lets other processes write to the folder."""
        with contextlib.suppress(AttributeError):
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def describe_bench(suite: Suite, *, device: str, threads: int) -> dict[str, Any]:
    """Returns what all results of a folder share; entries by name, so that a difference names its entry."""
    plain = suite.to_dict()
    return {
        "suite": suite.id, "suite_hash": suite.hash, "device": device, "threads": threads,
        "entries": {entry["name"]: entry for entry in plain["entries"]},
    }  # fmt: skip


def find_all_results(folder: Path, suite: Suite) -> Iterable[tuple[str, Result]]:
    """Yields the finished jobs of a folder that were asked for by earlier commands, by their folders."""
    for path in sorted((folder / "jobs").glob(f"*/*/seed*/{RESULT}")):
        with contextlib.suppress(LmgymError):
            for result in read_results(path)[:1]:
                if (result.suite, result.suite_hash) == (suite.id, suite.hash):
                    yield str(path.parent.relative_to(folder)), result


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else text[: _MAX_SHOWN_CHARS - 1] + "…"
