"""Preferences: who found which of several responses better, kept as durable records.

``Preference`` is the record, ``Annotator`` the protocol of whoever judges.
"""

from lmgym.preferences.annotators import Annotator, Comparison, Judgement, make_preferences
from lmgym.preferences.log import PreferenceLog
from lmgym.preferences.reading import PreferenceLogError, read_log, read_preferences
from lmgym.preferences.record import Preference, parse_preference, utc_now

__all__ = [
    "Annotator",
    "Comparison",
    "Judgement",
    "Preference",
    "PreferenceLog",
    "PreferenceLogError",
    "make_preferences",
    "parse_preference",
    "read_log",
    "read_preferences",
    "utc_now",
]
