"""What a run was made with: versions of Python and of the libraries, the machine, the commit."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

import lmgym

_LIBRARIES: Final = (
    "lmgym", "torch", "transformers", "tokenizers", "safetensors", "gymnasium", "numpy", "peft"
)  # fmt: skip
_GIT_TIMEOUT_S: Final = 10.0


def collect_versions() -> dict[str, str | None]:
    """Returns versions by name; None for a library that is not installed.

    ``commit`` is that of lmgym's own repository ("-dirty" added when tracked files were changed), None when
    lmgym was not installed from one.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    versions["platform"] = platform.platform()
    versions["machine"] = platform.machine()
    versions["commit"] = _find_commit(Path(lmgym.__file__).parent)
    return versions


def _find_commit(package: Path) -> str | None:
    # A virtual environment may lie inside a foreign repository: only one that tracks this package counts.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changes = _git(package, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if commit and changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        result = subprocess.run(
            [program, "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
