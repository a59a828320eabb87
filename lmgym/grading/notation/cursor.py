"""A place in the tokens of an answer, and what all parts of the grammar need there.

Each level of nesting costs seven frames of the interpreter's stack and one of ``Budgets.max_depth``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.notation.lexer import Token
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Head, Node

_NOT_ARITHMETIC = frozenset(
    ("text", "relation", "either", "list", "set", "interval", "union", "intersection", "difference",
     "named_set", "empty_set")
)  # fmt: skip
_OPENING, _CLOSING = frozenset(("(", "[", "set{")), frozenset((")", "]", "}set"))


class Cursor(ABC):
    """The tokens of one answer; ``kind`` and ``value`` are those of the token that comes next.

    The grammar is recursive: every abstract method here is read by one part of it and called by another.
    """

    def __init__(self, tokens: list[Token], rules: Rules, budgets: Budgets) -> None:
        """Stands at the first of ``tokens``, whose last is of kind "end"."""
        self.tokens = tokens
        self.rules = rules
        self._max_depth = budgets.max_depth
        self.at = 0
        self._depth = 0
        self.num_bars = 0  # open ``|`` since the last bracket
        self.allows_ratios = True  # a colon is a ratio, but for sets, where it may mean "such that"
        self.kind: str = tokens[0].kind
        self.value: Any = tokens[0].value

    @abstractmethod
    def relation(self) -> Node: ...

    @abstractmethod
    def items(self) -> list[Node]: ...

    @abstractmethod
    def bracket(self) -> Node: ...

    @abstractmethod
    def braces(self) -> Node: ...

    @abstractmethod
    def angles(self) -> Node: ...

    @abstractmethod
    def environment(self) -> Node: ...

    @abstractmethod
    def sum(self) -> Node: ...

    @abstractmethod
    def factor(self) -> Node: ...

    @abstractmethod
    def exponent(self) -> Node: ...

    @abstractmethod
    def read_value(self) -> Node: ...

    @abstractmethod
    def argument(self) -> Node: ...

    def advance(self) -> None:
        self.at += 1
        token = self.tokens[self.at]
        self.kind, self.value = token.kind, token.value

    def expect(self, kind: str) -> None:
        if self.kind != kind:
            raise self.unexpected()
        self.advance()

    def unexpected(self) -> Refusal:
        return Refusal(
            "unparsed", "an unfinished answer" if self.kind == "end" else f"an unexpected {self.kind!r}"
        )

    def ahead(self, count: int) -> Token:
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    def is_letter_between_brackets(self, letter: str) -> bool:
        return (
            self.kind == "letter"
            and self.value == letter
            and self.at > 0
            and self.tokens[self.at - 1].kind in _CLOSING
            and self.ahead(1).kind in _OPENING
        )

    def signs(self) -> int:
        """Reads + and -; returns the number of the latter."""
        num_minus = 0
        while self.kind in ("+", "-"):
            num_minus += self.kind == "-"
            self.advance()
        return num_minus

    def enter(self) -> None:
        """Counts one more level of nesting."""
        self._depth += 1
        if self._depth > self._max_depth:
            raise Refusal("limit", f"nested more than {self._max_depth} deep")

    def leave(self) -> None:
        """Counts one level less."""
        self._depth -= 1


def letter(name: str) -> Node:
    """Returns the constant or variable of one letter."""
    return Node("constant", (), name) if name in ("e", "i") else Node("variable", (), name)


def arithmetic(node: Node) -> Node:
    """Returns ``node`` if arithmetic can be done with it.

    Raises:
        Refusal: "unparsed" for words, statements and sets.
    """
    if node.head in _NOT_ARITHMETIC:
        raise Refusal("unparsed", f"arithmetic with a {node.head}")
    return node


def joined(head: Head, parts: list[Node]) -> list[Node]:
    """Returns [head(parts)], or ``parts`` where they are fewer than two."""
    if len(parts) < 2:
        return parts
    return [Node(head, tuple(arithmetic(part) for part in parts))]


def negated(node: Node, times: int) -> Node:
    for _ in range(times):
        node = Node("negate", (node,))
    return node
