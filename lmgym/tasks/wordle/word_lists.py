"""Lists of common English words, by length, and smaller lists drawn from them.

Comes in: a length and a number. Goes out: words in alphabetical order. Left out: what games do with them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import pairwise
from pathlib import Path

from lmgym.errors import InvalidValueError

LENGTHS = (3, 4, 5, 6)
"""Lengths of words for which there is a list."""

_FOLDER = Path(__file__).parent


@cache
def all_words(length: int) -> tuple[str, ...]:
    """Returns every listed word of ``length`` letters, one of ``LENGTHS``."""
    return tuple((_FOLDER / f"words_{length}.txt").read_text("ascii").split())


def some_words(length: int, count: int) -> tuple[str, ...]:
    """Returns ``count`` listed words of ``length`` letters; a smaller list is part of every larger one.

    Which they are is decided by a hash, so that a small list does not lean to one end of the alphabet. All
    words are returned where there are fewer than ``count``.
    """
    chosen = sorted(all_words(length), key=_digest)[:count]
    return tuple(sorted(chosen))


def _digest(word: str) -> bytes:
    return hashlib.blake2b(word.encode(), digest_size=8, person=b"word list").digest()


def read_words(path: str | Path) -> tuple[str, ...]:
    """Returns the words of a text file, one a line, blank lines dropped, in alphabetical order.

    Raises:
        InvalidValueError: the file can't be read as text, or holds fewer than two words, a word twice, words
            of several lengths, of fewer than 2 or more than 12 letters, or other signs than a to z.
    """
    try:
        words = Path(path).read_text("utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValueError(f"vocabulary must be a text file, a word a line: {error}.") from error
    return check_words(words)


def check_words(words: list[str]) -> tuple[str, ...]:
    """Returns ``words`` in alphabetical order; see ``read_words``."""
    for word in words:
        if not (word.isascii() and word.isalpha() and word.islower()) or not 2 <= len(word) <= 12:
            raise InvalidValueError(
                f"vocabulary must hold words of 2 to 12 small letters a to z, got {word!r}."
            )
        if len(word) != len(words[0]):
            raise InvalidValueError(f"words of a vocabulary have one length, got {words[0]!r} and {word!r}.")
    ordered = sorted(words)
    twice = [word for word, following in pairwise(ordered) if word == following]
    if twice or len(words) < 2:
        got = f"{twice[0]!r} twice" if twice else repr(words)
        raise InvalidValueError(f"vocabulary must hold at least two different words, each once, got {got}.")
    return tuple(ordered)
