"""Numbers as answers: reading them, comparing them by exact value, and how near a wrong one is.

Comes in: any text at all. Goes out: integers and fractions, never floats; nothing is evaluated.

What counts as a number, after whitespace around it (space, tab, newline, carriage return) is dropped:
an optional sign (``-``, U+2212 or ``+``), then

- an integer without leading zeros: ``0``, ``46``
- a decimal with digits on both sides of the point: ``2.5``, ``46.00``
- a fraction in lowest terms, denominator above 1: ``5/2``

of at most ``MAX_NUMBER_CHARS`` characters. ``5/2`` and ``2.5`` are the same value. ``10/4`` is a division
still to be done ("unsolved"). All else is "unparsed": ``12+34``, ``1e5``, ``1_000``, ``1,000``, ``.5``,
``5.``, ``007``, ``2 1/2``, digits that are not ASCII, superscripts, percent signs, words.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from math import gcd
from operator import eq
from typing import NamedTuple

Number = int | Fraction
"""An exact value; a Fraction is never integral, so that equal values have equal types."""

MAX_NUMBER_CHARS = 300
WHITESPACE = " \t\r\n"

_MINUS = "-\u2212"
_NUMBER = re.compile(r"([+\-\u2212]?)(0|[1-9][0-9]*)(?:\.([0-9]+)|/([1-9][0-9]*))?")


class ParsedNumber(NamedTuple):
    """What ``parse_number`` found."""

    value: Number | None
    """None if the text is no solved number."""
    reason: str = ""
    """"" if there is a value, else "unparsed" or "unsolved"."""


_UNPARSED = ParsedNumber(None, "unparsed")
_UNSOLVED = ParsedNumber(None, "unsolved")


def simplify(value: Number) -> Number:
    """Returns ``value`` as an int if it is integral."""
    return int(value) if value.denominator == 1 else value


def parse_number(text: str) -> ParsedNumber:
    """Returns the exact value of ``text`` by the grammar above; takes any text, in linear time."""
    if text.isascii() and text.isdigit() and len(text) < 16 and text[0] != "0":  # nearly all answers
        return ParsedNumber(int(text))
    text = text.strip(WHITESPACE)
    if len(text) > MAX_NUMBER_CHARS:  # checked before int(), whose time is quadratic
        return _UNPARSED
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _UNPARSED
    sign, digits, decimals, denominator = match.groups()
    value: Number = int(digits)
    if decimals is not None:
        value = simplify(Fraction(int(digits + decimals), 10 ** len(decimals)))
    elif denominator is not None:
        bottom = int(denominator)
        if bottom == 1 or gcd(int(digits), bottom) != 1:
            return _UNSOLVED
        value = Fraction(int(digits), bottom)
    return ParsedNumber(-value if sign and sign in _MINUS else value)


def number_text(value: Number, *, max_decimals: int = 0) -> str:
    """Returns the canonical text: an integer, else an exact decimal of at most ``max_decimals``, else p/q."""
    if value.denominator == 1:
        return str(int(value))
    places = _num_decimals(value.denominator)
    if places is None or places > max_decimals:
        return f"{value.numerator}/{value.denominator}"
    return _decimal_text(value, places)


@lru_cache(maxsize=1 << 14)
def digit_credit(given: Number, truth: Number) -> float:
    """Returns how near a wrong ``given`` is to ``truth``, in [0, 1).

    For two integers the share of decimal digits that agree when both are written flush right, halved if
    the sign is wrong; otherwise ``1 - |given - truth| / max(|given|, |truth|)``, 0 where that is negative.
    """
    if isinstance(given, int) and isinstance(truth, int):
        left, right = str(_absolute(given)), str(_absolute(truth))
        agreeing: int = sum(map(eq, left[::-1], right[::-1]))  # map stops at the end of the shorter
        share = agreeing / max(len(left), len(right))
        return share if (given < 0) == (truth < 0) else share / 2
    scale = max(Fraction(_absolute(given)), Fraction(_absolute(truth)))
    distance = Fraction(_absolute(given - truth)) / scale
    return float(min(max(Fraction(0), 1 - distance), Fraction(99, 100)))


def can_complete(partial: str, truth: Number) -> bool:
    """Returns whether some text that begins with ``partial`` is read by ``parse_number`` as ``truth``.

    The empty rest counts: a right answer can be completed. Exact: no text is searched, the accepted
    writings of a value are its shortest decimal followed by zeros and its fraction in lowest terms.
    """
    text = partial.lstrip(WHITESPACE)
    signs = _MINUS + "+" if truth == 0 else _MINUS if truth < 0 else "+"
    sign, body = ("", text) if not text or text[0] not in _MINUS + "+" else (text[0], text[1:])
    if (sign and sign not in signs) or (not sign and truth < 0 and body):
        return False
    room = MAX_NUMBER_CHARS - (1 if sign or truth < 0 else 0)
    size = _absolute(truth)
    core = body.rstrip(WHITESPACE)
    is_closed = core != body  # whitespace after it: nothing but whitespace may follow
    return _can_be_decimal(core, is_closed, size, room) or _can_be_fraction(core, is_closed, size, room)


def _absolute(value: Number) -> Number:
    return -value if value < 0 else value


def _can_be_fraction(core: str, is_closed: bool, size: Number, room: int) -> bool:
    if size.denominator == 1:
        return False
    text = f"{size.numerator}/{size.denominator}"
    return len(text) <= room and (core == text or (not is_closed and text.startswith(core)))


def _can_be_decimal(core: str, is_closed: bool, size: Number, room: int) -> bool:
    places = _num_decimals(size.denominator)
    if places is None or places > room:
        return False
    shortest = _decimal_text(size, places)
    if len(shortest) > room:
        return False
    if not core.startswith(shortest):
        return not is_closed and shortest.startswith(core)
    zeros = core[len(shortest) :]
    if places == 0 and zeros:
        if zeros[0] != ".":
            return False
        if zeros == ".":
            return not is_closed and len(core) < room
        zeros = zeros[1:]
    return len(core) <= room and not zeros.strip("0")


def _num_decimals(denominator: int) -> int | None:
    """Returns the number of decimals of 1/denominator, None if they never end."""
    counts = []
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0:
            denominator //= prime
            count += 1
        counts.append(count)
    return max(counts) if denominator == 1 else None


def _decimal_text(value: Number, places: int) -> str:
    if places == 0:
        return str(int(value))
    digits = str(int(_absolute(value) * 10**places)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
