r"""Finds ``\boxed{...}`` and ``\fbox{...}`` in a text, in linear time.

Comes in: any text. Goes out: the boxes with balanced braces, and whether the last one is never closed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r"\\(?:boxed|fbox)[ \t\n]{0,8}\{|\\.|[{}]", re.DOTALL)


class Box(NamedTuple):
    """A box and where it stands."""

    content: str
    begin: int
    """Index of its backslash."""
    end: int
    """Index behind its closing brace."""


class Boxes(NamedTuple):
    """What ``find_boxes`` found."""

    closed: tuple[Box, ...]
    """Boxes that stand in no other one, in their order."""
    is_last_open: bool
    """True: the last box that begins is never closed."""


_NONE = Boxes((), False)


def find_boxes(text: str) -> Boxes:
    r"""Returns all boxes; of boxes in one another, ``\boxed{\boxed{7}}``, the outermost closed one."""
    if "boxed" not in text and "fbox" not in text:
        return _NONE
    closed: list[Box] = []
    open_braces: list[tuple[int, int]] = []  # for a box (begin, begin of its content), else (-1, -1)
    last_begin, last_end = -1, -1
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign == "{":
            open_braces.append((-1, -1))
        elif sign == "}":
            if not open_braces:
                continue
            begin, inner = open_braces.pop()
            if begin >= 0:
                while closed and closed[-1].begin > begin:
                    closed.pop()
                closed.append(Box(text[inner : token.start()], begin, token.end()))
                last_end = max(last_end, begin)
        elif sign.endswith("{") and len(sign) > 2:
            last_begin = token.start()
            open_braces.append((last_begin, token.end()))
    return Boxes(tuple(closed), last_begin > last_end)


def unwrap(text: str) -> str:
    """Returns the content if ``text`` is one box (or a box in a box) and nothing else, else ``text``."""
    for _ in range(2):
        if not text.startswith(("\\boxed", "\\fbox")):
            break
        boxes = find_boxes(text).closed
        if len(boxes) != 1 or boxes[0].begin != 0 or boxes[0].end != len(text):
            return text
        text = boxes[0].content.strip()
    return text
