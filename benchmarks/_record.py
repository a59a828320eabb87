"""Writes what a benchmark measured to benchmarks/results/NAME.json, with all that is needed to repeat it."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "lmgym", "numpy", "gymnasium", "torch", "transformers", "tokenizers", "reasoning-gym", "trl", "sympy",
    "math-verify",
)  # fmt: skip


class Mark(TypedDict):
    """A number that the project has promised to reach; one that does not hold stays in the file as False."""

    name: str
    value: float
    unit: str
    goal: str
    holds: bool


def make_mark(name: str, value: float, unit: str, *, at_least: float) -> Mark:
    """Returns the mark that ``value`` (in ``unit``) should be ``at_least`` so much."""
    return Mark(name=name, value=value, unit=unit, goal=f">= {at_least:g}", holds=bool(value >= at_least))


def write_record(
    name: str, rows: Sequence[dict[str, Any]], marks: Sequence[Mark], *, command: str | None = None
) -> Path:
    """Writes ``benchmarks/results/NAME.json`` and returns its path.

    Args:
        name: name of the script without ``.py``.
        rows: what was measured, one JSON object for each line of the printed table.
        marks: the promised numbers; see ``make_mark``.
        command: what a stranger types to measure again; default: how this process was started.
    """
    record = {
        "command": command or shlex.join(["python", *_relative(sys.argv)]),
        "commit": _commit(),
        "machine": describe_machine(),
        "versions": _versions(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "marks": list(marks),
        "rows": list(rows),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return path


def describe_machine() -> str:
    """Returns processor, usable cores, memory and, where torch is loaded and sees one, the GPU."""
    parts = [_processor(), f"{len(os.sched_getaffinity(0))} cores", f"{_memory_gib():.0f} GiB"]
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(0))
    return ", ".join(parts)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _commit() -> str:
    """Returns the commit's hash, with "+" when tracked files differ from it; "unknown" outside git."""
    root = RESULTS.parent.parent
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _relative(arguments: Sequence[str]) -> list[str]:
    """Returns the command line with the script's path written from the repository's root."""
    script = Path(arguments[0]).resolve()
    root = RESULTS.parent.parent
    name = script.relative_to(root).as_posix() if script.is_relative_to(root) else script.name
    return [name, *arguments[1:]]
