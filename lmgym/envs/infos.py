"""Infos by the column: what some rows have to say, turned into Gymnasium's two shapes of info."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Column(NamedTuple):
    """One info key of N rows."""

    rows: NDArray[np.int64]
    """int64[N], which rows have the key."""
    values: NDArray[Any] | list[str] | dict[str, Column]
    """One value a row, or the columns of a dictionary inside the info."""


Columns = dict[str, Column]


def to_single(columns: Columns) -> dict[str, Any]:
    """Returns the info of a single environment, whose only row is 0: plain Python values."""
    return {key: _first(column.values) for key, column in columns.items() if len(column.rows)}


def _first(values: NDArray[Any] | list[str] | dict[str, Column]) -> Any:
    if isinstance(values, dict):
        return to_single(values)
    return values[0].item() if isinstance(values, np.ndarray) else values[0]


def to_vector(columns: Columns, num_envs: int) -> dict[str, Any]:
    """Returns vector infos: for each key an array[B], and under ``_key`` a bool[B] of the rows that have it.

    Numbers lie in arrays of their type, strings in object arrays with None elsewhere, as Gymnasium's own
    vector environments do it.
    """
    infos: dict[str, Any] = {}
    last_rows: NDArray[np.int64] | None = None
    has_key = np.zeros(num_envs, np.bool_)
    for key, (rows, values) in columns.items():
        if not len(rows):
            continue
        if rows is not last_rows:  # most columns stand on the same rows
            has_key, last_rows = np.zeros(num_envs, np.bool_), rows
            has_key[rows] = True
        infos[key] = _spread(rows, values, num_envs)
        infos[f"_{key}"] = has_key.copy()
    return infos


def _spread(
    rows: NDArray[np.int64], values: NDArray[Any] | list[str] | dict[str, Column], num_envs: int
) -> Any:
    if isinstance(values, dict):
        return to_vector(values, num_envs)
    if isinstance(values, np.ndarray):
        array = np.zeros(num_envs, values.dtype)
    else:
        array = np.empty(num_envs, object)  # full of None
    array[rows] = values
    return array
