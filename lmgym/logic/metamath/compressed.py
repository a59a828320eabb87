"""Compressed proofs (Metamath book, appendix B): reading them, and writing them out in labels.

``( labels ) LETTERS``: a letter A to T ends a number, U to Y begin one. Numbers count the mandatory
hypotheses, then the labels, then the steps that were marked with Z. A step can be marked if it uses an
assertion: the mark of a hypothesis would be a second name, which the program ``metamath`` refuses, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lmgym.logic.metamath.database import Assertion, Expression, Hypothesis
from lmgym.logic.metamath.goal import Check, Goal
from lmgym.logic.metamath.rule import Refusal

MARK: Final = -1
"""A step that marks what is on top of the stack."""
MISSING: Final = -2


def is_compressed(proof: Sequence[str]) -> bool:
    """Returns whether a proof is written in the compressed format."""
    return proof[0] == "("


def read_numbers(letters: str, limit: int) -> list[int] | Refusal:
    """Returns the numbers, counted from 0, with ``MARK`` for Z and ``MISSING`` for a question mark."""
    numbers: list[int] = []
    value, can_mark = 0, False
    for letter in letters:
        if "A" <= letter <= "T":
            numbers.append(value * 20 + ord(letter) - ord("A"))
            value, can_mark = 0, True
            continue
        if "U" <= letter <= "Y":
            value = value * 5 + ord(letter) - ord("U") + 1
            if value > limit:
                return Refusal("compressed", "a number that is too large")
        elif letter == "Z" and can_mark and not value:
            numbers.append(MARK)
            continue
        elif letter == "?" and not value:
            numbers.append(MISSING)
        else:
            return Refusal("compressed", f"{letter!r} can't stand here")
        can_mark = False
    return Refusal("compressed", "the last number has no end") if value else numbers


class _Steps:
    """A compressed proof, taken apart."""

    def __init__(self, goal: Goal, proof: Sequence[str]) -> None:
        self.refusal: Refusal | None = None
        self.found: list[Hypothesis | Assertion] = list(goal.theorem.hypotheses)
        self.numbers: list[int] = []
        if ")" not in proof:
            self.refusal = Refusal("compressed", "( without )")
            return
        end = proof.index(")")
        mandatory = {hypothesis.label for hypothesis in goal.theorem.hypotheses}
        for label in proof[1:end]:
            found = goal.find(label)
            if isinstance(found, Refusal):
                self.refusal = found
                return
            if label in mandatory:
                self.refusal = Refusal("compressed", f"{label} is a mandatory hypothesis")
                return
            self.found.append(found)
        numbers = read_numbers("".join(proof[end + 1 :]), goal.max_labels)
        if isinstance(numbers, Refusal):
            self.refusal = numbers
        else:
            self.numbers = numbers

    def is_markable(self, number: int) -> bool:
        """Returns whether a step uses an assertion."""
        return number < len(self.found) and isinstance(self.found[number], Assertion)


def check_compressed(goal: Goal, proof: Sequence[str]) -> Check:
    """Returns how far a compressed proof goes, without writing it out."""
    steps = _Steps(goal, proof)
    if steps.refusal is not None:
        return Check((), 0, steps.refusal)
    stack: list[Expression] = []
    marked: list[Expression] = []
    known, last = len(steps.found), MISSING
    for place, number in enumerate(steps.numbers):
        refusal: Refusal | None = None
        if number == MARK:
            if not steps.is_markable(last):
                return Check(tuple(stack), place, Refusal("compressed", "Z can mark assertions only"))
            marked.append(stack[-1])
            continue
        last = number
        if number == MISSING:
            refusal = Refusal("incomplete", "? stands for a part that is missing")
        elif number < known:
            refusal = goal.push_found(stack, steps.found[number])
        elif number - known < len(marked):
            stack.append(marked[number - known])
        else:
            refusal = Refusal("compressed", f"the number {number + 1} stands for nothing")
        if refusal is None and len(stack) > goal.max_stack:
            refusal = Refusal("limit", f"more than {goal.max_stack:,} expressions on the stack")
        if refusal is not None:
            return Check(tuple(stack), place, refusal)
    return Check(tuple(stack), len(steps.numbers), goal.judge(stack))


def written_out(goal: Goal, proof: Sequence[str], max_labels: int) -> tuple[str, ...] | None:
    """Returns the labels of a proof that is right; None: incomplete, or more than ``max_labels``."""
    if not is_compressed(proof):
        return tuple(proof) if len(proof) <= max_labels and "?" not in proof else None
    steps = _Steps(goal, proof)
    stack: list[tuple[str, ...]] = []
    marked: list[tuple[str, ...]] = []
    for number in steps.numbers:
        if number == MISSING:
            return None
        if number == MARK:
            marked.append(stack[-1])
            continue
        if number >= len(steps.found):
            stack.append(marked[number - len(steps.found)])
            continue
        found = steps.found[number]
        count = 0 if isinstance(found, Hypothesis) else len(found.hypotheses)
        parts = [stack.pop() for _ in range(count)][::-1]
        made = (*(label for part in parts for label in part), found.label)
        if len(made) > max_labels:
            return None
        stack.append(made)
    return stack[0]
