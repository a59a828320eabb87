"""Reads the comments that mark lemmas: ``(* lmgym: level 2; topics nat, induction; uses add_zero *)``."""

from __future__ import annotations

import re
from typing import NamedTuple

from lmgym.logic.rocq.vfiles import Sentence, VFileError

MAX_LEVEL = 8
"""Highest level that a mark may give."""


class Mark(NamedTuple):
    """What a mark says."""

    level: int
    topics: tuple[str, ...]
    uses: tuple[str, ...]
    """names of marked lemmas above that stand in the context, too"""


def mark_of(sentence: Sentence, source: str) -> Mark | None:
    """Returns the mark that stands before ``sentence``, None if there is none.

    Raises:
        VFileError: it has another form, stands inside, or is one of two.
    """
    for comment in sentence.inner_comments:
        if comment.text.startswith("lmgym"):
            raise VFileError(source, comment.line, "a mark must stand before the lemma, not inside.")
    marks = [comment for comment in sentence.comments if comment.text.startswith("lmgym")]
    if len(marks) > 1:
        raise VFileError(source, marks[1].line, "two marks stand before one sentence.")
    return _read_mark(marks[0].text, source, marks[0].line) if marks else None


def _read_mark(text: str, source: str, line: int) -> Mark:
    fields = dict[str, str]()
    for field in text.removeprefix("lmgym").strip().removeprefix(":").split(";"):
        word, _, value = field.strip().partition(" ")
        if word in fields or word not in ("level", "topics", "uses", ""):
            raise VFileError(
                source, line, f"field {word!r} of a mark is unknown or doubled; known: level, topics, uses."
            )
        fields[word] = value
    level = fields.get("level", "1").strip()
    if not re.fullmatch(rf"[1-{MAX_LEVEL}]", level):
        raise VFileError(source, line, f"level must be 1 to {MAX_LEVEL}, got {level!r}.")
    return Mark(int(level), _words(fields.get("topics", "")), _words(fields.get("uses", "")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
