"""Expressions as trees, by the grammar that a database's syntax axioms are.

Comes in: symbols. Goes out: a tree, and from a tree its symbols and the labels that build it. Nothing is
believed here; what is built is checked by ``Goal``. Of several readings of an expression the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lmgym.logic.metamath.database import Assertion, Database, Expression

Term = Any
"""A variable (str), or a tuple: ``(rule's label, part, ...)``, ``("?", number, typecode)`` for what is not
known yet, ``("$|-", part)`` for a statement with its typecode."""
MAX_DEPTH = 150
_MAX_SYMBOLS = 200


class Rule(NamedTuple):
    """A syntax axiom."""

    axiom: Assertion
    typecode: str
    body: tuple[str, ...]
    """Constants, and for each variable its typecode."""
    is_part: tuple[bool, ...]
    """For each of ``body`` whether it is a variable's."""
    variables: tuple[str, ...]
    """In the order of ``body``."""


def is_unknown(term: Term) -> bool:
    """Returns whether a term is not known yet."""
    return type(term) is tuple and term[0] == "?"


def syntax_typecodes(database: Database) -> tuple[str, ...]:
    """Returns the typecodes of syntax: those of variables, and those that no logical hypothesis has."""
    known: dict[str, None] = {}
    logical: set[str] = set()
    for assertion in database.assertions.values():
        for hypothesis in assertion.hypotheses:
            if hypothesis.is_floating:
                known.setdefault(hypothesis.expression[0])
            else:
                logical.add(hypothesis.expression[0])
    if logical:
        first = (assertion.expression[0] for assertion in database.assertions.values())
        known |= dict.fromkeys(typecode for typecode in first if typecode not in logical)
    return tuple(known)


class Grammar:
    """The syntax axioms of a database as rules."""

    def __init__(self, database: Database) -> None:
        self.rules: dict[str, Rule] = {}
        self.types: dict[str, str] = {}
        """Typecodes of the variables. A variable keeps the first one, should a database change it."""
        self._by_constant: dict[str, list[Rule]] = {}
        self._by_type: dict[str, list[Rule]] = {}
        seen = None
        for assertion in database.assertions.values():
            if assertion.active is not seen:
                seen = assertion.active
                floating = (h.expression for h in seen.values() if h.is_floating)
                for typecode, variable in floating:
                    self.types.setdefault(variable, typecode)
        self.typecodes = syntax_typecodes(database)
        for assertion in database.assertions.values():
            self._add(assertion)

    def _add(self, axiom: Assertion) -> None:
        symbols = axiom.expression[1:]
        variables = tuple(symbol for symbol in symbols if symbol in self.types)
        is_syntax = axiom.proof is None and axiom.expression[0] in self.typecodes and not axiom.logical
        if not is_syntax or not symbols or len(set(variables)) < len(variables):
            return
        body = tuple(self.types.get(symbol, symbol) for symbol in symbols)
        is_part = tuple(symbol in self.types for symbol in symbols)
        rule = Rule(axiom, axiom.expression[0], body, is_part, variables)
        self.rules[axiom.label] = rule
        (self._by_type if is_part[0] else self._by_constant).setdefault(body[0], []).append(rule)

    def type_of(self, term: Term) -> str:
        """Returns the typecode of a term."""
        if isinstance(term, str):
            return self.types[term]
        return str(term[2]) if term[0] == "?" else self.rules[term[0]].typecode

    def parse(self, expression: Expression) -> Term | None:
        """Returns the tree of a statement, None if the grammar has none or it is too long."""
        symbols = expression[1:]
        if not 0 < len(symbols) <= _MAX_SYMBOLS:
            return None
        found = _Chart(self, symbols).at(0)
        for typecode in self.typecodes:
            term = found.get((typecode, len(symbols)))
            if term is not None:
                return (f"${expression[0]}", term)
        return None

    def starting(self, symbol: str) -> list[Rule]:
        """Returns the rules that begin with a constant."""
        return self._by_constant.get(symbol, [])

    def continuing(self, typecode: str) -> list[Rule]:
        """Returns the rules that begin with a part of a typecode."""
        return self._by_type.get(typecode, [])

    def write(self, term: Term, names: Mapping[Term, str]) -> list[str]:
        """Returns the symbols of a tree; ``names`` has those of its unknown parts."""
        if isinstance(term, str):
            return [term]
        if term[0] == "?":
            return [names[term]]
        if term[0].startswith("$"):
            return [term[0][1:], *self.write(term[1], names)]
        rule = self.rules[term[0]]
        parts = iter(term[1:])
        written: list[str] = []
        for symbol, is_part in zip(rule.body, rule.is_part, strict=True):
            written += self.write(next(parts), names) if is_part else [symbol]
        return written


class _Chart:
    """What can be read from each place of an expression, each found once (a left-corner parser)."""

    def __init__(self, grammar: Grammar, symbols: tuple[str, ...]) -> None:
        self._grammar = grammar
        self._symbols = symbols
        self._found: dict[int, dict[tuple[str, int], Term]] = {}

    def at(self, start: int) -> dict[tuple[str, int], Term]:
        """Returns by (typecode, end) the trees of what begins at ``start``."""
        if start in self._found:
            return self._found[start]
        found = self._found[start] = {}
        if start == len(self._symbols):
            return found
        symbol = self._symbols[start]
        todo: list[tuple[str, int]] = []

        def add(typecode: str, end: int, term: Term) -> None:
            if (typecode, end) not in found:
                found[typecode, end] = term
                todo.append((typecode, end))

        if symbol in self._grammar.types:
            add(self._grammar.types[symbol], start + 1, symbol)
        for rule in self._grammar.starting(symbol):
            for parts, end in self._match(rule, 1, start + 1):
                add(rule.typecode, end, (rule.axiom.label, *parts))
        while todo:
            typecode, middle = todo.pop()
            for rule in self._grammar.continuing(typecode):
                for parts, end in self._match(rule, 1, middle):
                    add(rule.typecode, end, (rule.axiom.label, found[typecode, middle], *parts))
        return found

    def _match(self, rule: Rule, place: int, start: int) -> Iterator[tuple[tuple[Term, ...], int]]:
        """Yields the parts of ``rule`` from ``place`` on, read from ``start`` on, and where they end."""
        while place < len(rule.body) and not rule.is_part[place]:
            if start >= len(self._symbols) or self._symbols[start] != rule.body[place]:
                return
            place, start = place + 1, start + 1
        if place == len(rule.body):
            yield (), start
            return
        for (typecode, end), term in list(self.at(start).items()):
            if typecode == rule.body[place]:
                for parts, last in self._match(rule, place + 1, end):
                    yield (term, *parts), last
