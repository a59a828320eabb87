"""What a checkpoint's folder looks like, and how one of unknown health is read.

Nothing in a checkpoint names a file to read: the file names are fixed, links are refused, sizes, hashes and
headers are checked before any content is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lmgym_agents.errors import CheckpointError
from lmgym_agents.runs.state_tree import tensor_names, unpack
from lmgym_agents.runs.strict_json import read_json, to_json
from lmgym_agents.runs.tensor_file import check_header, read_tensors

TENSORS: Final = "tensors.safetensors"
STATE: Final = "state.json"
MANIFEST: Final = "manifest.json"
FORMAT: Final = "lmgym-checkpoint-1"
_MAX_MANIFEST_BYTES: Final = 4096
# ".old": the checkpoint of the same step that a new one is about to replace.
_NAME: Final = re.compile(r"step-(\d{8,15})(\.old)?")


def find_checkpoints(folder: Path) -> list[Path]:
    """Returns all checkpoint folders, the newest first; a replaced one comes after its replacement."""
    names = os.listdir(folder) if folder.is_dir() else []
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    matches.sort(key=lambda match: (int(match[1]), match[2] is None), reverse=True)
    return [folder / match[0] for match in matches]


def step_of(path: Path) -> int:
    """Returns the step that a checkpoint's folder is named after."""
    match = _NAME.fullmatch(path.name)
    assert match, path
    return int(match[1])


def make_manifest(part: Path, step: int) -> bytes:
    """Returns the manifest of the files in ``part``: what they are, how large, with which hashes."""
    entries = {
        name: {"bytes": (part / name).stat().st_size, "sha256": _sha256(part / name)}
        for name in (TENSORS, STATE)
    }
    return to_json({"format": FORMAT, "step": step, "files": entries}, MANIFEST)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def looks_whole(path: Path) -> bool:
    """Returns whether a manifest is there and the sizes agree: cheap, contents are not looked at."""
    try:
        _check_manifest(path)
    except (CheckpointError, OSError):
        return False
    return True


def _check_manifest(path: Path) -> dict[str, str]:
    """Checks everything but the contents; returns the SHA-256 that each file must have."""
    _check_regular(path, stat.S_ISDIR, "folder")
    size = _check_regular(path / MANIFEST, stat.S_ISREG, "file")
    if size > _MAX_MANIFEST_BYTES:
        raise CheckpointError(f"{MANIFEST} has {size} bytes; at most {_MAX_MANIFEST_BYTES} are allowed.")
    manifest = read_json(path / MANIFEST)
    if not isinstance(manifest, Mapping) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"{MANIFEST} is not of the format {FORMAT!r}.")
    if manifest.get("step") != step_of(path):
        raise CheckpointError(f"{MANIFEST} is that of step {str(manifest.get('step'))[:40]}.")
    entries = manifest.get("files")
    if not isinstance(entries, Mapping) or set(entries) != {TENSORS, STATE}:
        raise CheckpointError(f"{MANIFEST} does not name exactly {TENSORS} and {STATE}.")
    for name, entry in entries.items():
        if not isinstance(entry, Mapping) or set(entry) != {"bytes", "sha256"}:
            raise CheckpointError(f"{MANIFEST} does not give bytes and sha256 of {name}.")
        size = _check_regular(path / name, stat.S_ISREG, "file")
        if entry["bytes"] != size:
            raise CheckpointError(
                f"{name} has {size} bytes, not {str(entry['bytes'])[:40]}: cut or replaced."
            )
    return {name: str(entry["sha256"]) for name, entry in entries.items()}


def _check_regular(path: Path, is_kind: Any, kind: str) -> int:
    status = os.lstat(path)  # never follows a link; and a pipe would block whoever opens it
    if not is_kind(status.st_mode):
        raise CheckpointError(f"{path.name} is not a plain {kind} (a link or a device, perhaps).")
    return status.st_size


def read_checkpoint(path: Path) -> tuple[Any, Any]:
    """Returns (state, config) of one checkpoint after checking all of it.

    Raises:
        CheckpointError: it is damaged, or was never a checkpoint; what was found, in words.
        OSError: a file is missing or the disk fails.
    """
    hashes = _check_manifest(path)
    names = check_header(path / TENSORS)
    for name, expected in hashes.items():
        if _sha256(path / name) != expected:
            raise CheckpointError(f"{name} does not have the SHA-256 of the manifest; it was changed.")
    structure = read_json(path / STATE)
    if tensor_names(structure) != names:
        raise CheckpointError(f"{STATE} and {TENSORS} do not speak of the same tensors.")
    content = unpack(structure, read_tensors(path / TENSORS))
    if not isinstance(content, dict) or set(content) != {"state", "config"}:
        raise CheckpointError(f"{STATE} does not hold a state and a config.")
    return content["state"], content["config"]
