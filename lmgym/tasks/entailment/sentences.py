"""Sentences as data: what is said of whom, whatever the wording, and the formulas behind them.

Three kinds: a fact about somebody named, a rule about everything of a kind, and that something of a kind
exists. All predicates have one place. Left out: English, and what follows from what.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as OneOf
from typing import NamedTuple

from lmgym.logic.kernel import (
    Formula,
    Term,
    connect,
    function,
    negation,
    predicate,
    quantify,
    variable,
)  # fmt: skip


class Literal(NamedTuple):
    """A word that is said to hold, or not to hold."""

    word: str
    holds: bool = True


class Part(NamedTuple):
    """One literal, or some joined by "and" or by "or"."""

    literals: tuple[Literal, ...]
    joint: OneOf["and", "or"] = "and"


class Sentence(NamedTuple):
    """A "fact" (``name`` is ``said``), a "rule" (what is ``condition`` is ``said``) or "some" (so is one)."""

    kind: OneOf["fact", "rule", "some"]
    said: Part
    name: str = ""
    """Of a fact, else ""."""
    condition: Part = Part(())
    """Of a rule or an existence, else empty."""

    @property
    def words(self) -> Iterator[str]:
        """Every predicate in it."""
        return (literal.word for part in (self.condition, self.said) for literal in part.literals)


def opposite(literal: Literal) -> Literal:
    """Returns the literal that holds where ``literal`` doesn't."""
    return Literal(literal.word, not literal.holds)


def single(literal: Literal) -> Part:
    """Returns a part of one literal."""
    return Part((literal,))


def fact(name: str, literal: Literal) -> Sentence:
    """Returns that ``name`` is so."""
    return Sentence("fact", single(literal), name)


def rule(condition: Literal, said: Literal) -> Sentence:
    """Returns that everything of one kind is of another."""
    return Sentence("rule", single(said), "", single(condition))


def some(condition: Literal, said: Literal) -> Sentence:
    """Returns that something of one kind is of another."""
    return Sentence("some", single(said), "", single(condition))


def denial(statement: Sentence) -> Sentence:
    """Returns what is true if and only if ``statement``, which says one literal, is false."""
    kind = {"fact": "fact", "rule": "some", "some": "rule"}[statement.kind]
    return statement._replace(kind=kind, said=single(opposite(statement.said.literals[0])))  # type: ignore[arg-type]


def formula_of(sentence: Sentence) -> Formula:
    """Returns the formula that the sentence stands for."""
    if sentence.kind == "fact":
        return part_at(sentence.said, function(sentence.name))
    inside = [part_at(part, variable("x")) for part in (sentence.condition, sentence.said)]
    if sentence.kind == "rule":
        return quantify("forall", "x", connect("implies", *inside))
    return quantify("exists", "x", connect("and", *inside))


def part_at(part: Part, term: Term) -> Formula:
    """Returns the formula that ``part`` says of ``term``."""
    formulas = [literal_at(literal, term) for literal in part.literals]
    joined = formulas[0]
    for formula in formulas[1:]:
        joined = connect(part.joint, joined, formula)
    return joined


def literal_at(literal: Literal, term: Term) -> Formula:
    """Returns the formula that ``literal`` says of ``term``."""
    atom = predicate(literal.word, term)
    return atom if literal.holds else negation(atom)


def text_of(sentence: Sentence) -> str:
    """Returns a canonical text, for keys."""
    parts = [
        f" {part.joint[0]} ".join(sorted(("" if each.holds else "~") + each.word for each in part.literals))
        for part in (sentence.condition, sentence.said)
    ]
    return f"{sentence.name or sentence.kind}:{parts[0]}>{parts[1]}"
