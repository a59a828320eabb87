"""Text as a person can see it: what is invisible, or would turn other text round, becomes a sign.

Comes in: any text whatever. Goes out: pieces that are either text to be shown as it is or the name of a
character that can't be shown. Left out: how a page shows them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from lmgym.conversation import AGENT, END, SYSTEM, USER

MAX_SHOWN: Final = 100_000
"""Most characters of one text that are shown."""
MAX_SIGNS: Final = 2000
"""Most signs of one text; the rest of it is not shown."""

_MARKS: Final = {SYSTEM: "system says", USER: "user says", AGENT: "assistant says", END: "end of message"}
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
_NAMES: Final = {"\r": "carriage return", "\0": "null", "\x1b": "escape", "\x7f": "delete", "\b": "backspace"}
_KINDS: Final = {"Cc": "control", "Cs": "lone surrogate", "Co": "private use", "Cn": "unassigned"}


class Visible(NamedTuple):
    """How a text is shown."""

    pieces: list[tuple[str, bool]]
    """Text, and whether it is a sign: the name of a character that can't be seen."""
    num_left_out: int
    """Characters at the end that are not shown."""


def make_visible(text: str, *, max_shown: int = MAX_SHOWN) -> Visible:
    """Returns ``text`` in pieces, with a sign for each control, format, unassigned or blank character.

    Line breaks and tabs stay; so do joiners and variation selectors between characters outside ASCII, where
    scripts and emoji need them.
    """
    shown = text[:max_shown]
    rest = len(text) - len(shown)
    pieces: list[tuple[str, bool]] = []
    begin = num_signs = 0
    for place in _find_unseen(shown):
        if num_signs == MAX_SIGNS:
            shown, rest = shown[:begin], len(text) - begin
            break
        pieces += _as_text(shown[begin:place])
        pieces.append((name_sign(shown[place]), True))
        begin, num_signs = place + 1, num_signs + 1
    return Visible(pieces + _as_text(shown[begin:]), rest)


def _find_unseen(text: str) -> Iterator[int]:
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():  # most texts, fast
        return
    for place, sign in enumerate(text):
        if not (
            _is_seen(sign) or (sign in _JOINERS and _joins(text, place)) or text[place : place + 2] == "\r\n"
        ):
            yield place


def _as_text(text: str) -> list[tuple[str, bool]]:
    return [(text.replace("\r\n", "\n"), False)] if text else []


def name_sign(sign: str) -> str:
    """Returns code and name of a character: "U+202E right-to-left override"."""
    if sign in _MARKS:
        return _MARKS[sign]
    name = (
        _NAMES.get(sign) or unicodedata.name(sign, "").lower() or _KINDS.get(unicodedata.category(sign), "")
    )
    return f"U+{ord(sign):04X} {name}".strip()


def _is_seen(sign: str) -> bool:
    if sign in "\n\t":
        return True
    if sign in _BLANK or _selects_variation(sign):
        return False
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _selects_variation(sign: str) -> bool:
    return (
        "\ufe00" <= sign <= "\ufe0f" or "\u180b" <= sign <= "\u180f" or "\U000e0100" <= sign <= "\U000e01ef"
    )


def _joins(text: str, place: int) -> bool:
    """Tells whether a joiner or selector stands where scripts and emoji need one."""
    sign, before, after = text[place], text[max(0, place - 1) : place], text[place + 1 : place + 2]
    if sign == "\ufe0f" and after == "\u20e3":
        return before in frozenset("0123456789#*")  # a keycap
    if sign == "\u200d" and before == "\ufe0f":
        before = text[max(0, place - 2) : place - 1]
    if not _is_seen_outside_ascii(before):
        return False
    return sign in "\ufe0e\ufe0f" or _is_seen_outside_ascii(after)


def _is_seen_outside_ascii(sign: str) -> bool:
    return bool(sign) and not sign.isascii() and _is_seen(sign)
