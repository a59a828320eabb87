"""What an answer of the REPL says: goals, messages, numbers of states. Everything in it is checked.

Comes in: a dictionary that a REPL has sent. Goes out: an ``Answer``. Left out: how it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lmgym.logic.lean.repl import LeanError


class Message(NamedTuple):
    """One message of Lean."""

    severity: str
    """"error", "warning", "info" or "trace"."""
    text: str


class Hole(NamedTuple):
    """A ``sorry``: where a proof can be begun."""

    proof_state: int
    goal: str


class Answer(NamedTuple):
    """One answer."""

    env: int | None = None
    """number of the environment after a command"""
    proof_state: int | None = None
    """number of the state after a tactic"""
    goals: tuple[str, ...] = ()
    """open goals after a tactic, as printed"""
    messages: tuple[Message, ...] = ()
    holes: tuple[Hole, ...] = ()
    status: str = ""
    """what newer versions say of the proof: "Completed", "Incomplete: ..." or "Error: ..."; "": nothing"""

    @property
    def errors(self) -> tuple[str, ...]:
        """Texts of the messages that are errors."""
        return tuple(message.text for message in self.messages if message.severity == "error")


def read_answer(given: Mapping[str, Any]) -> Answer:
    """Returns what ``given`` says. A message at its top, by which the REPL refuses a request, is an error.

    Raises:
        LeanError: a field has another type than the protocol gives it.
    """
    messages = tuple(_message(message) for message in _list(given, "messages"))
    top = given.get("message")
    if top is not None:
        messages = (Message("error", _text(top)), *messages)
    return Answer(
        _number(given, "env"),
        _number(given, "proofState"),
        tuple(_text(goal) for goal in _list(given, "goals")),
        messages,
        tuple(_hole(hole) for hole in _list(given, "sorries")),
        _text(given.get("proofStatus", "")),
    )


def _message(given: Any) -> Message:
    fields = _object(given)
    return Message(_text(fields.get("severity")), _text(fields.get("data")))


def _hole(given: Any) -> Hole:
    fields = _object(given)
    state = _number(fields, "proofState")
    return Hole(-1 if state is None else state, _text(fields.get("goal", "")))


def _object(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise LeanError(f"Lean sent {str(given)[:50]!r} instead of an object")
    return given


def _list(given: Mapping[str, Any], key: str) -> list[Any]:
    value = given.get(key, [])
    if not isinstance(value, list):
        raise LeanError(f"Lean sent {str(value)[:50]!r} as {key}, which is a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise LeanError(f"Lean sent {str(value)[:50]!r} instead of a text")
    return value


def _number(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise LeanError(f"Lean sent {str(value)[:50]!r} as {key}, which is a number")
    return value
