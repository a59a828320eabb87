"""Checkpoints: atomic, durable, verified when read, and never a pickle.

A checkpoint is a folder ``step-00000042`` with three files: ``tensors.safetensors``, ``state.json`` (the
structure of the state, everything that is not a tensor, and the configuration) and ``manifest.json`` with
size and SHA-256 of the other two. It is written into a hidden folder beside, every file is synced, the
manifest last; then the folder gets its name in one rename, and the parent is synced. Only when ``save`` has
returned may a step be reported as saved. A process killed at any point leaves the older checkpoints as
they were; only after a new one is durable are the oldest removed.

``load`` reads the newest checkpoint whose hashes hold, and refuses whatever is not what it should be.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lmgym_agents.errors import CheckpointError, CheckpointWarning
from lmgym_agents.runs.checkpoint_format import (
    MANIFEST,
    STATE,
    TENSORS,
    find_checkpoints,
    looks_whole,
    make_manifest,
    read_checkpoint,
    step_of,
)
from lmgym_agents.runs.durable_files import FILES, Files, make_folders
from lmgym_agents.runs.state_tree import check_matches, pack
from lmgym_agents.runs.strict_json import to_json

_UNFINISHED: Final = (".saving-", ".removing-")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What ``load`` has read."""

    step: int
    path: Path
    state: Any
    config: Any
    skipped: tuple[str, ...] = ()
    """Newer checkpoints that were damaged, each with what is wrong with it."""


def save(
    folder: Path,
    *,
    step: int,
    state: Any,
    config: Any = None,
    keep: int = 3,
    files: Files = FILES,
) -> Path:
    """Writes a checkpoint; when this returns it survives a kill and a loss of power.

    Args:
        folder: where the checkpoints of one run lie; made if missing. One process may write there at a
            time (``RunFolder`` sees to it).
        step: number of the update that the state follows, at least 0. An older checkpoint of the same step
            is replaced.
        state: a tree of tensors, arrays and plain values (see ``state_tree``).
        config: plain values to store beside it.
        keep: how many checkpoints stay, this one included; at least 2.
        files: the disk.

    Returns:
        The checkpoint's folder.

    Raises:
        CheckpointError: the state cannot be stored, or the disk refused; older checkpoints are untouched.
    """
    if type(step) is not int or not 0 <= step < 10**15:
        raise CheckpointError(f"step must be an integer in [0, 10**15), got {step!r}.")
    if type(keep) is not int or keep < 2:
        raise CheckpointError(f"keep must be an integer of at least 2, got {keep!r}: one may be damaged.")
    tensors, structure = pack({"state": state, "config": config})
    text = to_json(structure, "the state without its tensors")
    target = folder / f"step-{step:08d}"
    part = folder / f"{_UNFINISHED[0]}{step:08d}"
    try:
        make_folders(folder, files)
        _remove_unfinished(folder, files)
        files.make_folder(part)
        files.write_tensors(part / TENSORS, tensors)
        files.write(part / STATE, text)
        files.sync(part / TENSORS)
        files.sync(part / STATE)
        files.write(part / MANIFEST, make_manifest(part, step))
        files.sync(part / MANIFEST)
        files.sync_folder(part)
        _put_in_place(part, target, files)
        files.sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):  # best effort; the next save tries again
            files.remove(part)
        raise CheckpointError(
            f"the checkpoint of step {step} could not be written to {folder}: {error}. Older checkpoints are "
            "untouched. Free some space or mend the disk, then go on with --resume."
        ) from error
    _prune_after_save(folder, keep, step, files)
    return target


def load(folder: Path, *, step: int | None = None, template: Any = None) -> Checkpoint:
    """Reads the newest checkpoint that is whole.

    Damaged ones are passed over with a ``CheckpointWarning`` that names them.

    Args:
        folder: where the checkpoints lie.
        step: this step only, instead of the newest.
        template: if given, what the state must look like (see ``state_tree.check_matches``); a whole
            checkpoint of another form is an error, no reason to look for an older one.

    Raises:
        CheckpointError: there is none, all are damaged, or the state does not fit the template.
    """
    candidates = [path for path in find_checkpoints(folder) if step is None or step_of(path) == step]
    if not candidates:
        wanted = "checkpoint" if step is None else f"checkpoint of step {step}"
        raise CheckpointError(
            f"no {wanted} in {folder}; there are the steps {list_steps(folder)}. Name another folder or "
            "step, or start the run anew."
        )
    problems: list[str] = []
    for path in candidates:
        try:
            state, config = read_checkpoint(path)
        except (CheckpointError, OSError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        for problem in problems:
            warnings.warn(f"damaged checkpoint passed over: {problem}", CheckpointWarning, stacklevel=2)
        if template is not None:
            check_matches(state, template)
        return Checkpoint(step=step_of(path), path=path, state=state, config=config, skipped=tuple(problems))
    found = "\n  ".join(problems)
    raise CheckpointError(
        f"every checkpoint in {folder} is damaged:\n  {found}\nRestore one from a backup, or start the run "
        "anew in another folder."
    )


def list_steps(folder: Path) -> list[int]:
    """Returns the steps of all checkpoints in a folder, ascending, without looking whether they are whole."""
    return sorted({step_of(path) for path in find_checkpoints(folder)})


def prune(folder: Path, *, keep: int, newest: int | None = None, files: Files = FILES) -> list[int]:
    """Removes all but the ``keep`` newest checkpoints (up to the step ``newest``) that look whole.

    A removal begins with a rename, so that a half-removed checkpoint is never taken for one.

    Returns:
        The steps removed.

    Raises:
        OSError: the disk refused.
    """
    kept = 0
    removed = []
    for path in find_checkpoints(folder):
        if newest is not None and step_of(path) > newest:
            continue  # of a damaged future that this run was resumed before; replaced when its step comes
        if kept < keep:
            kept += looks_whole(path)
            continue
        _remove(path, files)
        removed.append(step_of(path))
    return removed


def _put_in_place(part: Path, target: Path, files: Files) -> None:
    if os.path.lexists(target):
        old = target.with_name(f"{target.name}.old")
        if looks_whole(target):
            if os.path.lexists(old):
                _remove(old, files)
            # Between the two renames the old one is still found under its ".old" name.
            files.rename(target, old)
        else:
            _remove(target, files)
    files.rename(part, target)


def _remove(path: Path, files: Files) -> None:
    doomed = path.with_name(f"{_UNFINISHED[1]}{path.name}")
    if os.path.lexists(doomed):
        files.remove(doomed)
    files.rename(path, doomed)
    files.remove(doomed)


def _remove_unfinished(folder: Path, files: Files) -> None:
    """Removes what a process that was killed in ``save`` has left."""
    for name in os.listdir(folder):
        if name.startswith(_UNFINISHED):
            files.remove(folder / name)


def _prune_after_save(folder: Path, keep: int, step: int, files: Files) -> None:
    try:
        replaced = folder / f"step-{step:08d}.old"
        if replaced.exists():
            _remove(replaced, files)
        prune(folder, keep=keep, newest=step, files=files)
    except OSError as error:  # the new checkpoint is safe all the same
        warnings.warn(f"an old checkpoint could not be removed: {error}", CheckpointWarning, stacklevel=3)
