r"""The format of Anthropic's HH-RLHF: two whole dialogues that differ in the last answer only.

A row is ``{"chosen": D, "rejected": D}``, where a dialogue D is "\n\nHuman: " and "\n\nAssistant: " before
what each side says. Comes in: rows. Goes out: records whose prompt is a conversation
(``lmgym.conversation``), and rows again, equal to those that were read. Left out: ties, system messages,
answers of several turns.

Source: github.com/anthropics/hh-rlhf, README.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from lmgym.conversation import Message, Role, has_marks, read_conversation, write_conversation
from lmgym.preferences.record import Preference
from lmgym.preferences.sources import OddRow, Source, check_fields, check_text, strict_pairs

_ROLES: Final[dict[str, Role]] = {"\n\nHuman:": "user", "\n\nAssistant:": "assistant"}
_LABELS: Final = {role: label for label, role in _ROLES.items()}
_LABEL: Final = re.compile(r"(\n\nHuman:|\n\nAssistant:)")


def read_hh_row(row: Any, source: Source) -> Iterator[Preference]:
    """Yields the record of one row.

    Raises:
        OddRow: the texts are no dialogues, don't end with an answer, or differ before it.
    """
    values = check_fields(row, "chosen", "rejected")
    chosen = _read_dialogue(check_text(values["chosen"], "chosen"))
    rejected = _read_dialogue(check_text(values["rejected"], "rejected"))
    if chosen[-1].role != "assistant" or rejected[-1].role != "assistant":
        raise OddRow("a dialogue without an answer at its end")
    if chosen[:-1] != rejected[:-1]:
        raise OddRow("dialogues that differ before the last answer")
    prompt = write_conversation(chosen[:-1])
    yield source.make_pair(prompt, chosen[-1].content, rejected[-1].content)


def make_hh_rows(preference: Preference, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yields a row for each pair that isn't a tie; counts what the format can't hold."""
    messages = read_prompt(preference.prompt)
    if messages is None:
        left_out["conversation that is no list of messages"] += 1
        return
    if any(message.role == "system" for message in messages):
        left_out["system message"] += 1
        return
    for pair in strict_pairs(preference, left_out):
        if has_marks(pair.chosen) or has_marks(pair.rejected):
            left_out["answer of several turns"] += 1
            continue
        dialogues = [[*messages, Message("assistant", text)] for text in pair]
        texts = [_write_dialogue(dialogue) for dialogue in dialogues]
        if [_try_reading(text) for text in texts] != dialogues:
            left_out["text that looks like a turn"] += 1
            continue
        yield {"chosen": texts[0], "rejected": texts[1]}


def read_prompt(prompt: str) -> list[Message] | None:
    """Returns the messages of a prompt, None where they don't say all; a plain text is the user's message."""
    if not has_marks(prompt):
        return [Message("user", prompt)]
    messages = read_conversation(prompt)
    return messages if write_conversation(messages) == prompt else None


def _read_dialogue(text: str) -> list[Message]:
    before, *pieces = _LABEL.split(text)
    contents = pieces[1::2]
    if before or not contents or not all(content.startswith(" ") for content in contents):
        raise OddRow("no dialogue")
    if has_marks(text):
        raise OddRow("marks of a conversation in a dialogue")
    roles = [_ROLES[label] for label in pieces[0::2]]
    return [Message(role, content[1:]) for role, content in zip(roles, contents, strict=True)]


def _write_dialogue(messages: Sequence[Message]) -> str:
    return "".join(f"{_LABELS[message.role]} {message.content}" for message in messages)


def _try_reading(text: str) -> list[Message] | None:
    try:
        return _read_dialogue(text)
    except OddRow:
        return None
