"""Controlled continuation: reviews of a wanted sentiment, scored by a published lexicon."""

from lmgym.tasks.sentiment.task import Sentiment

__all__ = ["Sentiment"]
