"""Prompts of other sources: files of prompts or of conversations, and preference data in HH-RLHF's format.

Comes in: rows. Goes out: conversations that end with the user's message, a reference answer where there is
one, and how many rows were left out for which reason. Left out: splits and gold: there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lmgym.conversation import Message, Role, plain, write_conversation
from lmgym.errors import EmptyProblemSetError
from lmgym.tasks.dataset.rows import Row, read_rows

_TURN = re.compile(r"\n\n(Human|Assistant):")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ROLES: Mapping[str, Role] = {
    "Human": "user", "human": "user", "user": "user", "Assistant": "assistant", "assistant": "assistant",
    "gpt": "assistant", "system": "system",
}  # fmt: skip


class Item(NamedTuple):
    """A row as a task needs it."""

    messages: tuple[Message, ...]
    """What was said; the last message is the user's."""
    reference: str | None
    """An answer that somebody gave or preferred, None if the row has none."""

    @property
    def key(self) -> str:
        """The first message of the user's in small letters, white space collapsed: it decides the split."""
        first = next(message.content for message in self.messages if message.role == "user")
        return " ".join(first.casefold().split())


class _LeftOut(Exception):  # not an error: the row is counted
    """A row that can't be used; the message is the reason, one word."""


def read_items(source: object, max_chars: int | None) -> tuple[list[Item], dict[str, int]]:
    """Returns the usable rows of ``source``, and the number of the others by reason.

    Reasons: "form" (no column that is known, or not text), "empty" (a blank message), "order" (not user and
    assistant in turns), "unanswered" (preference data that does not end with an answer), "long" (more than
    ``max_chars``), "repeated" (a prompt that was there before).

    Args:
        source: whatever ``lmgym.tasks.dataset.rows.read_rows`` takes: a path, or mappings.
        max_chars: longest prompt, marks included; None: any.

    Raises:
        InvalidValueError: a file that can't be read.
        EmptyProblemSetError: no row is usable.
    """
    items: dict[str, Item] = {}
    left_out: Counter[str] = Counter()
    for row in read_rows(source):
        try:
            item = _read(row)
            prompt = write_conversation(item.messages)
            if max_chars is not None and len(prompt) > max_chars:
                raise _LeftOut("long")
            if prompt in items:
                raise _LeftOut("repeated")
        except _LeftOut as reason:
            left_out[str(reason)] += 1
        else:
            items[prompt] = item
    if not items:
        raise EmptyProblemSetError(
            f"no row of the source can be used (left out: {dict(left_out) or 'none, it is empty'}). A row is "
            '{"prompt": ...} or {"messages": [...]}, with "reference" or without, or {"chosen": ...}.'
        )
    return list(items.values()), dict(left_out)


def _read(row: Row) -> Item:
    reference = row.get("reference")
    if "chosen" in row:
        messages = _chosen(row)
        if messages[-1].role != "assistant":
            raise _LeftOut("unanswered")
    elif "messages" in row:
        messages = _to_messages(row["messages"])
    else:
        messages = _prompt(row.get("prompt"))
    if messages[-1].role == "assistant":
        reference = messages.pop().content
    _check(messages)
    if reference is not None:
        reference = _text(reference)
        if not reference:
            raise _LeftOut("empty")
    return Item(tuple(messages), reference)


def _chosen(row: Row) -> list[Message]:
    chosen = row["chosen"]
    if isinstance(chosen, str) and "prompt" not in row:
        return _cut(chosen)
    before = _prompt(row["prompt"]) if "prompt" in row else []
    after = [Message("assistant", _text(chosen))] if isinstance(chosen, str) else _to_messages(chosen)
    return before + after


def _prompt(given: Any) -> list[Message]:
    return [Message("user", _text(given))] if isinstance(given, str) else _to_messages(given)


def _cut(text: str) -> list[Message]:
    r"""Returns the messages of a dialogue in HH-RLHF's format, ``\n\nHuman: ...\n\nAssistant: ...``."""
    pieces = _TURN.split(text)
    if len(pieces) < 3 or pieces[0].strip():
        raise _LeftOut("form")
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return [Message(_ROLES[name], _text(content)) for name, content in pairs]


def _to_messages(given: Any) -> list[Message]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise _LeftOut("form")
    messages = []
    for each in given:
        role = each.get("role", each.get("from")) if isinstance(each, Mapping) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise _LeftOut("form")
        messages.append(Message(_ROLES[role], _text(each.get("content", each.get("value")))))
    return messages


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise _LeftOut("form")
    return plain(_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", given)).strip()


def _check(messages: Sequence[Message]) -> None:
    if any(not message.content for message in messages):
        raise _LeftOut("empty")
    said = messages[1:] if messages and messages[0].role == "system" else messages
    if not said or any(m.role != ("assistant" if at % 2 else "user") for at, m in enumerate(said)):
        raise _LeftOut("order")
    if said[-1].role != "user":
        raise _LeftOut("order")
