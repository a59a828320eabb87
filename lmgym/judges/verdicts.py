"""A judge's reply read: the verdict from its one fixed place, or the reason why there is none.

The fixed place is the last line of what the judge says after its thinking: one JSON object with the single
name "verdict". Whatever stands anywhere else (in the thinking, in prose, in a quotation, in another line)
counts for nothing. A reply that was cut, a refusal, two lines instead of one, another type, a number beyond
the scale: no verdict, which is never a zero.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple, NoReturn

from lmgym.judges.prompts import Scale

MAX_REPLY_CHARS: Final = 200_000
_MAX_LINE_CHARS: Final = 200
_TAGS: Final = "think|thinking|thought|reasoning|scratchpad"
_CLOSE: Final = re.compile(rf"</(?:{_TAGS})\s{{0,3}}>", re.IGNORECASE)
_OPEN: Final = re.compile(rf"<(?:{_TAGS})(?:\s[^<>\n]{{0,80}})?>", re.IGNORECASE)
_LINES: Final = re.compile(r"\r\n|\r|\n")
_FENCE: Final = "```"


class Reading(NamedTuple):
    """What was read of a reply."""

    value: float | None
    """Comparison: 1.0 for A, 0.5 for a tie, 0.0 for B. One answer: its mark in [0, 1]. None: no verdict."""
    reason: str = ""
    """Why there is no verdict, one word and what was found."""


def read_comparison(reply: object) -> Reading:
    """Returns the verdict on two answers: 1.0 for A, 0.5 for a tie, 0.0 for B."""
    verdict = _read_field(reply)
    if isinstance(verdict, Reading):
        return verdict
    values = {"A": 1.0, "B": 0.0, "tie": 0.5}
    if isinstance(verdict, str) and verdict in values:
        return Reading(values[verdict])
    return Reading(None, f"unparsed: the verdict is {verdict!r:.80}, not A, B or tie")


def read_score(reply: object, scale: Scale) -> Reading:
    """Returns the mark of one answer, 0.0 for the scale's low end and 1.0 for its high end."""
    verdict = _read_field(reply)
    if isinstance(verdict, Reading):
        return verdict
    low, high = scale
    if type(verdict) is int and low <= verdict <= high:
        return Reading((verdict - low) / (high - low))
    return Reading(None, f"unparsed: the verdict is {verdict!r:.80}, not an integer from {low} to {high}")


def read_pass(reply: object) -> Reading:
    """Returns 1.0 for pass, 0.0 for fail."""
    verdict = _read_field(reply)
    if isinstance(verdict, Reading):
        return verdict
    values = {"pass": 1.0, "fail": 0.0}
    if isinstance(verdict, str) and verdict in values:
        return Reading(values[verdict])
    return Reading(None, f"unparsed: the verdict is {verdict!r:.80}, not pass or fail")


def without_thinking(reply: str) -> str | None:
    """Returns what stands after the judge's thinking, None where the thinking does not end.

    A closing tag without an opening one counts (chat templates write the opening one into the prompt).
    """
    rest = reply
    for found in _CLOSE.finditer(reply):
        rest = reply[found.end() :]
    return None if _OPEN.search(rest) else rest


def _read_field(reply: object) -> Any:
    """Returns the value of "verdict", or a Reading that says why there is none."""
    if not isinstance(reply, str):
        return Reading(None, f"unparsed: the reply is no text but {type(reply).__name__}")
    if len(reply) > MAX_REPLY_CHARS:
        return Reading(None, f"unparsed: a reply of {len(reply)} characters")
    said = without_thinking(reply)
    if said is None:
        return Reading(None, "unparsed: the thinking does not end")
    line = _last_line(said)
    try:
        if len(line) > _MAX_LINE_CHARS:
            raise ValueError("too long")
        found = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError):
        return Reading(None, f"unparsed: the last line is {line[:80]!r}, no JSON")
    if not isinstance(found, dict) or found.keys() != {"verdict"}:
        return Reading(None, f"unparsed: the last line is {line[:80]!r}, not one verdict")
    return found["verdict"]


def _last_line(said: str) -> str:
    """Returns the last line that is not blank; one block of code around it is looked through."""
    lines = [line.strip() for line in _LINES.split(said.strip())]
    if len(lines) >= 3 and lines[-1] == _FENCE and lines[-3].lower() in (_FENCE, _FENCE + "json"):
        return lines[-2]
    return lines[-1]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not allowed")
