"""Infos by the column, as vector environments give them, turned into a dictionary for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Infos = list[dict[str, Any]]


def split_infos(infos: Mapping[str, Any], begun: NDArray[np.bool_]) -> tuple[Infos, Infos]:
    """Returns what a step told of each row, and of the episodes that began in it.

    Args:
        infos: of a vector environment with ``autoreset_mode=SAME_STEP``.
        begun: bool[B], True where an episode begins: what stands at the top level is of the new one there,
            and what was told of the old one lies in ``final_info`` and ``final_obs``.

    Returns:
        (dictionaries of plain values, with ``TimeLimit.truncated`` False in every one; those of the beginning
        episodes, empty elsewhere).
    """
    told: Infos = [{"TimeLimit.truncated": False} for _ in range(len(begun))]
    started: Infos = [{} for _ in range(len(begun))]
    top = {key: value for key, value in infos.items() if key.lstrip("_") not in ("final_obs", "final_info")}
    if top:
        _spread(top, [new if is_new else old for new, old, is_new in zip(started, told, begun, strict=True)])
    if "final_info" in infos:
        _spread(infos["final_info"], told)
        for row in np.flatnonzero(infos["_final_obs"]).tolist():
            told[row]["terminal_observation"] = infos["final_obs"][row]
    return told, started


def _spread(columns: Mapping[str, Any], into: Infos) -> None:
    """Writes each column into the rows that have it."""
    for key, values in columns.items():
        if f"_{key}" not in columns:  # it is itself the mask of another
            continue
        rows = np.flatnonzero(columns[f"_{key}"]).tolist()
        if isinstance(values, Mapping):
            nested: Infos = [{} for _ in into]
            _spread(values, nested)
            for row in rows:
                into[row][key] = nested[row]
        else:
            found = values.tolist()
            for row in rows:
                into[row][key] = found[row]
