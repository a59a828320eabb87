"""The preference record: a prompt, two or more responses to it, who judged, and the verdict.

Comes in: values, or one line of JSON. Goes out: an immutable record in canonical form and its canonical line:
equal records have equal lines, and a line read back gives the record that wrote it, whatever characters the
texts hold. Left out: files (``lmgym.preferences.log``) and foreign formats (``lmgym.preferences.formats``).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from lmgym.errors import InvalidValueError

MAX_RESPONSES: Final = 256
"""Most responses of one record."""
MAX_LINE_BYTES: Final = 16 << 20
"""Longest line that is written or read, its newline included."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preference:
    """One verdict of one annotator on two or more responses to one prompt.

    Raises:
        InvalidValueError: a field of another type or outside its range.
    """

    prompt: str
    """What was answered; a conversation may be text with marks (``lmgym.conversation``)."""
    responses: tuple[str, ...]
    """Two to MAX_RESPONSES answers, in the order in which they were shown."""
    annotator: str
    """Who judged; not empty."""
    ranks: tuple[int, ...] | None
    """For each response its place: 0 is best, equal is a tie, made dense ((5, 2, 2) becomes (1, 0, 0)).
    None: no verdict."""
    confidence: float | None
    """How sure the annotator was, in [0, 1]; None: not said."""
    time: str
    """When, ISO 8601 in UTC: "2026-01-31T12:00:00Z"."""
    reason: str = ""
    """The annotator's words on it, "" if none."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Anything else that JSON can hold, by name."""

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("prompt", "annotator", "reason"):
            put(self, name, _check_text(name, getattr(self, name)))
        if not self.annotator:
            raise InvalidValueError("Preference.annotator must not be empty: name who judged.")
        put(self, "responses", _check_responses(self.responses))
        put(self, "ranks", _check_ranks(self.ranks, len(self.responses)))
        put(self, "confidence", _check_confidence(self.confidence))
        put(self, "time", check_time(self.time))
        put(self, "extra", _check_extra(self.extra))

    @property
    def key(self) -> str:
        """Returns 32 hexadecimal digits, equal for one question to one annotator in whatever order shown."""
        return make_question_key(self.prompt, self.responses, self.annotator)

    @property
    def winner(self) -> int | None:
        """Returns the index of the best response; None if several share the place or there is no verdict."""
        if self.ranks is None or self.ranks.count(0) != 1:
            return None
        return self.ranks.index(0)

    def pairs(self) -> list[tuple[int, int, bool]]:
        """Returns (better, worse, is_tie) for every pair of responses; none without a verdict.

        A tie names the response that was shown first first.
        """
        if self.ranks is None:
            return []
        found = []
        for first in range(len(self.ranks)):
            for second in range(first + 1, len(self.ranks)):
                difference = self.ranks[second] - self.ranks[first]
                pair = (second, first) if difference < 0 else (first, second)
                found.append((*pair, difference == 0))
        return found

    def to_json(self) -> str:
        """Returns the canonical line, without a newline: ASCII, sorted keys.

        Raises:
            InvalidValueError: the line would be longer than MAX_LINE_BYTES.
        """
        line = _write_json({item.name: getattr(self, item.name) for item in fields(self)})
        if len(line) >= MAX_LINE_BYTES:
            raise InvalidValueError(
                f"a preference of {len(line)} bytes is longer than {MAX_LINE_BYTES}; shorten its texts."
            )
        return line


_NAMES: Final = frozenset(item.name for item in fields(Preference))
_OPTIONAL: Final = frozenset({"reason", "extra"})


def parse_preference(line: str | bytes) -> Preference:
    """Returns the record of one line of JSON; the opposite of ``Preference.to_json``.

    Raises:
        InvalidValueError: too long, not JSON (NaN and repeated names are not), other fields than the
            record's, or values that the record refuses.
    """
    return make_preference(read_json(line))


def make_preference(values: Any) -> Preference:
    """Returns the record of a JSON object.

    Raises:
        InvalidValueError: not an object, other fields than the record's, or values that it refuses.
    """
    if not isinstance(values, dict):
        raise InvalidValueError(f"a preference is a JSON object, got a {type(values).__name__}.")
    missing, unknown = sorted(_NAMES - _OPTIONAL - values.keys()), sorted(values.keys() - _NAMES)
    if missing or unknown:
        raise InvalidValueError(
            f"a preference has the fields {', '.join(sorted(_NAMES))}; missing: {missing}, "
            f"unknown: {unknown!a:.200}."
        )
    return Preference(**values)


def read_json(line: str | bytes, *, max_bytes: int = MAX_LINE_BYTES) -> Any:
    """Returns the value of one bounded line of strict JSON.

    Raises:
        InvalidValueError: too long, or not JSON; NaN, infinities, repeated names and deep nesting are not.
    """
    if len(line) > max_bytes:
        raise InvalidValueError(f"{len(line)} bytes of JSON are longer than {max_bytes}.")
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line  # json would guess at the encoding
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise InvalidValueError("JSON nested too deep.") from None
    except ValueError as error:
        raise InvalidValueError(f"not JSON: {error!s:.200}.") from None


def make_question_key(prompt: str, responses: Sequence[str], annotator: str = "") -> str:
    """Returns 32 hexadecimal digits that name a question (to ``annotator``), whatever the order shown."""
    content = _write_json([prompt, sorted(responses), annotator])
    return hashlib.blake2b(content.encode("ascii"), digest_size=16).hexdigest()


def format_time(moment: datetime) -> str:
    """Returns ``moment``, which must know its zone, as ISO 8601 in UTC with microseconds.

    Raises:
        InvalidValueError: ``moment`` has no zone.
    """
    if moment.tzinfo is None:
        raise InvalidValueError(f"a time needs its zone, got {moment!r}; use datetime.now(UTC).")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def utc_now() -> str:
    """Returns the present time as records write it."""
    return format_time(datetime.now(UTC))


def check_time(time: object) -> str:
    """Returns ``time`` as records write it, with a Z.

    Raises:
        InvalidValueError: not ISO 8601 in UTC, or no time.
    """
    if not isinstance(time, str) or not _TIME.fullmatch(time):
        raise InvalidValueError(
            f"time must be ISO 8601 in UTC such as '2026-01-31T12:00:00Z', got {time!r:.200}."
        )
    try:
        datetime.fromisoformat(time)
    except ValueError as error:
        raise InvalidValueError(f"time {time!r} is none: {error}.") from None
    return time.replace("+00:00", "Z")


def _write_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def _check_text(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise InvalidValueError(f"Preference.{name} must be a string, got {type(text).__name__}.")
    if _SURROGATE.search(text):  # two halves of one character would come back from JSON as the character
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def _check_responses(responses: object) -> tuple[str, ...]:
    if not isinstance(responses, tuple | list) or not 2 <= len(responses) <= MAX_RESPONSES:
        shown = len(responses) if isinstance(responses, tuple | list) else type(responses).__name__
        raise InvalidValueError(f"Preference.responses must be 2 to {MAX_RESPONSES} strings, got {shown}.")
    return tuple(_check_text("responses", text) for text in responses)


def _check_ranks(ranks: object, num_responses: int) -> tuple[int, ...] | None:
    if ranks is None:
        return None
    if not isinstance(ranks, tuple | list) or len(ranks) != num_responses:
        raise InvalidValueError(
            f"Preference.ranks must be None or {num_responses} integers, got {ranks!r:.200}."
        )
    if any(type(rank) is not int for rank in ranks):
        raise InvalidValueError(f"Preference.ranks must be integers, 0 for the best, got {ranks!r:.200}.")
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)))}
    return tuple(places[rank] for rank in ranks)


def _check_confidence(confidence: object) -> float | None:
    if confidence is None:
        return None
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise InvalidValueError(f"Preference.confidence must be a number or None, got {confidence!r:.200}.")
    if not 0 <= confidence <= 1:  # False for NaN too
        raise InvalidValueError(f"Preference.confidence must be in [0, 1], got {confidence!r:.200}.")
    return float(confidence)


def _check_extra(extra: object) -> dict[str, Any]:
    if not isinstance(extra, Mapping):
        raise InvalidValueError(f"Preference.extra must be a mapping, got {type(extra).__name__}.")
    _check_json(extra, depth=0)
    return json.loads(_write_json(dict(extra)))  # type: ignore[no-any-return]  # a copy, with lists for tuples


def _check_json(value: object, *, depth: int) -> None:
    if depth > 32:
        raise InvalidValueError("Preference.extra is nested more than 32 deep.")
    if isinstance(value, Mapping):
        if any(not isinstance(name, str) for name in value):
            raise InvalidValueError("Preference.extra must have strings as names, at every depth.")
        for item in value.values():
            _check_json(item, depth=depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item, depth=depth + 1)
    elif isinstance(value, int) and value.bit_length() > 256:  # Python would refuse to write a very long one
        raise InvalidValueError("Preference.extra must not hold integers of more than 256 bits.")
    elif not (value is None or isinstance(value, bool | int | str) or _is_finite(value)):
        raise InvalidValueError(f"Preference.extra must be JSON (finite numbers), got {value!r:.200}.")


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
