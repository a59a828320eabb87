"""Finds the public data sets that some tests read, and skips these tests where there are none.

The data is not a part of the repository. ``LMGYM_DATA`` names its folder; without it a folder
``shared/data`` next to the repository is tried.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """Returns the path of ``name``, such as "gsm8k/test.jsonl", or skips the test that asks."""
    path = Path(os.environ.get("LMGYM_DATA", _BESIDE)) / name
    if not path.is_file():
        pytest.skip(f"the public data file {name} is not here; set LMGYM_DATA to the folder that holds it")
    return path
