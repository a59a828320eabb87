"""The metrics of a run: one JSON record a line, durable line by line, and TensorBoard beside it.

A record is ``{"step": 12, "reward": 0.5, ..., "timing": {"tokens_per_s": ...}}``. Everything outside
``timing`` is deterministic: two runs of one seed, or a run and the same run killed and resumed, have equal
records but for ``timing``. A number that is not finite is null, and named in ``"not_finite"``, because NaN
is not JSON.

When ``write`` has returned, the record survives a kill and a loss of power. A record that was being written
is torn; it is cut away when the file is opened again. On resume the records after the checkpoint's step are
cut too, since those updates will be made again; whatever is logged for a step is therefore logged before
the checkpoint of that step is saved.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from lmgym_agents.errors import MetricsError
from lmgym_agents.runs.durable_files import FILES, Files

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Value = float | int | bool | str | None
_RESERVED: Final = frozenset({"step", "timing", "not_finite"})


class MetricsLog(NamedTuple):
    """What ``read_metrics`` has found."""

    records: list[dict[str, Any]]
    """Records in the order of the file; NaN and the infinities are floats again."""
    problems: list[str]
    """Lines that are not records, in words; a torn last line is one."""


class MetricsWriter:
    """Appends records to a file, in the order of their steps."""

    def __init__(
        self,
        path: Path,
        *,
        resume_step: int | None = None,
        tensorboard: Path | None = None,
        files: Files = FILES,
    ) -> None:
        """Opens the file, makes it if it is missing, and cuts a torn end.

        Args:
            path: the JSONL file; its folder must exist.
            resume_step: step of the checkpoint that the run goes on from (0: from the beginning); records
                after it are cut. None keeps all records and appends.
            tensorboard: folder for TensorBoard's event files; None writes none.
            files: the disk.

        Raises:
            MetricsError: the file cannot be opened or repaired.
        """
        self.path = path
        self.problems: list[str] = []
        """What was cut when the file was opened, in words."""
        self._files = files
        if path.is_symlink():
            raise MetricsError(f"the metrics file {path} is a link; remove it, or put the file in its place.")
        try:
            self._size, self._last_step = self._repair(resume_step)
        except OSError as error:
            raise MetricsError(f"the metrics file {path} cannot be opened: {error}.") from error
        self._board = None if tensorboard is None else _open_board(tensorboard, resume_step)

    def write(
        self, step: int, metrics: Mapping[str, Value], timing: Mapping[str, float] | None = None
    ) -> None:
        """Appends one record and returns when it is on the disk.

        Args:
            step: number of the update, not less than that of the record before.
            metrics: deterministic values (floats, integers, booleans, strings, None; numpy and torch
                scalars are converted).
            timing: values that differ from run to run: seconds, rates.

        Raises:
            MetricsError: a step that goes back, a reserved name, a value of another kind, or the disk
                refused; the file then holds the records before this one, and writing may be tried again.
        """
        if type(step) is not int or step < self._last_step:
            raise MetricsError(f"step must be an integer of at least {self._last_step}, got {step!r}.")
        record = _make_record(step, metrics, timing or {})
        line = json.dumps(record, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            if self.path.stat().st_size != self._size:  # an earlier write failed half-way
                self._files.truncate(self.path, self._size)
            self._files.append(self.path, line)
            self._files.sync(self.path)
        except OSError as error:
            raise MetricsError(
                f"the record of step {step} could not be written to {self.path}: {error}. Free some space or "
                "mend the disk, then go on with --resume."
            ) from error
        self._size += len(line)
        self._last_step = step
        if self._board is not None:
            _write_to_board(self._board, step, metrics, timing or {})

    def close(self) -> None:
        """Closes the event file; the JSONL file is always complete."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repair(self, resume_step: int | None) -> tuple[int, int]:
        """Cuts what must not stay; returns (bytes that stay, step of the last record, or 0)."""
        if not self.path.exists():
            self._files.append(self.path, b"")
            self._files.sync(self.path)
            self._files.sync_folder(self.path.parent)
        data = self.path.read_bytes()
        good, position, last_step = 0, 0, 0
        for line in data.splitlines(keepends=True) if data else []:
            position += len(line)
            record = parse_record(line)
            if record is None:
                continue  # torn if nothing sound follows; damage in the middle is left for the reader to name
            if resume_step is not None and record["step"] > resume_step:
                self.problems.append(
                    f"{self.path.name}: records after step {resume_step} were cut; they will be made again."
                )
                break
            good, last_step = position, max(last_step, record["step"])
        else:
            if good < len(data):
                self.problems.append(f"{self.path.name}: a torn end of {len(data) - good} bytes was cut.")
        if good < len(data):
            self._files.truncate(self.path, good)
            self._files.sync(self.path)
        return good, last_step


def read_metrics(path: Path) -> MetricsLog:
    """Reads a metrics file, also one that is being written or was damaged.

    Raises:
        MetricsError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise MetricsError(f"no metrics can be read from {path}: {error}.") from error
    records, problems = [], []
    for number, line in enumerate(lines, start=1):
        record = parse_record(line)
        if record is None:
            problems.append(f"{path.name}, line {number}: {len(line)} bytes that are no record (torn?).")
            continue
        for name, text in record.get("not_finite", {}).items():
            if record.get(name, 0) is None and text in ("nan", "inf", "-inf"):
                record[name] = float(text)
        records.append(record)
    return MetricsLog(records, problems)


def parse_record(line: bytes) -> dict[str, Any] | None:
    """Returns the record of one line, None for anything else; a line without its end is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return None
    return record if isinstance(record.get("not_finite", {}), dict) else None


def _make_record(step: int, metrics: Mapping[str, Value], timing: Mapping[str, float]) -> dict[str, Any]:
    reserved = sorted(_RESERVED & metrics.keys())
    if reserved:
        raise MetricsError(f"metrics must not be named {', '.join(reserved)}: these names have a meaning.")
    plain = {name: _plain(name, value) for name, value in metrics.items()}
    times = {name: _plain(name, value) for name, value in timing.items()}
    record: dict[str, Any] = {"step": step}
    record |= {name: value if _is_json(value) else None for name, value in plain.items()}
    not_finite = {name: repr(value) for name, value in plain.items() if not _is_json(value)}
    if not_finite:
        record["not_finite"] = not_finite
    record["timing"] = {name: value if _is_json(value) else None for name, value in times.items()}
    return record


def _plain(name: str, value: Any) -> Value:
    item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if item is not None and type(item) not in (bool, int, float, str):
        raise MetricsError(f"metric {name!r} is a {type(value).__name__}; give a number, a string or None.")
    return item  # type: ignore[no-any-return]


def _is_json(value: Value) -> bool:
    return type(value) is not float or math.isfinite(value)


def _open_board(folder: Path, resume_step: int | None) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter  # takes a second, and few programs need it

    purge_step = None if resume_step is None else resume_step + 1
    return SummaryWriter(str(folder), purge_step=purge_step)


def _write_to_board(
    board: SummaryWriter, step: int, metrics: Mapping[str, Value], timing: Mapping[str, float]
) -> None:
    named = {**metrics, **{f"timing/{name}": value for name, value in timing.items()}}
    for name, value in named.items():
        if value is not None and not isinstance(value, str):
            board.add_scalar(name, float(value), step)
    board.flush()
