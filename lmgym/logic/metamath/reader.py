"""Reads databases (Metamath book, section 4.2): declarations, blocks, hypotheses, assertions.

Comes in: a file, or a text. Goes out: a ``Database``. Left out: whether the proofs are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

from lmgym.logic.metamath.database import Assertion, Database, Expression, Hypothesis, Pair
from lmgym.logic.metamath.source import Limits, MetamathError, Source

_LABEL = re.compile(r"[A-Za-z0-9._-]+")


def read_database(path: str | Path, limits: Limits | None = None) -> Database:
    """Returns the database in a file (also .gz); it may include files of the same folder.

    Raises:
        MetamathError: a rule of the language is broken or a limit exceeded; the message names file and line.
    """
    path = Path(path)
    source = Source(limits or Limits(), path.parent)
    source.read_file(path, path.name)
    return _Reader(source).read()


def parse_database(text: str, limits: Limits | None = None) -> Database:
    """Returns the database that ``text`` is; see ``read_database``. It can't include files."""
    source = Source(limits or Limits())
    source.read_text(text, "<text>")
    return _Reader(source).read()


class _Block:
    """What was declared since a ``${``."""

    def __init__(self) -> None:
        self.variables: list[str] = []
        self.hypotheses: list[Hypothesis] = []
        self.distinct: set[Pair] = set()


class _Reader:
    """Where the reading stands."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.limits = source.limits
        self.at = 0
        self.blocks = [_Block()]
        self.constants: set[str] = set()
        self.ever_variables: set[str] = set()
        self.active_variables: set[str] = set()
        self.typed: dict[str, str] = {}
        """Variables that have an active ``$f``, with its label."""
        self.labels: set[str] = set()
        self.hypothesis_labels: set[str] = set()
        self.assertions: dict[str, Assertion] = {}
        self._active: dict[str, Hypothesis] | None = None
        self._distinct: frozenset[Pair] | None = None

    def error(self, message: str, at: int | None = None) -> MetamathError:
        return MetamathError(message, self.source.place(self.at - 1 if at is None else at))

    def read(self) -> Database:
        tokens = self.source.tokens
        while self.at < len(tokens):
            word = tokens[self.at]
            self.at += 1
            if word == "${":
                self.open_block()
            elif word == "$}":
                self.close_block()
            elif word == "$c":
                self.declare_constants()
            elif word == "$v":
                self.declare_variables()
            elif word == "$d":
                self.declare_distinct()
            elif word.startswith("$"):
                raise self.error(f"{word[:20]!r} can't stand here")
            else:
                self.read_labelled(word)
        if len(self.blocks) > 1:
            raise self.error("a block ${ is never closed by $}")
        return Database(
            self.assertions,
            frozenset(self.constants),
            frozenset(self.ever_variables),
            frozenset(self.hypothesis_labels),
            self.limits,
        )

    def until(self, *ends: str) -> tuple[str, ...]:
        """Returns the tokens up to the first of ``ends``, which is passed."""
        tokens, start = self.source.tokens, self.at
        while self.at < len(tokens):
            word = tokens[self.at]
            self.at += 1
            if word in ends:
                return tuple(tokens[start : self.at - 1])
            if "$" in word:
                raise self.error(f"{word[:20]!r} where {' or '.join(ends)} was to come")
        raise self.error(f"the database ends where {' or '.join(ends)} was to come", start - 1)

    def open_block(self) -> None:
        if len(self.blocks) > self.limits.depth:
            raise self.error(f"more than {self.limits.depth} open blocks")
        self.blocks.append(_Block())

    def close_block(self) -> None:
        if len(self.blocks) == 1:
            raise self.error("$} without ${")
        block = self.blocks.pop()
        self.active_variables.difference_update(block.variables)
        for hypothesis in block.hypotheses:
            if hypothesis.is_floating:
                del self.typed[hypothesis.expression[1]]
        if block.hypotheses:
            self._active = None
        if block.distinct:
            self._distinct = None

    def declare_constants(self) -> None:
        if len(self.blocks) > 1:
            raise self.error("$c inside a block")
        for symbol in self._declared("$c"):
            if symbol in self.constants or symbol in self.ever_variables:
                raise self.error(f"the symbol {symbol[:40]!r} is declared already")
            self.constants.add(symbol)

    def declare_variables(self) -> None:
        for symbol in self._declared("$v"):
            if symbol in self.constants or symbol in self.active_variables:
                raise self.error(f"the symbol {symbol[:40]!r} is declared already")
            self.active_variables.add(symbol)
            self.ever_variables.add(symbol)
            self.blocks[-1].variables.append(symbol)

    def _declared(self, what: str) -> tuple[str, ...]:
        symbols = self.until("$.")
        if not symbols:
            raise self.error(f"{what} without a symbol")
        for symbol in symbols:
            if symbol in self.labels:
                raise self.error(f"the symbol {symbol[:40]!r} is a label already")
        return symbols

    def declare_distinct(self) -> None:
        symbols = self.until("$.")
        for symbol in symbols:
            if symbol not in self.active_variables:
                raise self.error(f"{symbol[:40]!r} is no active variable")
        if len(symbols) < 2 or len(set(symbols)) < len(symbols):
            raise self.error("$d needs two or more different variables")
        if len(symbols) > 1000:
            raise self.error("$d of more than 1000 variables")
        self.blocks[-1].distinct.update(map(_pair, combinations(symbols, 2)))
        self._distinct = None

    def read_labelled(self, label: str) -> None:
        if not _LABEL.fullmatch(label):
            raise self.error(f"{label[:40]!r} is no label: only letters, digits, - _ and . are allowed")
        if label in self.labels:
            raise self.error(f"the label {label[:40]!r} is used already")
        if label in self.constants or label in self.ever_variables:
            raise self.error(f"the label {label[:40]!r} is a symbol already")
        self.labels.add(label)
        start = self.at
        word = self.source.tokens[self.at] if self.at < len(self.source.tokens) else ""
        self.at += 1
        if word == "$f":
            self.read_floating(label)
        elif word == "$e":
            self.add_hypothesis(Hypothesis(label, False, self.read_expression("$.")))
        elif word in ("$a", "$p"):
            expression = self.read_expression("$=" if word == "$p" else "$.")
            self.add_assertion(label, expression, self.read_proof() if word == "$p" else None, start)
        else:
            raise self.error(f"$f, $e, $a or $p was to come after the label {label[:40]!r}", start)

    def read_floating(self, label: str) -> None:
        symbols = self.until("$.")
        if len(symbols) != 2 or symbols[0] not in self.constants or symbols[1] not in self.active_variables:
            raise self.error("$f needs a constant and an active variable")
        if symbols[1] in self.typed:
            raise self.error(f"the variable {symbols[1][:40]!r} has a $f already: {self.typed[symbols[1]]}")
        self.typed[symbols[1]] = label
        self.add_hypothesis(Hypothesis(label, True, symbols))

    def add_hypothesis(self, hypothesis: Hypothesis) -> None:
        self.hypothesis_labels.add(hypothesis.label)
        self.blocks[-1].hypotheses.append(hypothesis)
        self._active = None

    def read_expression(self, end: str) -> Expression:
        symbols = self.until(end)
        if not symbols or symbols[0] not in self.constants:
            raise self.error("an expression begins with a constant")
        if len(symbols) > self.limits.symbols:
            raise self.error(f"an expression of more than {self.limits.symbols:,} symbols")
        for symbol in symbols:
            if symbol not in self.constants and symbol not in self.typed:
                what = "has no $f" if symbol in self.active_variables else "is not active"
                raise self.error(f"the symbol {symbol[:40]!r} {what}")
        return symbols

    def read_proof(self) -> tuple[str, ...]:
        proof = self.until("$.")
        if not proof:
            raise self.error("an empty proof; a missing one is written ?")
        return proof

    def add_assertion(
        self, label: str, expression: Expression, proof: tuple[str, ...] | None, start: int
    ) -> None:
        active, distinct = self.active(), self.distinct()
        used = set(expression).union(*(h.expression for h in active.values() if not h.is_floating))
        mandatory = tuple(h for h in active.values() if not h.is_floating or h.expression[1] in used)
        pairs = frozenset(pair for pair in distinct if pair[0] in used and pair[1] in used)
        self.assertions[label] = Assertion(
            label, len(self.assertions), self.source.place(start), expression, mandatory, pairs, proof,
            active, distinct,
        )  # fmt: skip

    def active(self) -> dict[str, Hypothesis]:
        """Returns the active hypotheses by label, in the database's order; one object until they change."""
        if self._active is None:
            self._active = {h.label: h for block in self.blocks for h in block.hypotheses}
        return self._active

    def distinct(self) -> frozenset[Pair]:
        """Returns the active pairs of distinct variables."""
        if self._distinct is None:
            self._distinct = frozenset[Pair]().union(*(block.distinct for block in self.blocks))
        return self._distinct


def _pair(two: Iterable[str]) -> Pair:
    first, second = sorted(two)
    return first, second
