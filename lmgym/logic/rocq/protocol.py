"""The XML protocol of ``coqidetop``: calls as text, replies as values.

Comes in: sentences and state numbers. Goes out: bytes to send, and what a reply says. Left out: processes.
The protocol is the one of Coq 8.16 and newer (``dev/doc/xml-protocol.md`` of the prover's sources).
"""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from lmgym.logic.rocq.goals import Goal, Goals

END = b"</value>"
"""What every reply ends with; inside texts the prover writes it as an entity."""

INIT = b'<call val="Init"><option val="none"/></call>'
GOAL = b'<call val="Goal"><unit/></call>'


class ProtocolError(Exception):
    """A reply that is not of the protocol."""


class Failure(NamedTuple):
    """The prover refuses a sentence."""

    message: str


def add_call(sentence: str, state: int) -> bytes:
    """Returns the call that puts ``sentence`` after ``state``."""
    return (
        f'<call val="Add"><pair><pair><pair><pair><string>{escape(sentence)}</string><int>-1</int></pair>'
        f'<pair><state_id val="{state}"/><bool val="false"/></pair></pair><int>0</int></pair>'
        "<pair><int>0</int><int>0</int></pair></pair></call>"
    ).encode()


def edit_at_call(state: int) -> bytes:
    """Returns the call that goes back to ``state`` and forgets all that came after it."""
    return f'<call val="Edit_at"><state_id val="{state}"/></call>'.encode()


def read_value(reply: bytes) -> ElementTree.Element | Failure:
    """Returns the value of a reply, or why the call failed.

    Raises:
        ProtocolError: there is none.
    """
    start = reply.find(b"<value")
    try:
        value = ElementTree.fromstring(reply[start:].replace(b"&nbsp;", b" "))
    except ElementTree.ParseError as error:
        raise ProtocolError(str(error)) from None
    if value.get("val") == "good":
        return value
    text = value.find("richpp")
    return Failure(_text(value if text is None else text))


def read_state(value: ElementTree.Element) -> int:
    """Returns the number of the state that an ``Add`` or ``Init`` has made.

    Raises:
        ProtocolError: the value names none.
    """
    state = value.find(".//state_id")
    if state is None or not (state.get("val") or "").isdigit():
        raise ProtocolError("a reply without a state")
    return int(state.get("val") or "")


def read_goals(value: ElementTree.Element) -> Goals | None:
    """Returns the goals of a reply to ``Goal``; None where no proof is open.

    Raises:
        ProtocolError: the reply has another form.
    """
    goals = value.find("option/goals")
    if goals is None:
        return None
    lists = goals.findall("list")
    if len(lists) < 4:
        raise ProtocolError("a reply with fewer lists of goals than four")
    focused, behind, shelved, given_up = lists[:4]
    return Goals(
        goals=tuple(_goal(goal) for goal in focused),
        num_behind=len(behind.findall(".//goal")),
        num_shelved=len(shelved) + len(given_up),
        num_open_focuses=len(behind),
    )


def _goal(goal: ElementTree.Element) -> Goal:
    hypotheses, conclusion = goal.find("list"), goal.find("richpp")
    if hypotheses is None or conclusion is None:
        raise ProtocolError("a goal without hypotheses or conclusion")
    return Goal(tuple(map(_text, hypotheses)), _text(conclusion))


def _text(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).replace("\N{NO-BREAK SPACE}", " ").strip()
