"""Reads and writes preferences in the formats of other programs, row by row.

Comes in: a format's name and a path (``.gz`` is packed and unpacked on the way), records. Goes out: records,
files, and counts of what could not be read or written, under reasons in a few words. Left out: the formats
themselves (``hh_rlhf``, ``trl_rows``, ``judge_sets``) and Hugging Face's ``datasets`` (``hub_datasets``).
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

from lmgym.conversation import has_marks
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.preferences.hh_rlhf import make_hh_rows, read_hh_row
from lmgym.preferences.judge_sets import make_llmbar_rows, read_llmbar_row, read_qa_feedback_row
from lmgym.preferences.lines import read_lines
from lmgym.preferences.reading import PreferenceLogError, read_log
from lmgym.preferences.record import Preference, read_json
from lmgym.preferences.sources import UNKNOWN_TIME, OddRow, Source
from lmgym.preferences.trl_rows import make_trl_rows, make_unpaired_rows, read_trl_row, read_unpaired

MAX_LIST_BYTES: Final = 1 << 28
"""Largest file that is one JSON list; such a file is read at once."""

RowWriter = Callable[[Preference, Counter[str]], Iterator[dict[str, Any]]]


class PreferenceList(list[Preference]):
    """Preferences, with a count of what could not be read."""

    def __init__(self, preferences: Iterable[Preference], skipped: Counter[str]) -> None:
        super().__init__(preferences)
        self.skipped = skipped
        """How many rows (of a preference log: lines) could not be read, by reason."""


class Written(NamedTuple):
    """What has become of the preferences that were to be written."""

    num_preferences: int
    """How many were given."""
    num_rows: int
    """How many rows were written."""
    left_out: Counter[str]
    """What the format can't hold, by reason."""


class Format(NamedTuple):
    """How the rows of one format are read and written."""

    read_row: Callable[[Any, Source], Iterator[Preference]] | None
    """None: rows are not read one by one."""
    make_rows: Callable[..., Iterator[dict[str, Any]]] | None
    """None: it can only be read."""
    has_messages: bool = False
    """True: a conversation may be written as a list of messages (``as_messages``)."""
    is_list: bool = False
    """True: the file is one JSON list, False: one object a line."""


FORMATS: Final = {
    "lmgym": Format(None, None),
    "hh-rlhf": Format(read_hh_row, make_hh_rows),
    "trl": Format(read_trl_row, make_trl_rows, has_messages=True),
    "trl-explicit": Format(read_trl_row, make_trl_rows, has_messages=True),
    "trl-implicit": Format(
        read_trl_row, functools.partial(make_trl_rows, is_implicit=True), has_messages=True
    ),
    "trl-unpaired": Format(None, make_unpaired_rows, has_messages=True),
    "llmbar": Format(read_llmbar_row, make_llmbar_rows, is_list=True),
    "qa_feedback": Format(read_qa_feedback_row, None, is_list=True),
}
"""Every format by its name; "trl" is "trl-explicit", and either reads implicit prompts too."""


def read_preferences_as(
    format: str, path: str | Path, *, annotator: str | None = None, time: str = UNKNOWN_TIME
) -> PreferenceList:
    """Returns the preferences of a file; see ``iterate_preferences_as``. ``skipped`` counts the odd rows."""
    skipped: Counter[str] = Counter()
    found = iterate_preferences_as(format, path, annotator=annotator, time=time, skipped=skipped)
    return PreferenceList(found, skipped)


def iterate_preferences_as(
    format: str,
    path: str | Path,
    *,
    annotator: str | None = None,
    time: str = UNKNOWN_TIME,
    skipped: Counter[str],
) -> Iterator[Preference]:
    """Yields the preferences of a file, one row after another; unpaired rows and lists are read at once.

    Args:
        format: one of ``FORMATS``.
        path: the file; one that ends in ``.gz`` is unpacked.
        annotator: who judged, for formats that don't say it; default: the format's name.
        time: when, for formats that don't say it.
        skipped: is counted up by the rows that could not be read, by reason.

    Raises:
        UnknownNameError: no such format.
        InvalidValueError: the file can't be read at all.
    """
    form = find_format(format)
    source = Source(annotator=annotator or format, time=time, skipped=skipped)
    if format == "lmgym":
        contents = read_log(path)
        skipped.update({"no record": len(contents.problems)} if contents.problems else {})
        yield from contents.preferences
        return
    try:
        rows = _read_list(Path(path)) if form.is_list else _read_rows(Path(path), skipped)
        yield from read_rows(format, rows, source)
    except OSError as error:
        raise PreferenceLogError(f"no preferences can be read from {path}: {error.strerror}.") from error


def read_rows(format: str, rows: Iterable[Any], source: Source) -> Iterator[Preference]:
    """Yields the preferences of rows of any format but "lmgym"; what is odd is counted in the source."""
    form = find_format(format)
    if form.read_row is None:
        yield from read_unpaired(rows, source)
        return
    for row in rows:
        try:
            found = list(form.read_row(row, source))
        except InvalidValueError as error:
            source.skipped[str(error) if isinstance(error, OddRow) else "values that a record refuses"] += 1
        else:
            yield from found


def make_rows(
    format: str, preferences: Iterable[Preference], left_out: Counter[str]
) -> Iterator[tuple[Preference, list[dict[str, Any]]]]:
    """Yields each preference with its rows in any format but "lmgym"; counts what can't be held.

    Where a format knows texts and messages, the first prompt decides for all: messages if it is a
    conversation.

    Raises:
        InvalidValueError: the format can only be read.
    """
    form = find_format(format)
    if form.make_rows is None:
        raise InvalidValueError(f"the format {format!r} can only be read; write another one.")
    write: RowWriter | None = None if form.has_messages else form.make_rows
    for preference in preferences:
        if write is None:
            write = functools.partial(form.make_rows, as_messages=has_marks(preference.prompt))
        yield preference, list(write(preference, left_out))


def write_preferences(preferences: Iterable[Preference], format: str, path: str | Path) -> Written:
    """Writes preferences to a new file and returns what has become of them.

    The file appears under its name when it is complete; one that ends in ``.gz`` is packed.

    Args:
        preferences: the records; may be an iterator, of which one is held at a time.
        format: one of ``FORMATS`` except "qa_feedback".
        path: the file to be made; an existing one is never replaced.

    Raises:
        UnknownNameError: no such format.
        InvalidValueError: the format can only be read, or the file exists.
    """
    form, path = find_format(format), Path(path)
    if form.make_rows is None and format != "lmgym":
        raise InvalidValueError(f"the format {format!r} can only be read; write another one.")
    if path.exists() or path.is_symlink():
        raise InvalidValueError(f"{path} exists already; remove it or give another name.")
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    lines = _make_lines(format, preferences, counts, left_out)
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            _write(file, lines, is_packed=path.suffix == ".gz", is_list=form.is_list)
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    return Written(counts["preferences"], counts["rows"], +left_out)


def explain_empty(path: str | Path, format: str, skipped: Mapping[str, int]) -> str:
    """Returns why a file gave no preferences, for a message: the reasons, and the format that it has."""
    why = ", ".join(f"{count} x {reason}" for reason, count in skipped.items()) or "it is empty"
    other = next((name for name in FORMATS if name != format and _has_row(name, path)), None)
    hint = f" It can be read as {other!r}: give that as its format." if other else ""
    if not other and skipped:
        hint = f" Formats: {', '.join(FORMATS)}."
    return f"{path} holds no preferences in the format {format!r} ({why}).{hint}"


def _has_row(format: str, path: str | Path) -> bool:
    try:
        return next(iterate_preferences_as(format, path, skipped=Counter()), None) is not None
    except InvalidValueError:  # no JSON list, for example
        return False


def find_format(name: str) -> Format:
    """Returns the format of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in FORMATS:
        raise UnknownNameError("preference format", name, FORMATS)
    return FORMATS[name]


def _make_lines(
    format: str, preferences: Iterable[Preference], counts: Counter[str], left_out: Counter[str]
) -> Iterator[bytes]:
    if format == "lmgym":
        for preference in preferences:
            counts.update(preferences=1, rows=1)
            yield preference.to_json().encode("ascii")
        return
    for _, rows in make_rows(format, preferences, left_out):
        counts.update(preferences=1, rows=len(rows))
        for row in rows:
            yield _encode(row)


def _encode(row: dict[str, Any]) -> bytes:
    """Returns the row as people can read it; with escapes where half a character is in it."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row, allow_nan=False).encode("ascii")


def _write(file: BinaryIO, lines: Iterator[bytes], *, is_packed: bool, is_list: bool) -> None:
    packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if is_packed else contextlib.nullcontext(file)
    with packed as target:
        if is_list:
            target.write(b"[")
            for number, line in enumerate(lines):
                target.write((b",\n" if number else b"\n") + line)
            target.write(b"\n]\n")
        else:
            for line in lines:
                target.write(line + b"\n")


def _read_rows(path: Path, skipped: Counter[str]) -> Iterator[Any]:
    for line in read_lines(path):
        if line.data is None:
            skipped["a line that is too long"] += 1
            continue
        try:
            row = read_json(line.data)
        except InvalidValueError:
            skipped["not JSON"] += 1
        else:
            yield row


def _read_list(path: Path) -> Iterator[Any]:
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        data = cast(io.BufferedIOBase, file).read(MAX_LIST_BYTES + 1)
    if len(data) > MAX_LIST_BYTES:
        raise InvalidValueError(f"{path} is longer than {MAX_LIST_BYTES} bytes.")
    values = read_json(data, max_bytes=MAX_LIST_BYTES)
    if not isinstance(values, list):
        raise InvalidValueError(f"{path} is no JSON list.")
    yield from values
