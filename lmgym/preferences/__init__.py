"""Preferences: who found which of several responses better, kept as durable records.

``Preference`` is the record, ``PreferenceLog`` its file, ``Annotator`` the protocol of whoever judges, and
``SimulatedAnnotator`` one whose errors are knobs.
"""

from lmgym.preferences.annotators import Annotator, Comparison, Judgement, make_preferences, make_record
from lmgym.preferences.log import PreferenceLog
from lmgym.preferences.reading import PreferenceLogError, read_log, read_preferences
from lmgym.preferences.record import Preference, parse_preference, utc_now
from lmgym.preferences.replay import ReplayAnnotator
from lmgym.preferences.simulated import SimulatedAnnotator

__all__ = [
    "Annotator",
    "Comparison",
    "Judgement",
    "Preference",
    "PreferenceLog",
    "PreferenceLogError",
    "ReplayAnnotator",
    "SimulatedAnnotator",
    "make_preferences",
    "make_record",
    "parse_preference",
    "read_log",
    "read_preferences",
    "utc_now",
]
