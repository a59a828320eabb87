"""Constraints on a text, each checked exactly.

Comes in: a text and constraints. Goes out: which of them it keeps. Left out: how they are drawn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from lmgym.tasks.style.vocabulary import function_words, topic_of_words

Kind = Literal["topic", "words", "chars", "use", "avoid", "form", "end"]
Form = Literal["sentence", "question", "list", "lower"]
FORMS: tuple[Form, ...] = ("sentence", "question", "list", "lower")
LIST_LINES = 2
"""Lines of a list."""
MAX_READ_CHARS = 1000
"""A longer text is no answer to anything."""
MAX_SAID = 2
"""How often a word may be said that is no function word."""

_PLAIN = re.compile(r"[A-Za-z ,.?!'\n-]*")
_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_SENTENCE = re.compile(r"[A-Z][^.?!\n]*\.")
_QUESTION = re.compile(r"[A-Z][^.?!\n]*\?")
_LIST = re.compile(r"- [^\n]*[^\s-][^\n]*")


class Constraint(NamedTuple):
    """One wish."""

    kind: Kind
    value: str = ""
    """The topic, the word or the form."""
    low: int = 0
    """Fewest words."""
    high: int = 0
    """Most words, or most characters."""


def find_words(text: str) -> list[str]:
    """Returns the words of a text in lower case: letters, with hyphens and apostrophes between them."""
    return [word.lower() for word in _WORD.findall(text)]


def refuse(text: str) -> str:
    """Returns why a text is no text in plain words ("" if it is): empty, overlong, unparsed or repeated."""
    if not text.strip():
        return "empty"
    if len(text) > MAX_READ_CHARS:
        return "overlong"
    words = find_words(text)
    if not words or _PLAIN.fullmatch(text) is None:
        return "unparsed"
    free = function_words()
    is_repeated = any(count > MAX_SAID and word not in free for word, count in Counter(words).items())
    return "repeated" if is_repeated else ""


def keeps(text: str, constraints: Sequence[Constraint]) -> tuple[bool, ...]:
    """Returns for each constraint whether ``text`` keeps it; blanks around the text don't count."""
    text = text.strip()
    words = find_words(text)
    return tuple(_keeps(text, words, constraint) for constraint in constraints)


def _keeps(text: str, words: list[str], constraint: Constraint) -> bool:
    kind, value, low, high = constraint
    if kind == "topic":
        owners = topic_of_words()
        return {owners[word] for word in words if word in owners} == {value}
    if kind == "words":
        return low <= len(words) <= high
    if kind == "chars":
        return len(text) <= high
    if kind == "use":
        return value in words
    if kind == "avoid":
        return value not in words
    if kind == "end":
        return bool(words) and words[-1] == value
    return _has_form(text, value)


def _has_form(text: str, form: str) -> bool:
    if form == "list":
        lines = text.split("\n")
        return len(lines) == LIST_LINES and all(_LIST.fullmatch(line) for line in lines)
    if form == "lower":
        return text == text.lower()
    return (_SENTENCE if form == "sentence" else _QUESTION).fullmatch(text) is not None
