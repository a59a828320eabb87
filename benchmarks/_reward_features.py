"""What frozen models make of texts, computed once and kept on disk, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

Key = TypeVar("Key", bound=Hashable)

CHUNK = 64


def compute_features(
    known: dict[Key, torch.Tensor],
    keys: Sequence[Key],
    remember: Callable[[Sequence[Key]], None],
    folder: Path,
    name: str,
    *,
    until: float | None = None,
) -> bool:
    """Fills ``known`` with the features of all keys; what was computed before is read from ``folder``.

    Args:
        known: what ``remember`` fills.
        keys: texts, or pairs of them.
        remember: computes the features of some keys into ``known``.
        folder: where chunks are kept.
        name: of the model and its settings; other names, other chunks.
        until: moment of ``time.monotonic`` at which to stop; None: go on to the end.

    Returns:
        Whether all are there.
    """
    ordered = sorted(set(keys))
    digest = hashlib.blake2b(repr((name, ordered)).encode("utf-8", "backslashreplace"), digest_size=8)
    place = folder / f"{name}-{digest.hexdigest()}"
    place.mkdir(parents=True, exist_ok=True)
    start, done = time.monotonic(), 0
    for first in range(0, len(ordered), CHUNK):
        chunk, path = ordered[first : first + CHUNK], place / f"{first:06d}.safetensors"
        features = _read(path, len(chunk))
        if features is None:
            if until is not None and time.monotonic() > until:
                print(f"{name}: out of time with {first} of {len(ordered)}", flush=True)
                return False
            remember(chunk)
            features = torch.stack([known[key] for key in chunk])
            part = path.with_suffix(".part")
            save_file({"features": features.contiguous()}, part)
            part.replace(path)
            done += len(chunk)
            rate = done / (time.monotonic() - start)
            print(f"{name}: {first + len(chunk)} of {len(ordered)}, {rate:.1f} rows/s", flush=True)
        known.update(zip(chunk, features.unbind(), strict=True))
    return True


def _read(path: Path, count: int) -> torch.Tensor | None:
    try:
        features = load_file(path)["features"] if path.is_file() else None
    except (SafetensorError, KeyError):
        return None
    return features if features is not None and len(features) == count else None
