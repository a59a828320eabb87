"""Terms against gibberish, to be added to a reward that text without sense can exploit.

Comes in: what the agent wrote. Goes out: ``Repetition`` and ``Crowding`` (costs), ``Vocabulary`` and
``Familiarity`` (gains), each a share in [0, 1]. They look at words alone: a word is a piece between white
space, in lower case and without the signs around it. Only the first ``MAX_READ_CHARS`` characters are read.
Left out: how likely a model is to write the text; that is what a KL penalty is for.
"""

from __future__ import annotations

import re
import string
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from lmgym.errors import InvalidValueError
from lmgym.records import Transcript
from lmgym.rewards.terms import BuiltIn, pieces

MAX_READ_CHARS = 20_000
"""Of a turn (or of a step, where those are paid)."""
Gram = tuple[str, ...]
_SENTENCE_END = re.compile(r"[.!?\n]+")


@dataclass(frozen=True)
class TextTerm(BuiltIn):
    """The mean of a number over what is paid for: the turns of an episode, the last turn, or a step."""

    def _value(self, transcript: Transcript) -> float:
        texts = [piece.text[:MAX_READ_CHARS] for piece in pieces(transcript, self.pay)]
        return sum(map(self._measure, texts)) / len(texts) if texts else 0.0

    @abstractmethod
    def _measure(self, text: str) -> float: ...


@dataclass(frozen=True)
class Repetition(TextTerm):
    """The share of n-grams that have been said before in the same turn; a cost when its weight is negative.

    ``1 - different / all``, 0 for fewer than ``size`` words: "good good good" has 2/3 of its words and 1/2 of
    its pairs from before.

    Args:
        size: words in an n-gram; 1 counts words, of which good text repeats some too.
    """

    size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size("Repetition.size", self.size)

    @property
    def name(self) -> str:
        return "repetition"

    def _measure(self, text: str) -> float:
        grams = _find_grams(find_words(text), self.size)
        return 1 - len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True)
class Vocabulary(TextTerm):
    """The share of words that are in a list; 0 for a text without words.

    Args:
        words: the list, in any case.
    """

    words: Iterable[str] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "words", _check_list("Vocabulary.words", self.words))

    @property
    def name(self) -> str:
        return "vocabulary"

    def _measure(self, text: str) -> float:
        assert isinstance(self.words, frozenset)
        words = find_words(text)
        return sum(word in self.words for word in words) / len(words) if words else 0.0


@dataclass(frozen=True)
class Familiarity(TextTerm):
    """The share of n-grams that occur in given texts; 0 for a text without words.

    The beginning and the end of the text belong to its n-grams, so that words in an order of their own, and
    a text that stops in the middle, are seen: against "It was good." the pairs of "Was it good." are 1/4
    familiar.

    Args:
        texts: what good text looks like, a few thousand demonstrations for instance.
        size: words in an n-gram.
    """

    texts: Iterable[str] = field(default=(), repr=False)
    size: int = 2
    known: frozenset[Gram] = field(init=False, repr=False)
    """every n-gram of the texts"""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size("Familiarity.size", self.size)
        texts = [] if isinstance(self.texts, str | bytes) else list(self.texts)
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InvalidValueError(
                f"Familiarity.texts must be a list of texts, got {str(self.texts)[:80]!r}."
            )
        object.__setattr__(self, "texts", tuple(texts))
        object.__setattr__(self, "known", frozenset(gram for text in texts for gram in self._grams(text)))

    @property
    def name(self) -> str:
        return "familiarity"

    def _grams(self, text: str) -> list[Gram]:
        return _find_grams(["", *find_words(text), ""], self.size)

    def _measure(self, text: str) -> float:
        grams = self._grams(text)
        return sum(gram in self.known for gram in grams) / len(grams) if find_words(text) and grams else 0.0


@dataclass(frozen=True)
class Crowding(TextTerm):
    """The share of words by which sentences exceed what they may have of a list; a cost at negative weight.

    A sentence ends with a full stop, an exclamation mark, a question mark or a new line. "good, great, fine
    and fun." has four words of sentiment among five; with ``allowed=2`` the value is 2/5.

    Args:
        words: the list, in any case, e.g. ``lmgym.tasks.sentiment.loaded_words()``.
        allowed: words of the list that every sentence may have.
    """

    words: Iterable[str] = field(default=(), repr=False)
    allowed: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "words", _check_list("Crowding.words", self.words))
        if isinstance(self.allowed, bool) or not isinstance(self.allowed, int) or self.allowed < 0:
            raise InvalidValueError(f"Crowding.allowed must be an integer from 0, got {self.allowed!r}.")

    @property
    def name(self) -> str:
        return "crowding"

    def _measure(self, text: str) -> float:
        assert isinstance(self.words, frozenset)
        sentences = [find_words(sentence) for sentence in _SENTENCE_END.split(text)]
        surplus = [sum(word in self.words for word in words) - self.allowed for words in sentences]
        total = sum(map(len, sentences))
        return sum(max(0, count) for count in surplus) / total if total else 0.0


def find_words(text: str) -> list[str]:
    """Returns the words of a text, in lower case and without the signs around them."""
    stripped = (word.strip(string.punctuation) for word in text.lower().split())
    return [word for word in stripped if word]


def _find_grams(words: list[str], size: int) -> list[Gram]:
    return list(zip(*(words[start:] for start in range(size)), strict=False))


def _check_size(name: str, size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 10:
        raise InvalidValueError(f"{name} must be an integer in [1, 10], got {size!r}.")


def _check_list(name: str, words: object) -> frozenset[str]:
    if isinstance(words, str | bytes) or not isinstance(words, Iterable):
        raise InvalidValueError(f"{name} must be a list or set of words, got {str(words)[:80]!r}.")
    given = list(words)
    odd = [word for word in given if not isinstance(word, str) or find_words(word) != [word.lower()]]
    if odd or not given:
        raise InvalidValueError(
            f"{name} must hold at least one word, each without white space or signs around it; "
            f"{f'got {odd[0]!r}' if odd else 'it is empty'}."
        )
    return frozenset(word.lower() for word in given)
