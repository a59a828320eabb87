"""What went wrong in a job, as a result says it: a kind, a message, a place."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final, Literal

import torch

import lmgym
from lmgym.errors import InvalidActionError, OutOfMemoryError
from lmgym_agents.weights import NotFiniteError

Kind = Literal["raised", "not_finite", "bad_action", "memory"]
"""Those that a job can tell of itself; "timeout" and "died" are told by whoever runs it."""

MAX_MESSAGE_CHARS: Final = 2000
_OURS: Final = (Path(__file__).resolve().parents[1], Path(lmgym.__file__).resolve().parent)


def kind_of(error: BaseException) -> Kind:
    """Returns what kind of failure an exception is."""
    if isinstance(error, NotFiniteError):
        return "not_finite"
    if isinstance(error, InvalidActionError):
        return "bad_action"
    if isinstance(error, MemoryError | OutOfMemoryError | torch.OutOfMemoryError):
        return "memory"
    return "raised"


def describe_error(error: BaseException) -> str:
    """Returns type and message, cut to a bearable length."""
    try:
        said = str(error)
    except Exception:  # a foreign exception's own __str__ may raise whatever it likes
        said = "(its message can't be shown)"
    clean = said.encode("utf-8", "replace").decode().strip()
    text = f"{type(error).__name__}: {clean}" if clean else type(error).__name__
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 1] + "…"


def place_of(error: BaseException) -> str:
    """Returns ``FILE:LINE in FUNCTION`` of the innermost call outside lmgym, else the innermost.

    The file's name alone, as its folder differs from machine to machine. Nothing for an action that lmgym has
    refused: the message names whose it was, and a line of lmgym's would only mislead.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    foreign = [
        frame
        for frame in frames
        if not any(map(Path(frame.filename).is_relative_to, _OURS)) and "site-packages" not in frame.filename
    ]
    if not foreign and isinstance(error, InvalidActionError):
        return ""
    frame = (foreign or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
