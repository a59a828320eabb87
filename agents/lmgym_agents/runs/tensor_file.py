"""Reads a safetensors file that may be damaged or hostile.

The library that parses the file accepts headers of 100 MB; here the header is bounded, and checked to tile
the file without gaps or overlaps, before the library sees it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

from lmgym_agents.errors import CheckpointError
from lmgym_agents.runs.state_tree import TENSOR_DTYPES
from lmgym_agents.runs.strict_json import from_json

MAX_HEADER_BYTES: Final = 8 * 2**20  # some 80,000 tensors
_LENGTH_BYTES: Final = 8


def check_header(path: Path) -> set[str]:
    """Returns the names of the tensors in a file, after checking its header against its size.

    Raises:
        CheckpointError: not a safetensors file, or one whose header is too large or does not describe
            exactly the bytes that follow it.
    """
    what = f"the header of {path.name}"
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > min(MAX_HEADER_BYTES, size - _LENGTH_BYTES):
            raise CheckpointError(
                f"{what} claims {length} bytes in a file of {size}; at most {MAX_HEADER_BYTES} are allowed."
            )
        header = from_json(file.read(length), what)
    if not isinstance(header, dict):
        raise CheckpointError(f"{what} is not a table of tensors.")
    header.pop("__metadata__", None)
    spans = sorted(_span(entry, f"{what}, tensor {name[:80]!r},") for name, entry in header.items())
    position = 0
    for begin, end in spans:
        if begin != position:
            raise CheckpointError(f"{what} has tensors that overlap or leave a gap at byte {begin}.")
        position = end
    if position != size - _LENGTH_BYTES - length:
        raise CheckpointError(
            f"{what} describes {position} bytes, but {size - _LENGTH_BYTES - length} follow."
        )
    return set(header)


def _span(entry: Any, what: str) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{what} has no dtype, shape and data_offsets.")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in TENSOR_DTYPES:
        raise CheckpointError(f"{what} has the unknown dtype {str(dtype)[:40]!r}.")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(shape) > 16 or len(offsets) != 2:
        raise CheckpointError(f"{what} has a shape or offsets that are not lists of sizes.")
    if offsets[1] - offsets[0] != math.prod(shape) * TENSOR_DTYPES[dtype].itemsize:
        raise CheckpointError(f"{what} has {offsets[1] - offsets[0]} bytes, which do not fit its shape.")
    return offsets[0], offsets[1]


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Returns all tensors of a file, on the CPU, in memory of their own.

    Raises:
        CheckpointError: the file is not a sound safetensors file.
    """
    check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            # Cloned, because what the library gives may be a view of the file itself.
            return {name: file.get_tensor(name).clone() for name in file.keys()}
    except SafetensorError as error:
        raise CheckpointError(f"{path.name} is not a sound safetensors file: {error}.") from None
