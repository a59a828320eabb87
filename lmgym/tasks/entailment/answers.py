"""Reading answers: true, false, unknown, in any case; a full stop may follow. "yes" and "no" too.

Comes in: any text. Goes out: one of the three, or None.
"""

from __future__ import annotations

from typing import Final

WHITESPACE: Final = " \t\r\n"
ANSWERS: Final = ("true", "false", "unknown")
MAX_ANSWER_CHARS: Final = 400
_SYNONYMS: Final = {word: word for word in ANSWERS} | {
    "yes": "true",
    "no": "false",
    "uncertain": "unknown",
}


def read_answer(text: str) -> str | None:
    """Returns what ``text`` answers, None if it is no answer."""
    if len(text) > MAX_ANSWER_CHARS or not text.isascii():
        return None
    return _SYNONYMS.get(text.strip(WHITESPACE).removesuffix(".").strip(WHITESPACE).lower())


def can_complete(partial: str, truth: str) -> bool:
    """Returns whether some text that begins with ``partial`` is read as ``truth``. Exact."""
    text = partial.lstrip(WHITESPACE).lower()
    if not partial.isascii() or len(text) > MAX_ANSWER_CHARS:
        return False
    if read_answer(text) == truth:
        return True
    return any(meant == truth and word.startswith(text) for word, meant in _SYNONYMS.items())
