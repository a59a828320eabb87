"""Reading an answer to a Countdown problem: exactly, in linear time, whatever the text.

The grammar, in which spaces and tabs may stand between all signs and numbers::

    answer = sum [ "=" target ]        sum     = product { ("+" | "-") product }
    product = piece { ("*" | "/") piece }      piece = number | "(" sum ")"

``×`` and ``·`` are read as ``*``, ``÷`` as ``/``, U+2212 as ``-``. A number is a run of ASCII digits, to be
written as the problem writes it. There is no sign before a piece, no power, no factorial, no root, and two
numbers never stand side by side. Operations of one rank are done from left to right.

Nothing is computed before every number is known to be one of the problem's, so no value is ever large.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from lmgym.tasks.countdown.solver import Numbers

Number = int | Fraction
"""A value; a Fraction is never integral."""

WHITESPACE = " \t\r\n"
MAX_ANSWER_CHARS = 400
"""Longer answers are not read."""

_TOKEN = re.compile(r"[ \t]*(?:([0-9]+)|([-+*/()]))")
_ALIASES = str.maketrans({"×": "*", "·": "*", "÷": "/", "\u2212": "-"})


class Refused(Exception):
    """An answer that is wrong whatever may follow. Never leaves the task."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Frame:
    """An open sum: ``base + sign * product`` so far, an operation waiting for its right side."""

    base: Number = 0
    sign: int = 1
    product: Number | None = None
    """None: the next piece begins a product."""
    waiting: str = ""
    """``*`` or ``/`` if the next piece goes into the product, else empty."""

    @property
    def value(self) -> Number:
        """The sum if it ended here, after a piece."""
        assert self.product is not None, self
        return self.base + self.sign * self.product


class Reading(NamedTuple):
    """A beginning of an answer, read as far as it goes."""

    frames: tuple[Frame, ...]
    """The open sums, outermost first."""
    unused: Numbers
    """The numbers that have not been used, ascending."""
    needs_piece: bool
    """Whether a piece must come next, not an operation, a closing parenthesis or the end."""


def split_claim(text: str) -> tuple[str, str | None]:
    """Returns the expression and what stands after the first "=", None if there is none."""
    before, equals, after = text.partition("=")
    return before, after if equals else None


def tokenize(text: str) -> list[str]:
    """Returns numbers and signs of an expression.

    Raises:
        Refused: "overlong" beyond ``MAX_ANSWER_CHARS``, "unparsed" where a character is not of the grammar.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise Refused("overlong")
    text = text.translate(_ALIASES).rstrip(" \t")
    tokens, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Refused("unparsed")
        tokens.append(match[1] or match[2])
        place = match.end()
    return tokens


def check_grammar(tokens: Iterable[str]) -> tuple[int, bool]:
    """Returns how many parentheses are open at the end, and whether a piece must come next.

    Raises:
        Refused: "unparsed"; no expression begins like this.
    """
    depth, needs_piece = 0, True
    for token in tokens:
        if (token.isdigit() or token == "(") != needs_piece or (token == ")" and depth == 0):
            raise Refused("unparsed")
        depth += (token == "(") - (token == ")")
        needs_piece = not (token.isdigit() or token == ")")
    return depth, needs_piece


def check_numbers(tokens: Iterable[str], numbers: Numbers) -> Numbers:
    """Returns the numbers that the expression does not use.

    Raises:
        Refused: "numbers"; one is not the problem's, is written otherwise, or is used too often.
    """
    left = Counter(map(str, numbers))
    for token in tokens:
        if token.isdigit():
            if not left[token]:
                raise Refused("numbers")
            left[token] -= 1
    return tuple(sorted(int(text) for text in left.elements()))


def fold(tokens: Iterable[str], fractions: bool) -> tuple[Frame, ...]:
    """Returns the open sums after ``tokens``, whose grammar and numbers have been checked.

    Raises:
        Refused: "division" by zero; "fraction" where only integers may stand on the way.
    """
    frames = [Frame()]
    for token in tokens:
        top = frames[-1]
        if token == "(":
            frames.append(Frame())
        elif token in ("+", "-"):
            frames[-1] = Frame(top.value, 1 if token == "+" else -1)
        elif token in ("*", "/"):
            frames[-1] = Frame(top.base, top.sign, top.product, token)
        else:
            value: Number = frames.pop().value if token == ")" else int(token)
            frames[-1] = put_piece(frames[-1], value, fractions)
    return tuple(frames)


def put_piece(frame: Frame, value: Number, fractions: bool) -> Frame:
    """Returns ``frame`` with the piece that it waits for.

    Raises:
        Refused: "division" by zero; "fraction" where only integers may stand on the way.
    """
    if frame.product is None:
        return Frame(frame.base, frame.sign, value)
    if frame.waiting == "*":
        return Frame(frame.base, frame.sign, _simplify(frame.product * value))
    if not value:
        raise Refused("division")
    product = _simplify(Fraction(frame.product) / value)
    if product.denominator != 1 and not fractions:
        raise Refused("fraction")
    return Frame(frame.base, frame.sign, product)


def _simplify(value: Number) -> Number:
    return int(value) if value.denominator == 1 else value


def read_prefix(text: str, numbers: Numbers, fractions: bool) -> Reading:
    """Returns how far ``text``, a beginning without "=", has come; its last number counts as finished.

    Raises:
        Refused: no right answer begins like this; the reason is that of the first rule of these: "overlong",
            "unparsed", "numbers", "division", "fraction".
    """
    tokens = tokenize(text)
    _, needs_piece = check_grammar(tokens)
    unused = check_numbers(tokens, numbers)
    return Reading(fold(tokens, fractions), unused, needs_piece)


def read_answer(text: str, numbers: Numbers, target: int, use_all: bool, fractions: bool) -> Number:
    """Returns the value of an answer that keeps all rules; whether it is ``target`` is left to the caller.

    Raises:
        Refused: a rule is broken; "unused": a number is left where all are to be used; "claim": what stands
            after "=" is not ``target``; the others as in ``read_prefix``.
    """
    expression, claim = split_claim(text)
    reading = read_prefix(expression, numbers, fractions)
    if reading.needs_piece or len(reading.frames) > 1:
        raise Refused("unparsed")
    if use_all and reading.unused:
        raise Refused("unused")
    if claim is not None and claim.strip(" \t") != str(target):
        raise Refused("claim")
    return reading.frames[0].value
