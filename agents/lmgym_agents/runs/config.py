"""Compares the configuration of a saved run with the one it is to be resumed with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from lmgym_agents.errors import ResumeError

HARMLESS: Final = frozenset(
    {
        "checkpoint_every", "keep_checkpoints", "tensorboard", "num_transcripts",
        "device", "threads", "max_tokens_per_micro_batch",
    }
)  # fmt: skip
"""Options that may change on resume: they decide where and how often, not what is learned.

Another device, number of threads or micro-batch changes the last bits of sums, so a resumed run equals an
unbroken one bit for bit only if they stay."""

MAY_GROW: Final = frozenset({"iterations", "rounds"})
"""Options that may become larger on resume: the run goes on for longer. A schedule that depends on the total
follows the new one from here on."""

ABSENT: Final = "(absent)"


def to_plain(value: Any, path: str = "config") -> Any:
    """Returns a configuration as JSON holds it: dataclasses become dicts, tuples lists, paths strings.

    Raises:
        ResumeError: a value that cannot be compared after a restart (an object, a function); its path.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return to_plain(fields, path)
    if isinstance(value, Enum):
        return to_plain(value.value, path)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item, f"{path}.{i}") for i, item in enumerate(value)]
    if isinstance(value, set | frozenset):
        return sorted(to_plain(item, path) for item in value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no infinity
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ResumeError(
        f"{path} is a {type(value).__name__}, which cannot be written to config.json and compared on resume; "
        "give a name or a plain value that says the same."
    )


def list_differences(saved: Any, given: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Returns (dotted path, saved value, given value) for every leaf in which two plain configs differ."""
    if isinstance(saved, Mapping) and isinstance(given, Mapping):
        keys = [*saved, *(key for key in given if key not in saved)]
        return [
            difference
            for key in keys
            for difference in list_differences(
                saved.get(key, ABSENT), given.get(key, ABSENT), f"{path}.{key}" if path else str(key)
            )
        ]
    # repr tells 1 from True and from 1.0, and finds a NaN equal to itself.
    return [] if repr(saved) == repr(given) else [(path, saved, given)]


def check_same_config(
    saved: Any,
    given: Any,
    *,
    harmless: Collection[str] = HARMLESS,
    may_grow: Collection[str] = MAY_GROW,
) -> list[str]:
    """Checks that a run may go on with another configuration than it began with.

    Args:
        saved: plain config (see ``to_plain``) of the run so far.
        given: plain config of now.
        harmless: names of options (last parts of their paths) that may change.
        may_grow: names of numbers that may become larger.

    Returns:
        The allowed changes, one line each: ``path: saved → given``.

    Raises:
        ResumeError: any other difference; the message lists them all.
    """
    allowed: list[str] = []
    refused: list[str] = []
    for path, old, new in list_differences(saved, given):
        name = path.rpartition(".")[2]
        is_allowed = name in harmless or (name in may_grow and _is_growth(old, new))
        (allowed if is_allowed else refused).append(f"{path}: {old!r} → {new!r}")
    if refused:
        lines = "\n  ".join(refused)
        raise ResumeError(
            f"the run was begun with another configuration (saved → given):\n  {lines}\nResume with the "
            f"saved values, or begin a new run in another folder. May change: {', '.join(sorted(harmless))}; "
            f"may grow: {', '.join(sorted(may_grow))}."
        )
    return allowed


def _is_growth(old: Any, new: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
    return numbers and bool(new >= old)
