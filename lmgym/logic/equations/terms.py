"""Terms as mathematicians write them: ``(a+b)*c``, ``x'*x``, ``~(a&b)``, ``s(0)+a``.

Comes in: text and the signs of a theory. Goes out: terms of the kernel, or ``TermError``; and texts of
terms, with as few brackets as possible. Operators of two sides associate to the left: ``a*b*c`` is
``(a*b)*c``. A sign before or behind a term binds closer than any between terms. Left out: equations, laws,
formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from lmgym.errors import LmgymError
from lmgym.logic.kernel import KernelError, Term, function, variable

MAX_CHARS = 400
"""Longer texts are not read."""
MAX_NESTING = 30
"""Brackets and signs inside one another that are read."""

_HIGHEST = 9


class TermError(LmgymError, ValueError):
    """A text that is no term; the message says where."""


@dataclass(frozen=True)
class Signs:
    """What the terms of a theory are made of; every sign is one character."""

    infix: Mapping[str, int]
    """Binding strength of each sign between terms, from 1; the larger, the closer."""
    constants: str = ""
    prefix: str = ""
    """A sign before a term; one that is also ``joins`` joins it to the term before: ``a-b``."""
    postfix: str = ""
    calls: str = ""
    """Functions of one argument that are written ``s(a)``."""
    joins: str = ""
    """The sign between terms that is not written before ``prefix``: "+" where ``a-b`` is a+(-b)."""
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        parts = (tuple(self.infix.items()), self.constants, self.prefix, self.postfix, self.calls, self.joins)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash

    @property
    def characters(self) -> str:
        """Every sign, constants and functions included."""
        return "".join((*self.infix, self.constants, self.prefix, self.postfix, self.calls))


def read_term(text: str, signs: Signs, letters: str) -> Term:
    """Returns the term that ``text`` writes; spaces count for nothing.

    Raises:
        TermError: it is none, holds other letters than ``letters``, or exceeds a budget.
    """
    if len(text) > MAX_CHARS:
        raise TermError(f"a term of more than {MAX_CHARS} characters")
    reader = _Reader("".join(text.split()), signs, letters)
    try:
        found = reader.read(1, 0)
    except KernelError as error:
        raise TermError(str(error)) from None
    if reader.at < len(reader.text):
        reader.fail()
    return found


class _Reader:
    """Reads by precedence climbing."""

    def __init__(self, text: str, signs: Signs, letters: str) -> None:
        self.text = text
        self.signs = signs
        self.letters = letters
        self.at = 0

    def fail(self) -> NoReturn:
        found = self.text[self.at : self.at + 1]
        raise TermError(f"{found!r} can't stand there" if found else "the term breaks off")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> None:
        if self.peek() != char:
            self.fail()
        self.at += 1

    def read(self, strength: int, nesting: int) -> Term:
        """Returns the longest term from here whose signs between terms bind at least so."""
        if nesting > MAX_NESTING:
            raise TermError(f"more than {MAX_NESTING} levels of brackets")
        left = self.read_tight(nesting)
        while sign := self.peek():
            is_joined = sign == self.signs.prefix and bool(self.signs.joins)
            name = self.signs.joins if is_joined else sign
            bound = self.signs.infix.get(name, 0)
            if bound < strength:
                break
            self.at += 1
            right = self.read(bound + 1, nesting + 1)
            left = function(name, left, function(sign, right) if is_joined else right)
        return left

    def read_tight(self, nesting: int) -> Term:
        """Returns a term with the signs before and behind it."""
        if nesting > MAX_NESTING:
            raise TermError(f"more than {MAX_NESTING} signs in a row")
        if self.signs.prefix and self.peek() == self.signs.prefix:
            self.at += 1
            return function(self.signs.prefix, self.read_tight(nesting + 1))
        found = self.read_atom(nesting)
        while self.signs.postfix and self.peek() == self.signs.postfix:
            self.at += 1
            found = function(self.signs.postfix, found)
        return found

    def read_atom(self, nesting: int) -> Term:
        char = self.peek()
        if char and char in self.letters:
            self.at += 1
            return variable(char)
        if char and char in self.signs.constants:
            self.at += 1
            return function(char)
        is_call = bool(char) and char in self.signs.calls
        self.at += is_call
        self.take("(")
        found = self.read(1, nesting + 1)
        self.take(")")
        return function(char, found) if is_call else found


@lru_cache(maxsize=1 << 14)
def write_term(term: Term, signs: Signs) -> str:
    """Returns the canonical text of ``term``, without spaces."""
    return _write(term, signs, 0)


def _write(term: Term, signs: Signs, strength: int) -> str:
    """Returns ``term`` in brackets if it binds looser than ``strength``."""
    if not term.parts:
        return term.name
    if len(term.parts) == 1:
        (part,) = term.parts
        if term.name in signs.calls:
            return f"{term.name}({_write(part, signs, 0)})"
        if term.name == signs.postfix:
            return _write(part, signs, _HIGHEST) + term.name
        text = term.name + _write(part, signs, _HIGHEST - 1)
        return f"({text})" if strength >= _HIGHEST else text
    left, right = term.parts
    bound = signs.infix[term.name]
    is_joined = term.name == signs.joins and right.name == signs.prefix
    sign, right = (signs.prefix, right.parts[0]) if is_joined else (term.name, right)
    text = _write(left, signs, bound) + sign + _write(right, signs, bound + 1)
    return f"({text})" if bound < strength else text
