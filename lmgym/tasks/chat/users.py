"""Who may be the user of a conversation, and what becomes of what a user says.

Comes in: what a caller gives as ``user=``, and whatever text it replies. Goes out: one interface that gives
equal replies to equal conversations, and text that is safe to append. Left out: the scripted user
(``lmgym.tasks.chat.scripted``) and users behind an endpoint (``lmgym.tasks.chat.endpoint_user``).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from lmgym.conversation import Message, plain
from lmgym.errors import InvalidValueError, LmgymError
from lmgym.tasks.chat.goals import Goal

MAX_USER_CHARS = 200
"""A longer message of a simulated user is cut, at a space if there is one."""
MAX_KEPT = 1 << 16
"""Conversations whose reply is remembered."""
DONE = "DONE"
"""What a language model that plays the user says to leave."""
ROLE_PROMPT = f"""You play a person who talks to an assistant. You are not the assistant.
{{goal}}
Write only your next message, in one or two short sentences. Ask for one thing at a time. Do not \
give answers. When you have everything you wanted, or see that you will not get it, write only {DONE}."""
"""What a language model is told that plays the user; ``{{goal}}`` stands for ``Goal.describe()``."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


class UserFailedError(LmgymError, RuntimeError):
    """A simulated user that could not reply; the verdict on the conversation is an error, not "wrong"."""


@runtime_checkable
class ChatUser(Protocol):
    """Plays the user of a conversation."""

    def reply(self, messages: Sequence[Message], goal: Goal) -> str | None:
        """Returns what the user says next, None to leave.

        Args:
            messages: everything said so far; the last message is the assistant's.
            goal: what the user wants.

        Raises:
            UserFailedError: no reply is to be had.
        """
        ...


Reply = Callable[[Sequence[Message], Goal], object]


class KeptUser:
    """A user who is asked once about each conversation, so that equal conversations have equal replies."""

    def __init__(self, reply: Reply, name: str) -> None:
        self.name = name
        self._reply = reply
        self._kept: OrderedDict[tuple[tuple[Message, ...], Goal], str | UserFailedError | None] = (
            OrderedDict()
        )

    def reply(self, messages: tuple[Message, ...], goal: Goal) -> str | None:
        """Returns the cleaned reply, None to leave.

        Raises:
            UserFailedError: the user has failed at this conversation, now or before.
        """
        key = (messages, goal)
        if key not in self._kept:
            self._kept[key] = self._ask(messages, goal)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        kept = self._kept[key]
        if isinstance(kept, UserFailedError):
            raise UserFailedError(str(kept))
        return kept

    def has_failed(self, messages: tuple[Message, ...], goal: Goal) -> bool:
        """Returns whether the user is known to have failed at this conversation; asks nobody."""
        return isinstance(self._kept.get((messages, goal)), UserFailedError)

    def _ask(self, messages: tuple[Message, ...], goal: Goal) -> str | UserFailedError | None:
        try:
            said = self._reply(messages, goal)
        except UserFailedError as error:
            return error
        if said is not None and not isinstance(said, str):
            return UserFailedError(f"a user must reply with text or None, got {type(said).__name__}.")
        return None if said is None else clean(said) or None


def clean(text: str) -> str:
    """Returns a user's message as one line without marks, control characters and lone surrogates.

    It has at most ``MAX_USER_CHARS`` characters.
    """
    line = " ".join(_CONTROL.sub(" ", plain(_SURROGATES.sub("", text[: 8 * MAX_USER_CHARS]))).split())
    if len(line) <= MAX_USER_CHARS:
        return line
    head = line[:MAX_USER_CHARS]
    return head.rpartition(" ")[0] or head


def make_user(user: object) -> KeptUser | None:
    """Returns the user that ``user`` stands for, None for the scripted one.

    Raises:
        InvalidValueError: it is neither "scripted", nor has a method ``reply``, nor can be called.
    """
    if user == "scripted":
        return None
    if isinstance(user, type) or not (isinstance(user, ChatUser) or callable(user)):
        raise InvalidValueError(
            'user must be "scripted", an object with a method reply(messages, goal), or such a function; '
            f"got {user!r}."
        )
    name = getattr(user, "name", None) or getattr(user, "__name__", None) or type(user).__name__
    return KeptUser(user.reply if isinstance(user, ChatUser) else user, str(name))


def is_leaving(text: str) -> bool:
    """Returns whether a language model that plays the user says that it leaves."""
    return text.strip().strip(".!\"'*").upper() == DONE


def turned_round(messages: Sequence[Message], goal: Goal) -> list[Message]:
    """Returns what a language model that plays the user is asked: its role, and the messages turned round.

    The messages of the user's are the model's own, those of the agent are the other side's; the system
    message, which tells the facts, it does not see. The first message is the model's own, which chat
    templates expect from the other side: it is told with the role.
    """
    said = [message for message in messages if message.role != "system"]
    role = ROLE_PROMPT.replace("{goal}", goal.describe())
    opening = said[0].content if said and said[0].role == "user" else ""
    told = [Message("system", f"{role}\nYou began with: {opening}" if opening else role)]
    for message in said[1 if opening else 0 :]:
        told.append(Message("user" if message.role == "assistant" else "assistant", message.content))
    return told
