"""One rater at work: what is open, what has been said, and the log that both come from.

Comes in: a schedule, an open log, what the rater says. Goes out: the next question; a record or a retraction
in the log for each thing said, on the disk before ``hear`` returns. Saying the same again, as a page does
that never got its answer, changes nothing. Left out: how it looks (``lmgym.preferences.label.view``).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.preferences.annotators import Judgement, make_record
from lmgym.preferences.label.schedule import Asking
from lmgym.preferences.log import PreferenceLog
from lmgym.preferences.record import Preference, make_question_key, utc_now

VERDICTS: Final[Mapping[str, tuple[int, int] | None]] = {
    "left": (0, 1),
    "right": (1, 0),
    "tie": (0, 0),
    "skip": None,
}
"""Ranks of the response on the left and of the one on the right."""
UNDO: Final = "undo"
SKIPPED: Final = "skipped"

MAX_DURATION_S: Final = 86400.0

_FIELDS: Final = {"rater", "say", "question", "request", "confidence", "duration_s"}
_REQUEST: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Saying(NamedTuple):
    """What a rater says."""

    rater: str
    """Who the page thinks speaks."""
    say: str
    """A name of VERDICTS, or "undo"."""
    question: str
    """``Asking.id``; of an undo, which verdict is taken back."""
    request: str
    """32 hexadecimal digits, new for everything said; of an undo, those of the verdict taken back."""
    confidence: float | None = None
    """How sure, in [0, 1]."""
    duration_s: float = 0.0
    """How long the question was looked at."""


class Conflict(Exception):  # no mistake: two tabs, or a page older than its server
    """What was said does not fit what is open; the page shows the present state instead."""


def parse_saying(values: Any) -> Saying:
    """Returns what a page sent.

    Raises:
        InvalidValueError: other fields, or values that are not allowed.
    """
    if not isinstance(values, dict) or values.keys() != _FIELDS:
        raise InvalidValueError(f"a saying has the fields {', '.join(sorted(_FIELDS))}.")
    for name in ("rater", "say", "question", "request"):
        if not isinstance(values[name], str):
            raise InvalidValueError(f"{name} must be a string.")
    if values["say"] not in VERDICTS and values["say"] != UNDO:
        raise InvalidValueError(f"say must be one of {', '.join([*VERDICTS, UNDO])}.")
    if not _REQUEST.fullmatch(values["request"]):
        raise InvalidValueError("request must be 32 hexadecimal digits.")
    duration_s = _read_number("duration_s", values["duration_s"], MAX_DURATION_S)
    confidence = values["confidence"]
    if confidence is not None:
        confidence = _read_number("confidence", confidence, 1.0)
    return Saying(**(values | {"confidence": confidence, "duration_s": duration_s}))


def _read_number(name: str, value: object, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
        raise InvalidValueError(f"{name} must be a number in [0, {highest:g}].")
    return float(value)


class Desk:
    """Asks one rater the questions of a schedule and writes down what is said; safe to use from threads."""

    def __init__(self, schedule: Sequence[Asking], log: PreferenceLog, *, rater: str) -> None:
        """Goes on where the log ends.

        Args:
            schedule: what is asked, in order.
            log: the open log; what others said in it stays untouched.
            rater: who judges; the annotator of the records.

        Raises:
            InvalidValueError: a rater's name that is empty, too long or not printable.
        """
        if not 1 <= len(rater) <= 60 or not rater.isprintable() or not rater.strip():
            raise InvalidValueError(f"a rater has a printable name of 1 to 60 signs, got {rater!a:.100}.")
        self.rater = rater
        self.schedule = tuple(schedule)
        self.log = log
        self._lock = threading.RLock()
        self._ids = {asking.id for asking in schedule}
        self._said: dict[str, Preference] = {}  # by Asking.id, in the order in which it was said
        for preference in log.preferences:
            asking_id = name_asking(preference)
            if preference.annotator == rater and asking_id in self._ids:
                self._said.pop(asking_id, None)
                self._said[asking_id] = preference

    @property
    def said(self) -> dict[str, Preference]:
        """Returns the rater's verdicts that stand, by ``Asking.id``, in the order in which they came."""
        with self._lock:
            return dict(self._said)

    def hear(self, saying: Saying) -> None:
        """Writes down what was said; when it returns, that survives a kill.

        Raises:
            Conflict: of another rater, about a question that is not open, or an undo of something that is
                not the last verdict.
            PreferenceLogError: it could not be written; it may be said again.
        """
        with self._lock:
            if saying.rater != self.rater:
                raise Conflict(f"{self.rater} is judging here, not {saying.rater!a:.80}")
            if saying.say == UNDO:
                self._take_back(saying)
            else:
                self._judge(saying)

    def _judge(self, saying: Saying) -> None:
        earlier = self._said.get(saying.question)
        if earlier is not None:
            if earlier.extra.get("request") == saying.request:
                return  # heard before; only the answer got lost
            raise Conflict("this question has been judged already, perhaps in another window")
        asking = next((asking for asking in self.schedule if asking.id == saying.question), None)
        if asking is None:
            raise Conflict("this question is not among those that are asked here")
        ranks = VERDICTS[saying.say]
        judgement = Judgement(
            ranks=ranks,
            confidence=None if ranks is None else saying.confidence,
            reason=SKIPPED if ranks is None else "",
            extra={
                "shown": asking.shown,
                "duration_s": round(saying.duration_s, 3),
                "request": saying.request,
            },
        )
        record = make_record(self.rater, asking.comparison, judgement, now=utc_now())
        self._said[asking.id] = self.log.append(record, duplicates="keep")

    def _take_back(self, saying: Saying) -> None:
        earlier = self._said.get(saying.question)
        if earlier is None or earlier.extra.get("request") != saying.request:
            if saying.question in self._ids:
                return  # taken back before; only the answer got lost
            raise Conflict("this verdict is not among those given here")
        if next(reversed(self._said)) != saying.question:
            raise Conflict("only the last verdict can be taken back")
        self.log.retract(earlier.key, time=utc_now())
        del self._said[saying.question]


def name_asking(preference: Preference) -> str:
    """Returns the ``Asking.id`` that a record answers."""
    key = preference.extra.get("key") or make_question_key(preference.prompt, preference.responses)
    return f"{key}.{preference.extra.get('repetition', 0)}"
