"""JSON that may come from anywhere: read in bounded time and memory, or refused with a typed error."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, Final

from lmgym_agents.errors import CheckpointError

MAX_JSON_BYTES: Final = 32 * 2**20
MAX_JSON_VALUES: Final = 1_000_000


def to_json(value: Any, what: str) -> bytes:
    """Returns ``value`` as JSON that ``from_json`` will accept.

    Raises:
        CheckpointError: it would be larger than ``from_json`` allows.
    """
    data = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    _check_size(data, what)
    return data


def from_json(data: bytes, what: str) -> Any:
    """Returns the value of untrusted JSON text, in bounded time and memory.

    Raises:
        CheckpointError: not JSON, a key twice in one object, NaN, nested too deep, or over the limits of
            size. The message begins with ``what``.
    """
    _check_size(data, what)
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError:
        raise CheckpointError(f"{what} is nested too deep to be one of ours.") from None
    except ValueError as error:
        raise CheckpointError(f"{what} is not valid JSON: {str(error)[:200]}.") from None


def read_json(path: Path) -> Any:
    """Returns the value of an untrusted JSON file (see ``from_json``).

    Raises:
        CheckpointError: a link or a device, too large, or not JSON.
        OSError: the file is missing or the disk fails.
    """
    status = os.lstat(path)  # never follows a link; and a pipe would block whoever opens it
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_JSON_BYTES:
        raise CheckpointError(f"{path.name} is not a plain file of at most {MAX_JSON_BYTES} bytes.")
    return from_json(path.read_bytes(), path.name)


def _check_size(data: bytes, what: str) -> None:
    # Counted before parsing (inside strings too, so a little too many): small JSON can mean large objects.
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if len(data) > MAX_JSON_BYTES or values > MAX_JSON_VALUES:
        raise CheckpointError(
            f"{what} has {len(data)} bytes and up to {values} values; at most {MAX_JSON_BYTES} bytes and "
            f"{MAX_JSON_VALUES} values are allowed. Keep large things as tensors or arrays."
        )


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not allowed")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return result
