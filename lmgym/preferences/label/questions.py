"""The questions that people are asked, read from a file of JSON lines.

Comes in: a file whose lines hold a prompt (or messages) and two or more responses; preference records are
such lines too, their verdicts are ignored. Goes out: comparisons of two responses each, every one once.
Left out: in which order they are asked (``lmgym.preferences.label.schedule``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from lmgym.conversation import Message, Role, write_conversation
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.lines import read_lines
from lmgym.preferences.record import MAX_LINE_BYTES, read_json

MAX_RANKED: Final = 8
"""Most responses of one question: all 28 pairs of them are asked."""
MAX_QUESTION_BYTES: Final = MAX_LINE_BYTES // 4
"""Longest line; in ASCII, as records write it, it may have three times as many."""
ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant")
MAX_KEY: Final = 100
"""Longest name of a question."""


def read_questions(path: str | Path) -> list[Comparison]:
    """Returns the questions of a file of JSON lines, each a comparison of two responses.

    A line is ``{"prompt": ..., "responses": [...]}``; ``"messages"`` (a list of ``{"role", "content"}``) may
    stand for the prompt, ``"key"`` names the question, other names are ignored. A question with more than
    two responses becomes all its pairs. A question that stands in the file twice is asked once.

    Raises:
        InvalidValueError: a line that is no question; the message names file and line.
        EmptyProblemSetError: there is none.
    """
    found: list[Comparison] = []
    for line in read_lines(path):
        try:
            if line.data is None or line.num_bytes > MAX_QUESTION_BYTES:
                raise InvalidValueError(f"a question of more than {MAX_QUESTION_BYTES} bytes.")
            found.append(make_question(read_json(line.data)))
        except InvalidValueError as error:
            raise InvalidValueError(f"{path}, line {line.number}: {error}") from None
    return make_pairs(found, source=str(path))


def make_question(values: Any) -> Comparison:
    """Returns the comparison that a JSON object asks for.

    Raises:
        InvalidValueError: neither or both of ``prompt`` and ``messages``, or values of other types.
    """
    is_question = isinstance(values, dict) and "responses" in values
    if not is_question or ("prompt" in values) == ("messages" in values):
        raise InvalidValueError(
            'a question is a JSON object with "responses" and "prompt" or "messages" (see --format).'
        )
    prompt = values["prompt"] if "prompt" in values else _join(values["messages"])
    responses, key = values["responses"], values.get("key", "")
    if not isinstance(prompt, str):
        raise InvalidValueError(f"prompt must be a string, got {type(prompt).__name__}.")
    if not isinstance(responses, list) or not 2 <= len(responses) <= MAX_RANKED:
        raise InvalidValueError(f"responses must be a list of 2 to {MAX_RANKED} strings.")
    if not all(isinstance(text, str) for text in responses):
        raise InvalidValueError("responses must be strings.")
    if not isinstance(key, str) or len(key) > MAX_KEY or not key.isprintable():
        raise InvalidValueError(f"key must be a printable string of at most {MAX_KEY} characters.")
    return Comparison(prompt, tuple(responses), key=key)


def _join(messages: object) -> str:
    if not isinstance(messages, list) or not messages:
        raise InvalidValueError("messages must be a list of one or more.")
    read = []
    for message in messages:
        role, content = (
            (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        )
        if role not in ROLES or not isinstance(content, str):
            raise InvalidValueError(
                'messages must be a list of {"role": "system" | "user" | "assistant", "content": ...}.'
            )
        read.append(Message(role, content))
    return write_conversation(read)


def make_pairs(questions: Iterable[Comparison], *, source: str = "the questions") -> list[Comparison]:
    """Returns the comparisons of two responses that ``questions`` stand for, every one once, in order.

    The pair (i, j) of a question with more responses has the name of the question with ``/i-j`` behind.

    Raises:
        InvalidValueError: two different questions of the same name.
        EmptyProblemSetError: there is none.
    """
    found: dict[str, Comparison] = {}
    for question in questions:
        for pair in _pairs_of(question):
            same = found.setdefault(pair.question_key, pair)
            if same.prompt != pair.prompt or sorted(same.responses) != sorted(pair.responses):
                raise InvalidValueError(f"{source}: two different questions have the key {pair.key!r}.")
    if not found:
        raise EmptyProblemSetError(f"{source}: there is no question.")
    return list(found.values())


def _pairs_of(question: Comparison) -> Iterator[Comparison]:
    if len(question.responses) == 2:
        yield question
        return
    name = question.question_key
    for i, j in itertools.combinations(range(len(question.responses)), 2):
        yield Comparison(
            question.prompt, (question.responses[i], question.responses[j]), key=f"{name}/{i}-{j}"
        )
