"""The words of the task, in ``sentiment.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def read_words() -> dict[str, Any]:
    """Returns the words, their kinds, and which kind may follow which; read once, not to be changed."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "sentiment.json").read_text("utf-8"))
    return data
