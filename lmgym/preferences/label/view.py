"""What the page is told: the open question, how far the rater is, and what the verdicts so far look like.

Comes in: a desk. Goes out: values for JSON. A page never learns whether a question is a repetition, which
response stands first in the file, or what anybody else said of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, Final

from lmgym.conversation import read_conversation
from lmgym.preferences.label.desk import Desk
from lmgym.preferences.label.schedule import Asking
from lmgym.preferences.label.visible import make_visible
from lmgym.preferences.record import Preference

MAX_MESSAGES: Final = 200
"""Most messages of a conversation that are shown: the last ones."""
_PACE: Final = 20
"""So many of the last verdicts tell the rater's pace."""


def show_state(desk: Desk) -> dict[str, Any]:
    """Returns who judges, the open question (None: all are judged), the progress, and what can be undone."""
    said = desk.said
    still = [asking for asking in desk.schedule if asking.id not in said]
    return {
        "rater": desk.rater,
        "question": _show_question(still[0]) if still else None,
        "progress": _show_progress(said.values(), len(still)),
        "undo": _show_undo(said),
    }


def _show_question(asking: Asking) -> dict[str, Any]:
    messages = read_conversation(asking.comparison.prompt)
    shown = messages[-MAX_MESSAGES:]
    return {
        "id": asking.id,
        "num_messages_left_out": len(messages) - len(shown),
        "conversation": [{"role": role, "text": make_visible(content)} for role, content in shown],
        "responses": [make_visible(text) for text in asking.comparison.responses],
    }


def _show_progress(said: Iterable[Preference], num_left: int) -> dict[str, Any]:
    verdicts = list(said)
    durations = [_duration_s(preference) for preference in verdicts[-_PACE:]]
    known = [duration_s for duration_s in durations if duration_s is not None]
    return {
        "num_judged": sum(preference.ranks is not None for preference in verdicts),
        "num_skipped": sum(preference.ranks is None for preference in verdicts),
        "num_left": num_left,
        "seconds_left": statistics.median(known) * num_left if known else None,
    }


def _duration_s(preference: Preference) -> float | None:
    duration_s = preference.extra.get("duration_s")
    return float(duration_s) if isinstance(duration_s, int | float) and duration_s > 0 else None


def _show_undo(said: dict[str, Preference]) -> dict[str, str] | None:
    if not said:
        return None
    asking_id = next(reversed(said))
    request = said[asking_id].extra.get("request")
    return {"question": asking_id, "request": request} if isinstance(request, str) else None


def show_statistics(desk: Desk) -> list[dict[str, Any]]:
    """Returns the lines of the panel: what is counted, how many of how many, and a remark."""
    verdicts = [preference for preference in desk.said.values() if preference.ranks is not None]
    lefts = sum(preference.ranks == (0, 1) for preference in verdicts)
    ties = sum(preference.ranks == (0, 0) for preference in verdicts)
    durations = [duration_s for item in verdicts if (duration_s := _duration_s(item)) is not None]
    lines = [
        _line("Left preferred", lefts, len(verdicts) - ties, "near half: sides are drawn at random"),
        _line("Ties", ties, len(verdicts)),
    ]
    if durations:
        lines.append({"name": "Median time", "value": f"{statistics.median(durations):.1f} s", "remark": ""})
    return lines


def _line(name: str, count: int, total: int, remark: str = "") -> dict[str, Any]:
    value = f"{count} of {total} ({100 * count / total:.0f} %)" if total else "none yet"
    return {"name": name, "value": value, "remark": remark}
