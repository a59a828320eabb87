"""The published lexicon score: VADER, held to a bounded length.

Comes in: any text. Goes out: VADER's compound score in [-1, 1], exactly that of ``vaderSentiment`` for texts
of up to ``MAX_CHARS`` characters. Left out: what the score is good for.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Protocol, cast

from lmgym.errors import MissingDependencyError

MAX_CHARS = 600
"""What is read of a text, emojis counted as the words that VADER reads in their place; VADER's own time grows
with the square of the number of words."""


class Analyzer(Protocol):
    """What is used of VADER."""

    lexicon: dict[str, float]
    emojis: dict[str, str]

    def polarity_scores(self, text: str) -> dict[str, float]:
        """Returns "compound" in [-1, 1] and three shares."""


@cache
def load_analyzer() -> Analyzer:
    """Returns VADER's analyzer, made once per process.

    Raises:
        MissingDependencyError: vaderSentiment is not installed.
    """
    try:
        package = importlib.import_module("vaderSentiment.vaderSentiment")
    except ImportError as error:
        raise MissingDependencyError(
            'lmgym/Sentiment-v0 needs the vaderSentiment package: pip install "lmgym[chat]"'
        ) from error
    return cast(Analyzer, package.SentimentIntensityAnalyzer())


def compound(text: str) -> float:
    """Returns VADER's compound score of the first ``MAX_CHARS`` characters, in [-1, 1]."""
    analyzer = load_analyzer()
    text = text[:MAX_CHARS]
    if not text.isascii():
        text = _spell_out(text, analyzer.emojis)[:MAX_CHARS]
    return float(analyzer.polarity_scores(text)["compound"])


@cache
def loaded_words() -> frozenset[str]:
    """Returns the words of the lexicon that carry a sentiment: in lower case, no emoticons, no phrases."""
    lexicon = load_analyzer().lexicon
    return frozenset(
        word for word, valence in lexicon.items() if valence != 0.0 and word.isalpha() and word.islower()
    )


def is_loaded(word: str) -> bool:
    """Returns whether the lexicon gives the lower-case ``word`` a valence that is not 0."""
    return load_analyzer().lexicon.get(word, 0.0) != 0.0


def _spell_out(text: str, emojis: dict[str, str]) -> str:
    """Returns the text with emojis in words, by VADER's own rule: a blank before unless one stands there."""
    written: list[str] = []
    after_blank = True
    for sign in text:
        words = emojis.get(sign)
        if words is None:
            written.append(sign)
            after_blank = sign == " "
        else:
            written.append(words if after_blank else f" {words}")
            after_blank = False
    return "".join(written)
