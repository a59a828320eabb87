"""Reading the rows of a data set: files of several formats, and data sets that are already loaded.

Comes in: a path, or rows. Goes out: a list of dictionaries. Left out: what the columns mean.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmgym.errors import InvalidValueError, MissingDependencyError

Row = Mapping[str, Any]


def read_rows(source: object) -> list[Row]:
    """Returns the rows of ``source``.

    Args:
        source: a path to .jsonl, .json (a list of objects), .csv, .tsv or .parquet, each but the last also
            with .gz behind; or a sequence of mappings, such as a list or a ``datasets.Dataset``.

    Raises:
        InvalidValueError: no such file, an unknown ending, or a place in the file that can't be read.
        MissingDependencyError: Parquet without pyarrow.
    """
    if isinstance(source, str | Path):
        return _read_file(Path(source).expanduser())
    if isinstance(source, Sequence) or (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        rows: list[Any] = [source[place] for place in range(len(source))]
        for place, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise InvalidValueError(f"row {place} of the data set must be a mapping, got {row!r}.")
        return rows
    raise InvalidValueError(f"a data set must be a path or a sequence of mappings, got {source!r}.")


def _read_file(path: Path) -> list[Row]:
    ending = next((end for end in reversed(path.suffixes) if end != ".gz"), "")
    if ending not in _READERS:
        raise InvalidValueError(
            f"can't tell the format of {str(path)!r}; its name must end with one of {', '.join(_READERS)}"
            " (all but .parquet also with .gz behind)."
        )
    if not path.is_file():
        raise InvalidValueError(f"there is no file {str(path)!r}; give the path of a data set that exists.")
    try:
        return _READERS[ending](path)
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise InvalidValueError(f"{str(path)!r} is not a readable {ending} file: {error}") from error


def _lines(path: Path) -> Iterable[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
        yield from file


def _read_jsonl(path: Path) -> list[Row]:
    return [_parse(line, f"{path}, line {at}") for at, line in enumerate(_lines(path), 1) if line.strip()]


def _read_json(path: Path) -> list[Row]:
    content = _parse_any("".join(_lines(path)), str(path))
    if not isinstance(content, list):
        raise InvalidValueError(f"{str(path)!r} must hold a list of objects, got a {type(content).__name__}.")
    return [_check_object(row, f"{path}, entry {at}") for at, row in enumerate(content)]


def _parse(text: str, where: str) -> Row:
    return _check_object(_parse_any(text, where), where)


def _parse_any(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of more than 4300 digits is a plain ValueError
        raise InvalidValueError(f"{where} is not JSON: {error}") from error


def _check_object(row: object, where: str) -> Row:
    if not isinstance(row, dict):
        raise InvalidValueError(f"{where} must be an object with the columns as keys, got {str(row)[:80]!r}.")
    return row


def _read_csv(path: Path, delimiter: str = ",") -> list[Row]:
    rows: list[Row] = []
    for row in csv.DictReader(_lines(path), delimiter=delimiter, strict=True):
        if None in row or None in row.values():
            raise InvalidValueError(
                f"{path}, row {len(rows) + 1}: not as many cells as the header has columns."
            )
        rows.append(row)
    return rows


def _read_tsv(path: Path) -> list[Row]:
    return _read_csv(path, "\t")


def _read_parquet(path: Path) -> list[Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingDependencyError(
            'reading Parquet needs pyarrow: pip install "lmgym[data]" (or save the data set as JSONL).'
        ) from error
    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"{str(path)!r} is not a readable .parquet file: {error}") from error
    return rows


_READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
}
