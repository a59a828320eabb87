"""What the page is told: the open question, how far the rater is, and what can be undone.

Comes in: a desk. Goes out: values for JSON. A page never learns whether a question is a repetition, which
response stands first in the file, or what anybody else said of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, Final

from lmgym.conversation import read_conversation
from lmgym.preferences.label.desk import Desk
from lmgym.preferences.label.figures import read_duration_s
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
    durations = [read_duration_s(preference) for preference in verdicts[-_PACE:]]
    known = [duration_s for duration_s in durations if duration_s is not None]
    return {
        "num_judged": sum(preference.ranks is not None for preference in verdicts),
        "num_skipped": sum(preference.ranks is None for preference in verdicts),
        "num_left": num_left,
        "seconds_left": statistics.median(known) * num_left if known else None,
    }


def _show_undo(said: dict[str, Preference]) -> dict[str, str] | None:
    if not said:
        return None
    asking_id = next(reversed(said))
    request = said[asking_id].extra.get("request")
    return {"question": asking_id, "request": request} if isinstance(request, str) else None
