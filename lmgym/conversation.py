"""Conversations as text with marks, so that whatever takes a prompt as text takes a conversation too.

Comes in: messages. Goes out: text in which four Unicode noncharacters say who speaks and where a message
ends; and such text read back, or written for people. Nobody can type a mark: in what is said each becomes
U+FFFD. Left out: tokens and chat templates (``lmgym.chat_template``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from lmgym.errors import InvalidValueError

SYSTEM = "\ufdd0"
"""Begins a system message."""
USER = "\ufdd1"
"""Begins a message of the user's."""
AGENT = "\ufdd2"
"""Begins a message of the agent's; at the end of a text it asks the agent to speak."""
END = "\ufdd3"
"""Ends a message; at the beginning of a text it says that the agent's message has just ended."""
MARKS = SYSTEM + USER + AGENT + END

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """What one side says, in the terms of chat templates."""

    role: Role
    content: str


class Part(NamedTuple):
    """A stretch of a conversation's text between two marks, or between a mark and an end of the text."""

    mark: str
    """The mark before it, "" at the beginning of the text."""
    content: str


MARK_OF: dict[Role, str] = {"system": SYSTEM, "user": USER, "assistant": AGENT}
ROLE_OF: dict[str, Role] = {mark: role for role, mark in MARK_OF.items()}
_LABELS = str.maketrans({SYSTEM: "System: ", USER: "User: ", AGENT: "Assistant: ", END: "\n"})
_ANY_MARK = re.compile(f"([{MARKS}])")
_PLAIN = str.maketrans(dict.fromkeys(MARKS, REPLACEMENT))


def plain(text: str) -> str:
    """Returns ``text`` with every mark replaced by U+FFFD, so that it can't say who speaks."""
    return text if text.isascii() else text.translate(_PLAIN)


def has_marks(text: str) -> bool:
    """Returns whether ``text`` is part of a conversation."""
    return _ANY_MARK.search(text) is not None


def write_conversation(messages: Sequence[Message], *, agent_next: bool = True) -> str:
    """Returns the text of ``messages``: for each its mark, its content and ``END``.

    Args:
        messages: what was said, in order.
        agent_next: True: the text ends with the mark that asks the agent to speak, as a prompt does.

    Raises:
        InvalidValueError: a role that is not "system", "user" or "assistant".
    """
    for message in messages:
        if message.role not in MARK_OF:
            raise InvalidValueError(f"Message.role must be one of {list(MARK_OF)}, got {message.role!r}.")
    said = "".join(MARK_OF[message.role] + plain(message.content) + END for message in messages)
    return said + AGENT if agent_next else said


def write_reply(content: str) -> str:
    """Returns what an environment appends when the agent's message has ended and the user answers it."""
    return END + USER + plain(content) + END + AGENT


def cut_at_marks(text: str) -> list[Part]:
    """Returns the parts of ``text``; joining marks and contents gives ``text`` again."""
    pieces = _ANY_MARK.split(text)
    parts = [Part("", pieces[0])] if pieces[0] else []
    return parts + [Part(mark, content) for mark, content in zip(pieces[1::2], pieces[2::2], strict=True)]


def read_conversation(text: str) -> list[Message]:
    r"""Returns the messages of any text whatever; the inverse of ``write_conversation``.

    Text outside a message (all of it, where there are no marks) is a message of the user's, a message
    without its ``END`` stops at the next mark, and the mark that asks the agent to speak is none.

    >>> read_conversation("\ufdd1Hi!\ufdd3\ufdd2")
    [Message(role='user', content='Hi!')]
    """
    parts = cut_at_marks(text)
    messages = []
    for place, (mark, content) in enumerate(parts):
        if mark in ROLE_OF:
            if content or place + 1 < len(parts):
                messages.append(Message(ROLE_OF[mark], content))
        elif content:
            messages.append(Message("user", content))
    return messages


def readable(text: str) -> str:
    r"""Returns ``text`` as people read it; text without marks stays as it is.

    The readable form of two texts behind one another is the two readable forms behind one another.

    >>> readable("\ufdd0Be brief.\ufdd3\ufdd1Hi!\ufdd3\ufdd2Hello.")
    'System: Be brief.\nUser: Hi!\nAssistant: Hello.'
    """
    # Prompts of other tasks pass here by the hundred thousand; most are ASCII, in which there are no marks.
    return text if text.isascii() else text.translate(_LABELS)
