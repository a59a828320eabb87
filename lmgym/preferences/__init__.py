"""Preferences: who found which of several responses better, kept as durable records.

``Preference`` is the record, ``Annotator`` the protocol of whoever judges.
"""

from lmgym.preferences.annotators import Annotator, Comparison, Judgement, make_preferences
from lmgym.preferences.record import Preference, parse_preference, utc_now

__all__ = [
    "Annotator",
    "Comparison",
    "Judgement",
    "Preference",
    "make_preferences",
    "parse_preference",
    "utc_now",
]
