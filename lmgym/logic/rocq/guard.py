"""Which texts may reach the prover as tactics: a small grammar, everything else is refused.

Comes in: any text. Goes out: the sentences of one step, or a refusal with its reason. A text that passes is
made of ASCII characters, has no comment, closes its strings and brackets, and ends where the prover's own
lexer ends it: bullets and braces, then one sentence with one dot, its last character. So it can't break out
of a file that is assembled from such texts. The sentence begins with a known tactic, so that it is no
command, and no word in it belongs to those that close goals without proof or reach beyond the proof.

Left out: whether the tactic succeeds.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lmgym.logic.rocq.goals import Refusal
from lmgym.logic.rocq.tactics import FORBIDDEN, TACTICS

MAX_CHARS: Final = 1_000
MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 20
MAX_BULLETS: Final = 16

_BULLETS = re.compile(r"[\s]*(\}|\{|-+|\++|\*+)(?=[\s{}\w(\[!]|[-+*]|$)")
_RANGE = r"\d{1,4}(?:\s*-\s*\d{1,4})?"
_SELECTOR = re.compile(rf"\s*(?:all|!|{_RANGE}(?:\s*,\s*{_RANGE})*)\s*:(?![:=])")
_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+)
    |(?P<string>"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_][\w']*(?:\.[A-Za-z_][\w']*)*)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<comment>\(\*)
    |(?P<cast><<?:)
    |(?P<sign>[-+*/\\<>=~&|^!?@%,;:'()\[\]{}])
    """,
    re.VERBOSE | re.ASCII,
)
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}


class Step(NamedTuple):
    """One step that may be said to the prover."""

    sentences: tuple[str, ...]
    """bullets and braces, then at most one tactic sentence; each as the prover reads it"""


class _Refused(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(reason, message)


def read_step(text: str) -> Step | Refusal:
    """Returns the sentences of one step, or why the text is none. Takes any text.

    The reasons: "long", "characters", "empty", "comment", "unparsed" (no sentence, or more than one),
    "command" (it does not begin with a tactic), "forbidden" (a word in it is).
    """
    if len(text) > MAX_CHARS:
        return Refusal("long", f"a tactic may have {MAX_CHARS} characters")
    text = text.strip(" \t\r\n")
    if not text:
        return Refusal("empty", "nothing was said")
    if not all(" " <= char <= "~" or char == "\t" for char in text):
        return Refusal("characters", "only ASCII characters on one line may be used")
    try:
        bullets, rest = _cut_bullets(text)
        if rest:
            _check_sentence(rest)
    except _Refused as refused:
        return refused.refusal
    return Step((*bullets, rest) if rest else tuple(bullets))


def read_script(text: str) -> list[tuple[int, str]]:
    """Returns the steps of a text of several lines with the line of each, from 0; blank lines are none.

    A line may hold several sentences, a sentence may not go over several lines.
    """
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n")):
        for part in _cut_sentences(line):
            found.append((number, part))
    return found


def _cut_sentences(line: str) -> list[str]:
    """Returns the pieces of a line that end in a dot before a blank; a guess that ``read_step`` checks."""
    pieces, start, in_string = [], 0, False
    for place, char in enumerate(line):
        if char == '"':
            in_string = not in_string
        elif char == "." and not in_string and line[place + 1 : place + 2] in ("", " ", "\t", "\r"):
            pieces.append(line[start : place + 1])
            start = place + 1
    pieces.append(line[start:])
    return [piece for piece in pieces if piece.strip()]


def _cut_bullets(text: str) -> tuple[list[str], str]:
    bullets: list[str] = []
    while (found := _BULLETS.match(text)) is not None:
        bullets.append(found[1])
        text = text[found.end() :].lstrip(" \t")
        if len(bullets) > MAX_BULLETS:
            raise _Refused("long", f"a step may begin with {MAX_BULLETS} bullets and braces")
    return bullets, text


def _check_sentence(text: str) -> None:
    if not text.endswith("."):
        raise _Refused("unparsed", "a tactic ends with a dot")
    tokens = _tokens(text[:-1])
    selector = _SELECTOR.match(text)
    first = _first_word(text[selector.end() :] if selector else text)
    if first not in TACTICS:
        raise _Refused("command", f"{first!r} is no tactic that may be used here" if first else "no tactic")
    for kind, token in tokens:
        if kind == "word":
            bad = next((part for part in token.split(".") if part in FORBIDDEN), None)
            if bad is not None or token.endswith(("_no_check", "_no_check'")):
                raise _Refused("forbidden", f"{bad or token!r} may not be used")


def _tokens(text: str) -> list[tuple[str, str]]:
    """Returns the tokens of a sentence without its last dot; raises _Refused where there is none."""
    found: list[tuple[str, str]] = []
    brackets: list[str] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _Refused("unparsed", f"not understood: {text[place : place + 10]!r}")
        kind, token = match.lastgroup or "", match[0]
        place = match.end()
        if kind == "comment":
            raise _Refused("comment", "comments may not be used")
        if kind == "cast":
            raise _Refused("forbidden", f"the cast {token!r} may not be used")
        if kind == "number" and len(token) > MAX_DIGITS:
            raise _Refused("long", f"a number may have {MAX_DIGITS} digits")
        if kind == "sign":
            _count_bracket(token, brackets)
        if kind != "blank":
            found.append((kind, token))
    if brackets:
        raise _Refused("unparsed", f"an open {brackets[-1]!r}")
    return found


def _count_bracket(token: str, brackets: list[str]) -> None:
    if token in "([{":
        brackets.append(token)
        if len(brackets) > MAX_DEPTH:
            raise _Refused("long", f"brackets may be {MAX_DEPTH} deep")
    elif token in _BRACKETS and (not brackets or brackets.pop() != _BRACKETS[token]):
        raise _Refused("unparsed", f"a {token!r} too many")


def _first_word(text: str) -> str:
    text = text.lstrip(" \t(")
    word = re.match(r"[A-Za-z_][\w']*(?:\.[A-Za-z_][\w']*)*|.", text, re.ASCII)
    return word[0] if word else ""
