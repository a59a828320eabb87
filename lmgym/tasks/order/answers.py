"""Reading answers to problems of comparison: a keyword, a name, or names in order.

Comes in: any text. Goes out: what it says. Whitespace around the answer and between its names is free, a full
stop may end it. Keywords may be written in any case, names are written as in the prompt, with ``>`` or ``,``
between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lmgym.tasks.order.logic import KEYWORDS, NO, YES, Kind

WHITESPACE = " \t\r\n"
MAX_ANSWER_CHARS = 400
"""Longer answers are not read."""

_SEPARATOR = re.compile("[>,]")


def read_answer(text: str, kind: Kind, names: Iterable[str]) -> str | None:
    """Returns the canonical writing of an answer of the form that ``kind`` asks for, None if it is none.

    Args:
        text: at most ``MAX_ANSWER_CHARS`` characters without whitespace around it.
        kind: of the question.
        names: those that may occur.
    """
    core = text.strip(WHITESPACE).removesuffix(".").strip(WHITESPACE)
    word = core.lower() if core.isascii() else ""
    if word in KEYWORDS:
        return word if kind == "compare" or word not in (YES, NO) else None
    if kind == "compare":
        return None
    said = [piece.strip(WHITESPACE) for piece in _SEPARATOR.split(core)]
    allowed = set(names)
    is_one = kind in ("largest", "smallest")
    if len(set(said)) != len(said) or not allowed.issuperset(said) or (is_one and len(said) > 1):
        return None
    return ">".join(said)


def order_credit(given: str, truth: str) -> float:
    """Returns the share of pairs in the right order of two orders of the same names, times 0.9; else 0."""
    said, ranked = given.split(">"), truth.split(">")
    if len(said) < 2 or sorted(said) != sorted(ranked):
        return 0.0
    place = {name: at for at, name in enumerate(ranked)}
    pairs = [(a, b) for at, a in enumerate(said) for b in said[at + 1 :]]
    return 0.9 * sum(place[a] < place[b] for a, b in pairs) / len(pairs)


def can_complete(partial: str, truth: str) -> bool:
    """Returns whether some text that begins with ``partial`` is read as ``truth``. Exact."""
    text = partial.lstrip(WHITESPACE)
    missing = _missing(text, truth.split(">"), truth in KEYWORDS)
    if missing is None:
        return False
    core = text if missing else text.rstrip(WHITESPACE)
    return len(core) + missing <= MAX_ANSWER_CHARS


def _missing(text: str, tokens: list[str], ignore_case: bool) -> int | None:
    """Returns how many characters a right answer still lacks at least, None if none begins with ``text``."""
    rest = sum(map(len, tokens)) + len(tokens) - 1
    for at, token in enumerate(tokens):
        if at:
            text = text.lstrip(WHITESPACE)
            if not text:
                return rest
            if text[0] not in ">,":
                return None
            text, rest = text[1:].lstrip(WHITESPACE), rest - 1
        start = text[: len(token)]
        said = start.lower() if ignore_case and start.isascii() else start
        if not token.startswith(said):
            return None
        text, rest = text[len(token) :], rest - len(start)
        if len(start) < len(token):
            return rest
    return 0 if text.strip(WHITESPACE) in ("", ".") else None
