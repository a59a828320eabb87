"""Controlled continuation: reviews of a wanted sentiment, scored by a published lexicon."""

from lmgym.tasks.sentiment.lexicon import loaded_words
from lmgym.tasks.sentiment.naturalness import kinds_of_words
from lmgym.tasks.sentiment.task import Sentiment

__all__ = ["Sentiment", "kinds_of_words", "loaded_words"]
