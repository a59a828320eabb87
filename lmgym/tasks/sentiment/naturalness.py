"""How far a continuation is from the published grammar: a count of faults, each by its name.

Comes in: a continuation of "... was". Goes out: its faults. A text of the grammar has none; whatever is
repeated, crowded with sentiment, out of order, misspelt, endless or shouted has some. Left out: what it says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from lmgym.tasks.sentiment.lexicon import is_loaded
from lmgym.tasks.sentiment.words import read_words

MAX_READ_CHARS = 600
"""A longer continuation is not looked at: it has more than enough faults of length."""
MAX_LOADED = 2
"""Words of sentiment that a sentence may have."""
CHARS_A_FAULT = 10
"""Characters beyond the limit that make one more fault."""

_FREE = frozenset(("the", "was", "and", "because", "who", "it", "object"))
"""Kinds whose words may stand twice in a sentence; all others once in a continuation."""
_STRANGE = re.compile(r"[^A-Za-z ,.!]")
_OPEN = "open"


class Rules(NamedTuple):
    """What a level allows."""

    max_chars: int
    max_sentences: int
    extra_words: frozenset[str] = frozenset()


class Faults(NamedTuple):
    """How often each rule is broken."""

    unknown: int = 0
    """Words that are not in the vocabulary."""
    order: int = 0
    """Neighbours that may not stand beside each other, the beginning and the end of a sentence included."""
    repeated: int = 0
    """Words said more often than allowed."""
    crowded: int = 0
    """Words of sentiment beyond two in a sentence."""
    signs: int = 0
    """Characters that are no letter, blank, comma, full stop or ``!``, and every ``!`` after the first."""
    ending: int = 0
    """The last sentence has no end, or the budget cut it."""
    length: int = 0
    """Sentences beyond the limit, and every ten characters begun beyond theirs."""

    @property
    def total(self) -> int:
        """Number of all faults."""
        return sum(self)


def find_faults(text: str, rules: Rules, *, is_complete: bool = True) -> Faults:
    """Returns the faults of a continuation; a text of blanks has none of its words but no end either."""
    text = text.strip(" ")
    over = -(-max(0, len(text) - rules.max_chars) // CHARS_A_FAULT)
    if len(text) > MAX_READ_CHARS:
        return Faults(length=over)
    sentences = _cut_sentences(text)
    unknown = order = crowded = 0
    said: Counter[tuple[str, str]] = Counter()
    for place, words in enumerate(sentences):
        kinds = [_kind(word, place > 0 and not at, rules.extra_words) for at, word in enumerate(words)]
        unknown += kinds.count("")
        order += _disorder(words, kinds, "next" if place else "start")
        plain = [_bare(word) for word in words]
        crowded += max(0, sum(map(is_loaded, plain)) - MAX_LOADED)
        said.update(zip(plain, kinds, strict=True))
    limit = 2 * max(1, len(sentences))
    repeated = sum(max(0, count - (limit if kind in _FREE else 1)) for (_, kind), count in said.items())
    signs = len(_STRANGE.findall(text)) + max(0, text.count("!") - 1)
    ending = int(text[-1:] not in (".", "!")) + int(not is_complete)
    length = over + max(0, len(sentences) - rules.max_sentences)
    return Faults(unknown, order, repeated, crowded, signs, ending, length)


def _cut_sentences(text: str) -> list[list[str]]:
    """Returns the words of each sentence; a word keeps its comma, and its full stop where it ends nothing."""
    sentences: list[list[str]] = [[]]
    for word in text.split():
        sentences[-1].append(word)
        if word[-1] in ".!":
            sentences[-1][-1] = word[:-1]
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def _bare(word: str) -> str:
    return word.rstrip(",").lower()


def _kind(word: str, is_capital: bool, extra_words: frozenset[str]) -> str:
    """Returns the kind of a word, "" if it is unknown; the first word of a later sentence has a capital."""
    word = word[:-1] if word.endswith(",") else word
    if is_capital:
        if not word[:1].isupper():
            return ""
        word = word if word == "I" else word[0].lower() + word[1:]
    kind = kinds_of_words().get(word, "")
    return kind or (_OPEN if word in extra_words else "")


def _disorder(words: list[str], kinds: list[str], left: str) -> int:
    """Returns the number of neighbours that may not be; an unknown word is a fault already, not here."""
    follows, faults, has_comma = _follows(), 0, False
    for word, kind in zip(words, kinds, strict=True):
        if kind == "it" and left == "verb":
            kind = "object"
        may_be = kind in ("", _OPEN) or left in ("", _OPEN) or kind in follows[left]
        faults += not (may_be and (not has_comma or kind in ("and", "because", _OPEN)))
        left, has_comma = kind, word.endswith(",")
    may_end = left in ("", _OPEN) or "end" in follows[left]
    return faults + (not may_end or has_comma)


@cache
def kinds_of_words() -> Mapping[str, str]:
    """Returns the kind of every word of the vocabulary."""
    data = read_words()
    kinds = {word: kind for kind, words in data["kinds"].items() for word in words}
    for feeling in ("positive", "negative", "neutral"):
        kinds.update(dict.fromkeys(data["adjectives"][feeling], "adjective"))
        kinds.update(dict.fromkeys(data["verbs"][feeling], "verb"))
    for subject in data["subjects"]:
        kinds.update(dict.fromkeys((*subject["nouns"], *subject["held_out_nouns"]), "noun"))
    return kinds


@cache
def _follows() -> Mapping[str, frozenset[str]]:
    return {left: frozenset(right) for left, right in read_words()["follows"].items()}
