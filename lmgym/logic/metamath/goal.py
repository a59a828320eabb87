"""A theorem to be proved, and proofs that are played against it label by label.

Comes in: labels, any text. Goes out: stacks, and refusals as values; nothing here raises on what a proof
says. Left out: compressed proofs, which only databases hold (see ``compressed.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

from lmgym.logic.metamath.database import Assertion, Database, Expression, Hypothesis
from lmgym.logic.metamath.rule import Refusal, Setting, Stack, use


class Check(NamedTuple):
    """How far a proof goes."""

    stack: Stack
    """After the labels that were not refused."""
    num_labels: int
    """Labels that were not refused."""
    refusal: Refusal | None
    """Why the next label, or the proof as a whole, was refused; None: it is a proof."""


@final
class Goal:
    """A theorem, with what may be used for it: its hypotheses, and the assertions that stand above it."""

    def __init__(
        self,
        database: Database,
        theorem: Assertion,
        *,
        max_symbols: int | None = None,
        max_stack: int | None = None,
        max_labels: int | None = None,
    ) -> None:
        """Sets what is to be proved; the limits are the database's where None."""
        limits = database.limits
        self.database = database
        self.theorem = theorem
        self.setting = Setting(
            database.variables,
            theorem.active_distinct,
            limits.symbols if max_symbols is None else max_symbols,
        )
        self.max_stack = limits.stack if max_stack is None else max_stack
        self.max_labels = limits.steps if max_labels is None else max_labels

    def find(self, label: str) -> Hypothesis | Assertion | Refusal:
        """Returns what ``label`` names, or why it can't be used here."""
        hypothesis = self.theorem.active.get(label)
        if hypothesis is not None:
            return hypothesis
        assertion = self.database.assertions.get(label)
        if assertion is not None:
            if assertion.number < self.theorem.number:
                return assertion
            if assertion is self.theorem:
                return Refusal("itself", f"{label} is what is to be proved")
            return Refusal("later", f"{label} stands below {self.theorem.label}")
        if label in self.database.hypotheses:
            return Refusal("inactive", f"{label} is a hypothesis of another statement")
        if label == "?":
            return Refusal("incomplete", "? stands for a part that is missing")
        return Refusal("unknown", f"there is no label {label[:40]!r}")

    def push(self, stack: list[Expression], label: str) -> Refusal | None:
        """Does to ``stack`` what ``label`` says, or returns why it was left as it is."""
        found = self.find(label)
        return found if isinstance(found, Refusal) else self.push_found(stack, found)

    def push_found(self, stack: list[Expression], found: Hypothesis | Assertion) -> Refusal | None:
        """Does to ``stack`` what a statement says, or returns why it was left as it is."""
        if isinstance(found, Hypothesis):
            made: Expression | Refusal = found.expression
        else:
            made = use(found, stack, self.setting)
            if isinstance(made, Refusal):
                return made
            if found.hypotheses:
                del stack[-len(found.hypotheses) :]
        if len(stack) >= self.max_stack:
            return Refusal("limit", f"more than {self.max_stack:,} expressions on the stack")
        stack.append(made)
        return None

    def extend(self, stack: Stack, label: str) -> Stack | Refusal:
        """Returns the stack after ``label``, or why it was refused."""
        changed = list(stack)
        refusal = self.push(changed, label)
        return tuple(changed) if refusal is None else refusal

    def is_proved_by(self, stack: Sequence[Expression]) -> bool:
        """Returns whether the theorem, and nothing else, is on the stack."""
        return len(stack) == 1 and stack[0] == self.theorem.expression

    def judge(self, stack: Sequence[Expression]) -> Refusal | None:
        """Returns why a proof that ends in ``stack`` is none."""
        if self.is_proved_by(stack):
            return None
        if len(stack) != 1:
            return Refusal("unfinished", f"{len(stack)} on the stack at the end, it must be one")
        return Refusal("other", "what was proved is not the theorem")

    def check(self, labels: Sequence[str]) -> Check:
        """Plays ``labels`` until one is refused, and judges what is on the stack at the end."""
        stack: list[Expression] = []
        for place, label in enumerate(labels):
            refusal = self.push(stack, label) if place < self.max_labels else None
            if place >= self.max_labels:
                refusal = Refusal("limit", f"more than {self.max_labels:,} labels")
            if refusal is not None:
                return Check(tuple(stack), place, refusal)
        return Check(tuple(stack), len(labels), self.judge(stack))

    def check_text(self, text: str) -> Check:
        """Plays the labels of a text, which are separated by blanks or line ends."""
        return self.check(text.split(None, self.max_labels + 1)[: self.max_labels + 1])
