"""What the readers and writers of foreign formats have in common: where verdicts come from, what got lost.

A foreign row says neither who judged nor when; a format can't hold every record. What can't be read or
written is counted under a reason in a few words, never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.preferences.record import Preference, make_question_key

UNKNOWN_TIME: Final = "1970-01-01T00:00:00Z"
"""Time of a verdict that nobody has noted."""


class OddRow(InvalidValueError):
    """A row that no preference can be made of; the message is the reason, in a few words."""


class Pair(NamedTuple):
    """Two responses of which the first was preferred."""

    chosen: str
    rejected: str


@dataclass(kw_only=True)
class Source:
    """Who judged and when, for rows that don't say it, and what could not be read so far."""

    annotator: str
    time: str = UNKNOWN_TIME
    skipped: Counter[str] = field(default_factory=Counter)

    def make(
        self,
        prompt: str,
        responses: tuple[str, ...],
        ranks: tuple[int, ...],
        extra: Mapping[str, Any] | None = None,
    ) -> Preference:
        """Returns the record of one verdict."""
        return Preference(prompt, responses, self.annotator, ranks, None, self.time, "", extra or {})

    def make_pair(
        self, prompt: str, chosen: str, rejected: str, extra: Mapping[str, Any] | None = None
    ) -> Preference:
        """Returns the record of a verdict on two responses of a format that doesn't say how they were shown.

        A hash of the texts decides which stands first, so that no place gives the better one away.
        """
        if int(make_question_key(prompt, (chosen, rejected)), 16) % 2:
            return self.make(prompt, (rejected, chosen), (1, 0), extra)
        return self.make(prompt, (chosen, rejected), (0, 1), extra)


def strict_pairs(preference: Preference, left_out: Counter[str]) -> Iterator[Pair]:
    """Yields (chosen, rejected) of each pair that isn't a tie; counts ties and the lack of a verdict."""
    if preference.ranks is None:
        left_out["no verdict"] += 1
    for better, worse, is_tie in preference.pairs():
        if is_tie:
            left_out["tie"] += 1
        else:
            yield Pair(preference.responses[better], preference.responses[worse])


def check_fields(row: Any, *names: str) -> dict[str, Any]:
    """Returns ``row``, which must be an object that has these fields.

    Raises:
        OddRow: it isn't.
    """
    if not isinstance(row, dict):
        raise OddRow("not an object")
    for name in names:
        if name not in row:
            raise OddRow(f"no field {name!r}")
    return row


def check_text(value: Any, name: str) -> str:
    """Returns ``value``, which must be a string.

    Raises:
        OddRow: it isn't.
    """
    if not isinstance(value, str):
        raise OddRow(f"{name!r} is no text")
    return value
