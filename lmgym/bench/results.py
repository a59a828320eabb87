"""Results: reading, writing and merging files of them, one JSON line a job.

    mine, theirs = read_results("out/results.jsonl"), read_results("theirs.jsonl")
    write_results("all.jsonl", merge_results(mine, theirs))

What a line holds is said in ``lmgym.bench.result_record`` and in ``result.schema.json`` beside this file.
Files may come from anybody: what is wrong with one is a typed error that names file, line and field.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, cast

from lmgym.bench.fields import read_json
from lmgym.bench.result_record import (
    OF_THE_RUN,
    CurvePoint,
    Failure,
    FailureKind,
    Result,
    Score,
    parse_result,
    same_numbers,
)
from lmgym.errors import InvalidValueError

__all__ = [
    "OF_THE_RUN",
    "CurvePoint",
    "Failure",
    "FailureKind",
    "Result",
    "Score",
    "merge_results",
    "parse_result",
    "read_results",
    "result_schema",
    "same_numbers",
    "sort_results",
    "to_json_line",
    "write_results",
]

MAX_LINE_BYTES = 16_000_000
MAX_LINES = 200_000
MAX_FILE_BYTES = 1_000_000_000


def to_json_line(result: Result) -> str:
    """Returns the result as one line of JSON, without its newline; the same result, the same line."""
    return json.dumps(result.to_dict(), ensure_ascii=True, allow_nan=False)


def read_results(path: str | Path) -> tuple[Result, ...]:
    """Returns the results of a file of lines, or of ``results.jsonl`` in a folder, in the file's order.

    Raises:
        InvalidValueError: the file can't be read, or a line is no result; the message names line and field.
        UnknownNameError: an unknown field or name in a line.
    """
    path = Path(path)
    path = path / "results.jsonl" if path.is_dir() else path
    found: list[Result] = []
    try:
        with path.open("rb") as file:
            number = size = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number, size = number + 1, size + len(line)
                where = f"{path}:{number}"
                if len(line) > MAX_LINE_BYTES or number > MAX_LINES or size > MAX_FILE_BYTES:
                    raise InvalidValueError(
                        f"{where}: allowed are {MAX_LINES} lines of {MAX_LINE_BYTES} bytes, in all "
                        f"{MAX_FILE_BYTES} bytes; this is no file of results."
                    )
                if line.strip():
                    found.append(parse_result(read_json(line.decode("utf-8"), where), where))
    except UnicodeDecodeError:
        raise InvalidValueError(f"{path} is no text in UTF-8.") from None
    except OSError as error:
        raise InvalidValueError(f"{path} can't be read: {error.strerror}.") from None
    return tuple(found)


def write_results(path: str | Path, results: Iterable[Result]) -> None:
    """Writes a file of lines in the order given; a kill or power cut leaves the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for result in results:
                file.write(to_json_line(result).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sort_results(results: Iterable[Result]) -> tuple[Result, ...]:
    """Returns the results in the order of suite, hash, entry, agent, seed."""
    return tuple(sorted(results, key=lambda result: result.key))


def merge_results(*groups: Iterable[Result], allow_other_hashes: bool = False) -> tuple[Result, ...]:
    """Returns all results in the order of ``sort_results``, each job once.

    Args:
        groups: of results, such as files of several people. Of equal ones the first is kept.
        allow_other_hashes: results of one suite under several hashes are kept side by side. They are of other
            problems, and whoever compares keeps them apart.

    Raises:
        InvalidValueError: two results of the same job differ, or one suite has several hashes.
    """
    kept: dict[tuple[Any, ...], Result] = {}
    hashes: dict[str, str] = {}
    for result in (each for group in groups for each in group):
        first = hashes.setdefault(result.suite, result.suite_hash)
        if first != result.suite_hash and not allow_other_hashes:
            raise InvalidValueError(
                f"results of {result.suite} under the hashes {first[:12]} and {result.suite_hash[:12]} are "
                "of different problems and can't be compared; make them with one version of lmgym, or allow "
                "other hashes to keep them side by side."
            )
        known = kept.setdefault(result.key, result)
        if known is not result and not same_numbers(known, result):
            raise InvalidValueError(
                f"two results of {result.suite}, entry {result.entry!r}, agent {result.agent[:200]!r}, seed "
                f"{result.seed} differ; give one of the agents another name, or leave one of them out."
            )
    return sort_results(kept.values())


def result_schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) of a line."""
    text = resources.files("lmgym.bench").joinpath("result.schema.json").read_text("utf-8")
    return cast("dict[str, Any]", read_json(text, "result.schema.json"))
