"""reward_model.json: what stands beside the weights of a reward model, read as the untrusted file it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from lmgym.errors import ModelError
from lmgym_agents.errors import CheckpointError
from lmgym_agents.reward_models.scorer import ScoreStatistics
from lmgym_agents.runs.strict_json import read_json

Kind = Literal["lm", "encoder", "ensemble"]

FILE: Final = "reward_model.json"
MAX_TOKENS: Final = 1 << 20
MAX_MEMBERS: Final = 100
_FORMAT: Final = 1


@dataclass(frozen=True, kw_only=True)
class Description:
    """What kind of reward model lies in a folder."""

    kind: Kind
    statistics: ScoreStatistics | None = None
    max_tokens: int = 512
    """longest row"""
    hidden_size: int = 0
    """of an encoder's head; 0: linear"""
    num_members: int = 0
    """of an ensemble, in the folders member-0, member-1, ..."""
    pessimism: float = 0.0
    """of an ensemble"""

    def write(self, folder: Path) -> None:
        """Writes the file."""
        fields = {"format": _FORMAT, **self.__dict__}
        fields["statistics"] = None if self.statistics is None else self.statistics._asdict()
        (folder / FILE).write_text(json.dumps(fields, indent=2, allow_nan=False) + "\n", "utf-8")


def read_description(folder: Path) -> Description:
    """Returns what the folder of a reward model says of itself.

    Raises:
        ModelError: no such file, or one that no reward model of ours has written.
    """
    path = folder / FILE
    try:
        found = read_json(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{str(folder)!r} holds no {FILE}, so it is no reward model; {_advise(folder)}."
        ) from error
    except (CheckpointError, OSError) as error:
        raise ModelError(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict) or found.pop("format", None) != _FORMAT:
        raise ModelError(f"{path} is no description of a reward model of format {_FORMAT}.")
    known = set(Description.__dataclass_fields__)
    if set(found) != known:
        raise ModelError(f"{path} must hold {sorted(known)}, it holds {sorted(found)!s:.200}.")
    return _check(found, path)


def _advise(folder: Path) -> str:
    inside = [folder / name for name in ("model", "reward_model") if (folder / name / FILE).is_file()]
    if inside:
        return f"it is a run's folder, whose reward model is {str(inside[0])!r}"
    return "`lmgym train reward-model` writes one into the folder model of its run"


def _check(found: Mapping[str, Any], path: Path) -> Description:
    _require(found["kind"] in get_args(Kind), path, "kind", found, " or ".join(get_args(Kind)))
    for name, low, high in (
        ("max_tokens", 1, MAX_TOKENS), ("hidden_size", 0, 1 << 16), ("num_members", 0, MAX_MEMBERS),
    ):  # fmt: skip
        holds = type(found[name]) is int and low <= found[name] <= high
        _require(holds, path, name, found, f"integers in [{low}, {high}]")
    holds = _is_number(found["pessimism"]) and abs(found["pessimism"]) <= 1e6
    _require(holds, path, "pessimism", found, "numbers up to a million")
    given = found["statistics"]
    statistics = None
    if given is not None:
        holds = (
            isinstance(given, dict) and set(given) == {"mean", "std"} and all(map(_is_number, given.values()))
        )
        _require(
            holds and given["std"] > 0, path, "statistics", found, "finite mean and std above 0, or null"
        )
        statistics = ScoreStatistics(float(given["mean"]), float(given["std"]))
    return Description(**{**found, "statistics": statistics, "pessimism": float(found["pessimism"])})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require(holds: bool, path: Path, name: str, found: Mapping[str, Any], allowed: str) -> None:
    if not holds:
        raise ModelError(f"{path}: {name} is {found[name]!r:.200}; allowed: {allowed}.")
