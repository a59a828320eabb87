"""Chat templates cut into pieces: what stands before, between and behind the messages of a conversation.

Comes in: a Jinja template as it lies beside a tokenizer. Goes out: for each pair of neighbours the text
between them. A template is a program and may do anything; here it is run, in a child process, on
conversations whose contents are words of our own, and what comes out is cut at these words. One that can't
be cut is refused. Left out: tokens (``lmgym.chat_template``).
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from lmgym.conversation import Message, Role
from lmgym.errors import MissingDependencyError, TokenizerError

Neighbour = Literal["", "system", "user", "assistant", "reply", "close"]
"""Who comes before or after: a message, at the beginning nothing (""), at the end the agent's turn to speak
("reply") or nothing more ("close")."""
Pair = tuple[Neighbour, Neighbour]

TODAY = "2024-07-26"
"""The date that templates are told, always the same, since rows must not change by the day."""
WALL_SECONDS = 60.0

_RENDERER = Path(__file__).with_name("render_template.py")
_ROLES: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
_NEEDED = ("u+", "uau+", "uauau+")
_WITH_SYSTEM = ("su+", "suau+", "suauau+")
_MORE = ("u.", "su.", "ua.", "sua.", "uaua.", "suaua.", "uu+", "au+", "sau+", "uaau+", "s+", "ua+", "sua+")
_PADDED = ("uau+", "suau+")
_PAD = ("\n ", " \n")


@dataclass(frozen=True)
class Pieces:
    """A template that has been cut."""

    between: Mapping[Pair, str]
    """The text between two neighbours; a pair that the template does not allow is not among them."""
    strips: Mapping[Role, tuple[bool, bool]]
    """Whether white space is taken off the beginning and the end of what a role says."""
    refusal: str = ""
    """Why there are no system messages, "" where there are."""


@dataclass(frozen=True)
class _Shape:
    """Who speaks in a conversation that a template is tried on."""

    roles: tuple[Role, ...]
    agent_next: bool

    @classmethod
    def read(cls, letters: str) -> _Shape:
        return cls(tuple(_ROLES[letter] for letter in letters[:-1]), letters.endswith("+"))

    @property
    def pairs(self) -> list[Pair]:
        names: list[Neighbour] = ["", *self.roles, "reply" if self.agent_next else "close"]
        return list(itertools.pairwise(names))

    @property
    def words(self) -> list[str]:
        return [f"Qx{number}jZw{number}vK" for number in range(len(self.roles))]

    def messages(self, pad: tuple[str, str] = ("", "")) -> list[Message]:
        contents = [pad[0] + word + pad[1] for word in self.words]
        return [Message(role, content) for role, content in zip(self.roles, contents, strict=True)]


def cut_template(template: str, variables: Mapping[str, str]) -> Pieces:
    """Returns the pieces of a Jinja chat template.

    Args:
        template: its source; anybody's.
        variables: what it may name besides the messages, "bos_token" for instance.

    Raises:
        TokenizerError: it raises, takes too long, or does not put contents between pieces that depend on
            nothing but their neighbours, as where it rewrites earlier messages.
        MissingDependencyError: jinja2 is not installed.
    """
    shapes = {letters: _Shape.read(letters) for letters in (*_NEEDED, *_WITH_SYSTEM, *_MORE)}
    tried = [(shape.messages(), shape.agent_next) for shape in shapes.values()]
    tried += [(shapes[letters].messages(_PAD), True) for letters in _PADDED]
    answers = render(template, variables, tried)
    said = {
        letters: (shape, answer) for (letters, shape), answer in zip(shapes.items(), answers, strict=False)
    }
    between = _merge({}, [said[letters] for letters in _NEEDED])
    _check_turns(between)
    refusal = ""
    try:
        between = _merge(between, [said[letters] for letters in _WITH_SYSTEM])
    except TokenizerError as error:
        refusal = str(error)
    for letters in _MORE:
        if not (refusal and "s" in letters):
            with contextlib.suppress(TokenizerError):  # what only few conversations need may be missing
                between = _merge(between, [said[letters]])
    strips: dict[Role, tuple[bool, bool]] = {}
    for letters, answer in zip(_PADDED, answers[len(shapes) :], strict=True):
        if not (refusal and "s" in letters):
            strips |= _find_strips(between, shapes[letters], answer)
    return Pieces(between, strips, refusal)


def _merge(
    known: Mapping[Pair, str], renderings: Sequence[tuple[_Shape, Mapping[str, str]]]
) -> dict[Pair, str]:
    """Returns ``known`` and the pieces of ``renderings``; raises TokenizerError where they contradict."""
    found = dict(known)
    for shape, said in renderings:
        for pair, piece in zip(shape.pairs, _cut(shape, said), strict=True):
            if found.setdefault(pair, piece) != piece:
                raise TokenizerError(
                    f"the chat template puts {found[pair]!r} or {piece!r} between "
                    f"{pair[0] or 'the beginning'} and {pair[1]}, depending on the rest of the conversation; "
                    "it can't be used turn by turn. Give a tokenizer with a simpler template."
                )
    return found


def _cut(shape: _Shape, said: Mapping[str, str]) -> list[str]:
    if "error" in said:
        raise TokenizerError(
            f"the chat template refuses a conversation of {', '.join(shape.roles)}: {said['error']}"
        )
    pieces, rest = [], said["text"]
    for word in shape.words:
        piece, found, rest = rest.partition(word)
        if not found or word in rest:
            raise TokenizerError(
                f"the chat template leaves out, repeats or moves messages in a conversation of "
                f"{', '.join(shape.roles)}; it can't be used turn by turn. Give a tokenizer with a simpler "
                "template."
            )
        pieces.append(piece)
    return [*pieces, rest]


def _check_turns(between: Mapping[Pair, str]) -> None:
    """Raises TokenizerError unless the agent's turn begins as its messages do, white space aside."""
    asked, written = between["user", "reply"], between["user", "assistant"]
    if not written.startswith(asked) or written[len(asked) :].strip():
        raise TokenizerError(
            f"the chat template asks for a reply with {asked!r} but begins earlier replies with {written!r}; "
            "it can't be used turn by turn. Give a tokenizer with a simpler template."
        )


def _find_strips(
    between: Mapping[Pair, str], shape: _Shape, said: Mapping[str, str]
) -> dict[Role, tuple[bool, bool]]:
    pieces = _cut(shape, said)
    clean = [between[pair] for pair in shape.pairs]
    strips: dict[Role, tuple[bool, bool]] = {}
    for place, role in enumerate(shape.roles):
        left = not pieces[place].endswith(clean[place] + _PAD[0])
        right = not pieces[place + 1].startswith(_PAD[1] + clean[place + 1])
        strips[role] = (left, right)
    return strips


def render(
    template: str, variables: Mapping[str, str], conversations: Sequence[tuple[Sequence[Message], bool]]
) -> list[dict[str, str]]:
    """Returns {"text": ...} or {"error": ...} for each conversation, rendered in a child process.

    Args:
        template: Jinja source; anybody's.
        variables: what it may name besides the messages.
        conversations: messages, and whether the template is to ask for a reply.

    Raises:
        TokenizerError: the process used too much time or memory.
        MissingDependencyError: jinja2 is not installed.
    """
    asked = [
        {"messages": [message._asdict() for message in messages], "add_generation_prompt": agent_next}
        for messages, agent_next in conversations
    ]
    request = {"template": template, "variables": dict(variables), "conversations": asked, "today": TODAY}
    answers: list[dict[str, str]] = json.loads(_run(json.dumps(request)))
    return answers


@lru_cache(maxsize=16)
def _run(request: str) -> str:
    if importlib.util.find_spec("jinja2") is None:
        raise MissingDependencyError(
            'the tokenizer\'s chat template is written in Jinja: pip install "lmgym[chat]".'
        )
    command: list[Any] = [sys.executable, "-P", _RENDERER]
    try:
        done = subprocess.run(command, input=request.encode(), capture_output=True, timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise TokenizerError(f"the chat template took more than {WALL_SECONDS:g} seconds.") from None
    if done.returncode:
        raise TokenizerError(
            "the chat template used more time or memory than it is given, or crashed "
            f"(exit code {done.returncode})."
        )
    return done.stdout.decode()
