"""What a database says: hypotheses, assertions with their frames, and the order in which they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lmgym.errors import UnknownNameError
from lmgym.logic.metamath.source import Limits, Place

Expression = tuple[str, ...]
"""Symbols; the first one is the typecode."""
Pair = tuple[str, str]
"""Two variables in alphabetical order."""


class Hypothesis(NamedTuple):
    """A ``$f`` or ``$e`` statement."""

    label: str
    is_floating: bool
    """True: ``$f``, which gives a variable its typecode. False: ``$e``, a logical hypothesis."""
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    """A ``$a`` or ``$p`` statement with its frame."""

    label: str
    number: int
    """Place among the assertions; a proof may use those of smaller numbers."""
    place: Place
    expression: Expression
    hypotheses: tuple[Hypothesis, ...]
    """The mandatory ones, in the database's order."""
    distinct: frozenset[Pair]
    """Mandatory variables that must be given expressions without a variable in common."""
    proof: tuple[str, ...] | None
    """The proof as it is written, normal or compressed; None: an axiom."""
    active: Mapping[str, Hypothesis] = field(repr=False)
    """Every hypothesis that its proof may use, by label."""
    active_distinct: frozenset[Pair] = field(repr=False)
    """Every pair of variables that is distinct in its proof."""

    @property
    def logical(self) -> tuple[Hypothesis, ...]:
        """The ``$e`` hypotheses."""
        return tuple(hypothesis for hypothesis in self.hypotheses if not hypothesis.is_floating)


@dataclass(frozen=True, eq=False)
class Database:
    """A database that has been read; its proofs have not been looked at."""

    assertions: Mapping[str, Assertion]
    """In the database's order."""
    constants: frozenset[str]
    variables: frozenset[str]
    """Symbols that are variables somewhere; none is also a constant."""
    hypotheses: frozenset[str]
    """Labels of all hypotheses, of whatever theorem."""
    limits: Limits

    @property
    def theorems(self) -> list[Assertion]:
        """The ``$p`` statements in the database's order."""
        return [assertion for assertion in self.assertions.values() if assertion.proof is not None]

    def theorem(self, label: str) -> Assertion:
        """Returns the theorem of that label.

        Raises:
            UnknownNameError: there is none.
        """
        found = self.assertions.get(label)
        if found is None or found.proof is None:
            raise UnknownNameError("theorem", label, [theorem.label for theorem in self.theorems])
        return found
