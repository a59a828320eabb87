"""Finds the programs and packages that some tests check against, and skips these tests where they are absent.

None of them is needed to use the package. `.ci/run` installs them.
"""

from __future__ import annotations

import importlib
import shutil
from types import ModuleType

import pytest

_PACKAGES = {
    "coqc": "coq",
    "coqidetop.opt": "coq",
    "coqchk": "coq",
    "metamath": "metamath",
    "eprover": "eprover",
}
"""The Debian package of each program."""


def need(program: str) -> str:
    """Returns the path of ``program``, or skips the test that asks."""
    path = shutil.which(program)
    if path is None:
        package = _PACKAGES.get(program, program)
        pytest.skip(f"{program} is not installed; on Debian and Ubuntu: apt-get install {package}")
    return path


def need_module(name: str) -> ModuleType:
    """Returns the module ``name``, or skips the test that asks."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"the Python package of {name} is not installed; pip install 'lmgym[provers]'")
