"""The plain values of trajectories and of their source, to and from what JSON holds.

Values may come from anywhere: types and sizes are checked, and a wrong one is a typed error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lmgym_agents.errors import TrajectoryError
from lmgym_agents.offline.trajectories import Trajectory, TrajectorySource

MAX_INT: Final = 2**63 - 1
_SOURCE = {"env_id": str, "env_options": dict, "task": str, "tokenizer": str, "vocab_size": int}
_PLAIN = {
    "terminated": bool, "success": bool, "score": float, "stopped": bool, "num_turns": int, "split": str,
    "problem_index": int, "actor": str,
}  # fmt: skip


def write_plain(episode: Trajectory) -> dict[str, Any]:
    """Returns what an episode holds beside its arrays."""
    return {name: getattr(episode, name) for name in _PLAIN}


def read_plain(fields: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Returns what ``write_plain`` wrote.

    Raises:
        TrajectoryError: a value is missing or of another type; the message begins with ``what``.
    """
    return {name: take(fields, name, kind, what) for name, kind in _PLAIN.items()}


def read_source(fields: object, what: str) -> TrajectorySource:
    """Returns a source from its fields by name.

    Raises:
        TrajectoryError: a value is missing or of another type, or a vocabulary of no token.
    """
    if not isinstance(fields, dict):
        raise TrajectoryError(f"{what} does not say what its tokens and rewards mean.")
    source = TrajectorySource(**{name: take(fields, name, kind, what) for name, kind in _SOURCE.items()})
    if source.vocab_size < 1:
        raise TrajectoryError(f"{what}: vocab_size must be at least 1, got {source.vocab_size}.")
    return source


def take(fields: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    """Returns a field of exactly this type; integers of at most 64 bits pass for floats.

    Raises:
        TrajectoryError: it is missing, of another type, or an integer of more bits.
    """
    value = fields.get(name)
    if kind is float and type(value) is int and abs(value) <= MAX_INT:
        value = float(value)
    if type(value) is not kind or (isinstance(value, int) and abs(value) > MAX_INT):
        raise TrajectoryError(f"{what}: {name} must be of type {kind.__name__}, got {shorten(value)}.")
    return value


def shorten(value: object) -> str:
    """Returns a value for a message: short, whatever it is."""
    is_huge = isinstance(value, int) and abs(value) > MAX_INT  # may be too long to be written out
    return "a huge integer" if is_huge else repr(value)[:40]
