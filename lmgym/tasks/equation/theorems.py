"""Theorems with their proofs, from ``theorems.txt``, and instances of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lmgym.logic.equations.chains import By, Step
from lmgym.logic.equations.rewriting import fill
from lmgym.logic.equations.theories import THEORIES, Equation, Theory, make_equation
from lmgym.logic.kernel import Term

Lines = tuple[By | Step, ...]


class Proved(NamedTuple):
    """A claim with a proof of it; the laws of its lines are left out."""

    theory: Theory
    hypotheses: tuple[Equation, ...]
    left: Term
    right: Term
    lines: Lines

    @property
    def num_lines(self) -> int:
        return len(self.lines)

    @property
    def inductive(self) -> frozenset[str]:
        """Letters of its inductions: they can be renamed, not filled with terms."""
        return frozenset(line.letter for line in self.lines if isinstance(line, By)) - {""}


@cache
def load_theorems() -> tuple[Proved, ...]:
    """Returns all theorems of the file, in its order."""
    text = (Path(__file__).parent / "theorems.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(_read(part.split("\n")) for part in "\n".join(lines).strip().split("\n\n"))


def _read(paragraph: Sequence[str]) -> Proved:
    name, *assumed, goal = paragraph[0].split()
    theory = THEORIES[name]
    left, right, *_ = theory.read_equation(goal)
    hypotheses = tuple(theory.read_equation(text.partition(":")[2]) for text in assumed)
    return Proved(theory, hypotheses, left, right, tuple(_read_line(line, theory) for line in paragraph[1:]))


def _read_line(text: str, theory: Theory) -> By | Step:
    if text == "step":
        return Step()
    term, _, letter = text[1:].partition(" by ind ")
    return By(theory.read(term), letter=letter)


def instance_of(proved: Proved, terms: Mapping[str, Term]) -> Proved:
    """Returns ``proved`` with ``terms`` for its letters a to d; those of inductions must be given letters."""
    given = dict(terms)

    def fill_line(line: By | Step) -> By | Step:
        if isinstance(line, Step):
            return line
        letter = given[line.letter].name if line.letter else ""
        return By(fill(line.term, given), letter=letter)

    return Proved(
        proved.theory,
        tuple(make_equation(fill(each.left, given), fill(each.right, given)) for each in proved.hypotheses),
        fill(proved.left, given),
        fill(proved.right, given),
        tuple(map(fill_line, proved.lines)),
    )
