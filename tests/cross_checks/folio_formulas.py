"""Reads the formulas that come with FOLIO and writes them in TPTP's language, for a test of its labels.

They are written by hand and loosely: "⊕" is exclusive or, names have any letters and signs, a quantifier
reaches over the next bracket or, without one, as far as it can. A name in term position is a variable where a
quantifier binds it, else a constant.
"""

from __future__ import annotations

import re

TOKEN = re.compile(r"\s*([∀∃¬∧∨→↔⊕(),=≠]|[^\s∀∃¬∧∨→↔⊕(),=≠]+)")
SIGNS = {"∧": "&", "∨": "|", "⊕": "<~>", "→": "=>", "↔": "<=>"}
STRENGTHS = (("↔",), ("→",), ("⊕",), ("∨",), ("∧",))


class Unreadable(Exception):
    """The text is no formula."""


def to_tptp(text: str) -> str:
    """Returns the formula in TPTP.

    Raises:
        Unreadable: the text is no formula.
    """
    reader = _Reader(TOKEN.findall(text.rstrip(" .\t\n")))
    found = reader.binary(0)
    if reader.tokens:
        raise Unreadable(text)
    return found


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]
        self.bound: list[str] = []

    def peek(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def take(self, wanted: str = "") -> str:
        if not self.tokens or (wanted and self.peek() != wanted):
            raise Unreadable(wanted)
        return self.tokens.pop()

    def binary(self, level: int) -> str:
        if level == len(STRENGTHS):
            return self.unary()
        left = self.binary(level + 1)
        if self.peek() not in STRENGTHS[level]:
            return left
        sign = self.take()
        right = self.binary(level if sign != "↔" else level + 1)
        return f"({left} {SIGNS[sign]} {right})"

    def unary(self) -> str:
        token = self.take()
        if token == "¬":
            return f"(~ {self.unary()})"
        if token in "∀∃":
            name = self.take()
            self.bound.append(name)
            inside = self.unary() if self.peek() in "(∀∃¬" and self.peek() else self.binary(0)
            self.bound.pop()
            return f"({'!' if token == '∀' else '?'}[{_variable(name)}]: {inside})"
        if token == "(":
            inside = self.binary(0)
            self.take(")")
            return inside
        return self.atom(token)

    def atom(self, token: str) -> str:
        if self.peek() in ("=", "≠"):
            sign = "=" if self.take() == "=" else "!="
            return f"({self.term(token)} {sign} {self.term(self.take())})"
        written = self.applied("p", token)
        if self.peek() in ("=", "≠"):
            raise Unreadable("a function in an equation")
        return written

    def term(self, token: str) -> str:
        if token in self.bound:
            return _variable(token)
        return self.applied("c", token)

    def applied(self, kind: str, name: str) -> str:
        if not re.search(r"\w", name):
            raise Unreadable(name)
        if self.peek() != "(":
            return _quoted(kind, name)
        self.take("(")
        parts = [self.term(self.take())]
        while self.peek() == ",":
            self.take()
            parts.append(self.term(self.take()))
        self.take(")")
        return f"{_quoted(kind, name)}({','.join(parts)})"


def _variable(name: str) -> str:
    return "X" + "".join(f"{ord(sign):x}" for sign in name)


def _quoted(kind: str, name: str) -> str:
    return (
        kind
        + "_"
        + "".join(sign if sign.isascii() and sign.isalnum() else f"_{ord(sign):x}_" for sign in name)
    )
