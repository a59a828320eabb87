"""The formats in which a proof can be written: what a label does to what has been proved so far.

A format's states are immutable values. A state shows itself as the expressions on the stack, bottom first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any, final

from lmgym.logic.metamath import Assertion, Database, Goal, Refusal, Stack
from lmgym.logic.metamath.elaborate import Elaborator, Partial

MAX_SYMBOLS = 2000
"""Symbols of an expression on the way."""
MAX_STACK = 500
MAX_LABELS = 4000
"""Labels of a proof that an agent writes."""
FORMATS = ("normal", "essential")


class Format(ABC):
    """How labels make proofs, for all theorems of a database."""

    name: str
    is_usable_syntax: bool
    """True: proofs name variables and syntax axioms."""

    @abstractmethod
    def begin(self, theorem: Assertion) -> Hashable:
        """Returns the state before the first label."""

    @abstractmethod
    def extend(self, theorem: Assertion, state: Any, label: str) -> Any | Refusal:
        """Returns the state after ``label``, or why it was refused."""

    @abstractmethod
    def judge(self, theorem: Assertion, state: Any) -> Refusal | None:
        """Returns why a proof that ends in ``state`` is none, None if it is one."""

    @abstractmethod
    def show(self, state: Any) -> tuple[str, ...]:
        """Returns the expressions on the stack as texts."""

    @abstractmethod
    def translate(self, theorem: Assertion, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        """Returns a right normal proof in this format, None if it has none there within its limits."""


@final
class Normal(Format):
    """Every label is written, those that build expressions too."""

    name = "normal"
    is_usable_syntax = True

    def __init__(self, database: Database) -> None:
        self._database = database

    def _goal(self, theorem: Assertion) -> Goal:
        return Goal(
            self._database, theorem, max_symbols=MAX_SYMBOLS, max_stack=MAX_STACK, max_labels=MAX_LABELS
        )

    def begin(self, theorem: Assertion) -> Stack:
        return ()

    def extend(self, theorem: Assertion, state: Stack, label: str) -> Stack | Refusal:
        return self._goal(theorem).extend(state, label)

    def judge(self, theorem: Assertion, state: Stack) -> Refusal | None:
        return self._goal(theorem).judge(state)

    def show(self, state: Stack) -> tuple[str, ...]:
        return tuple(" ".join(expression) for expression in state)

    def translate(self, theorem: Assertion, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        return labels if self._goal(theorem).check(labels).refusal is None else None


@final
class Essential(Format):
    """Only logical hypotheses and assertions are written; what they are used on is found by unification.

    Nothing is believed here: in the end the normal proof is made and checked.
    """

    name = "essential"
    is_usable_syntax = False

    def __init__(self, database: Database) -> None:
        self._elaborator = Elaborator(database)
        self._normal = Normal(database)

    def begin(self, theorem: Assertion) -> Partial:
        return self._elaborator.begin()

    def extend(self, theorem: Assertion, state: Partial, label: str) -> Partial | Refusal:
        return self._elaborator.extend(theorem, state, label, max_symbols=MAX_SYMBOLS, max_stack=MAX_STACK)

    def judge(self, theorem: Assertion, state: Partial) -> Refusal | None:
        labels = self._elaborator.normal_proof(theorem, state, max_labels=MAX_LABELS)
        if isinstance(labels, Refusal):
            return labels
        return self._normal._goal(theorem).check(labels).refusal

    def show(self, state: Partial) -> tuple[str, ...]:
        return self._elaborator.show(state)

    def translate(self, theorem: Assertion, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        known = self._elaborator.essential_labels(theorem, labels)
        state: Partial | Refusal = self.begin(theorem)
        for label in known:
            if isinstance(state, Refusal):
                return None
            state = self.extend(theorem, state, label)
        if isinstance(state, Refusal) or self.judge(theorem, state) is not None:
            return None
        return known


def make_format(name: str, database: Database) -> Format:
    """Returns the format called ``name``, one of ``FORMATS``."""
    return Normal(database) if name == "normal" else Essential(database)
