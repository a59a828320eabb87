"""What foreign code has raised, and where: for messages that lead to the mistake."""

from __future__ import annotations

import importlib
import sysconfig
import traceback
from pathlib import Path
from typing import Final

_INSTALLED: Final = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
_OURS: Final = str(Path(__file__).parent)


def describe_error(error: BaseException) -> str:
    r"""Returns the type of ``error``, the first line of its message and its place, in one line.

    >>> describe_error(ValueError("too short\nby far"))
    'ValueError: too short'
    """
    lines = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return said[:300].rstrip(".") + where_raised(error)


def where_raised(error: BaseException) -> str:
    """Returns `` (FILE, line N)`` of the place that raised ``error``, "" where that is not known.

    A line of the caller's own code is preferred to the line of an installed package that it led to, and to
    one of lmgym's.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f" ({error.filename}, line {error.lineno})"
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and frame.filename != importlib.__file__
    ]
    foreign = [frame for frame in frames if not frame[0].startswith(_OURS)]
    own = [frame for frame in foreign if not frame[0].startswith(_INSTALLED)]
    for found in (own, foreign):
        if found:
            return " ({}, line {})".format(*found[-1])
    return ""
