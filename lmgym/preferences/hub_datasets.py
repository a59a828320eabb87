"""Preferences as a ``datasets.Dataset`` of Hugging Face, and back, without a file between.

Comes in: records, or a data set's rows. Goes out: the other, with counts of what could not be held.
"""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.preferences.formats import PreferenceList, find_format, make_rows, read_rows
from lmgym.preferences.record import Preference, make_preference, read_json
from lmgym.preferences.sources import UNKNOWN_TIME, Source, check_fields, check_text


def to_dataset(
    preferences: Iterable[Preference], format: str = "trl", *, left_out: Counter[str] | None = None
) -> Any:
    """Returns the preferences as a ``datasets.Dataset`` with the columns of ``format``.

    Args:
        preferences: the records.
        format: one of ``lmgym.preferences.formats.FORMATS`` that can be written; "lmgym" holds every field,
            ``extra`` as a text of JSON.
        left_out: is counted up by what the format can't hold, by reason; half a surrogate pair, which Arrow
            can't hold in any format, is one.

    Raises:
        MissingDependencyError: ``datasets`` is not installed.
        UnknownNameError: no such format.
        InvalidValueError: the format can only be read, or nothing is left to put into the data set although
            something was given.
    """
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise MissingDependencyError("to_dataset needs the package datasets: pip install datasets") from error
    find_format(format)
    counts = Counter[str]() if left_out is None else left_out
    rows = [row for row in _make_rows(format, preferences, counts) if _is_whole(row, counts)]
    if not rows and counts:
        raise InvalidValueError(f"the format {format!r} can hold none of the preferences: {dict(counts)}.")
    return datasets.Dataset.from_list(rows)


def from_dataset(
    dataset: Iterable[Any], format: str = "trl", *, annotator: str | None = None, time: str = UNKNOWN_TIME
) -> PreferenceList:
    """Returns the preferences in a data set's rows, or in any rows; ``skipped`` counts the odd ones.

    Args:
        dataset: a ``datasets.Dataset``, an ``IterableDataset``, or dictionaries.
        format: one of ``lmgym.preferences.formats.FORMATS``.
        annotator: who judged, for formats that don't say it; default: the format's name.
        time: when, for formats that don't say it.

    Raises:
        UnknownNameError: no such format.
    """
    find_format(format)
    skipped: Counter[str] = Counter()
    if format == "lmgym":
        return PreferenceList(_read_records(dataset, skipped), skipped)
    source = Source(annotator=annotator or format, time=time, skipped=skipped)
    return PreferenceList(read_rows(format, dataset, source), skipped)


def _make_rows(
    format: str, preferences: Iterable[Preference], counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    if format == "lmgym":
        for preference in preferences:
            row = {item.name: getattr(preference, item.name) for item in fields(preference)}
            yield row | {"extra": json.dumps(row["extra"], sort_keys=True)}
        return
    for _, rows in make_rows(format, preferences, counts):
        yield from rows


def _is_whole(row: dict[str, Any], counts: Counter[str]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        counts["half a surrogate pair"] += 1
        return False
    return True


def _read_records(rows: Iterable[Any], skipped: Counter[str]) -> Iterator[Preference]:
    for row in rows:
        try:
            extra = check_text(check_fields(row, "extra")["extra"], "extra")
            preference = make_preference({**row, "extra": read_json(extra)})
        except InvalidValueError:
            skipped["no record"] += 1
        else:
            yield preference
