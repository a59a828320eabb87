"""A proof while it is being made, when nobody knows yet how many premises there will be.

Comes in: formulas, rules and what they rest on. Goes out: a sequent and the numbered lines of its proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import Formula

Place = int
"""What a line is called while it is being made: premises -1, -2, …, lines 1, 2, …"""
Box = tuple[Place, Place]


class Sketch:
    """Premises and lines, in the order in which they were thought of."""

    def __init__(self) -> None:
        self.premises: list[Formula] = []
        self._lines: list[Line] = []
        self._scopes: list[dict[Formula, Place]] = [{}]
        self._opened: list[Place] = []

    def premise(self, formula: Formula) -> Place:
        """Returns the place of a premise; the same formula is one premise."""
        known = self._scopes[0]
        if formula not in known or known[formula] > 0:
            self.premises.append(formula)
            known[formula] = -len(self.premises)
        return known[formula]

    def add(self, formula: Formula, rule: str, *lines: Place, boxes: tuple[Box, ...] = ()) -> Place:
        """Returns the place of a line; where the formula stands already, no other is written."""
        for scope in self._scopes:
            if formula in scope:
                return scope[formula]
        return self._write(formula, rule, lines, boxes)

    def assume(self, formula: Formula) -> Place:
        """Returns the place of an assumption, which opens a box."""
        self._scopes.append({})
        place = self._write(formula, "as", (), ())
        self._opened.append(place)
        return place

    def close(self, conclusion: Place) -> Box:
        """Returns the innermost box, closed; its last line says what ``conclusion`` says."""
        if conclusion != len(self._lines):
            formula = (
                self.premises[-conclusion - 1] if conclusion < 0 else self._lines[conclusion - 1].formula
            )
            conclusion = self._write(formula, "R", (conclusion,), ())
        self._scopes.pop()
        return self._opened.pop(), conclusion

    def _write(self, formula: Formula, rule: str, lines: tuple[Place, ...], boxes: tuple[Box, ...]) -> Place:
        self._lines.append(Line(len(self._scopes) - 1, formula, rule, lines, boxes))
        self._scopes[-1][formula] = len(self._lines)
        return len(self._lines)

    def finish(self, goal: Formula, order: Sequence[int]) -> tuple[Sequent, tuple[Line, ...]]:
        """Returns the sequent with its premises in ``order`` (a permutation), and the proof's lines."""
        count = len(self.premises)
        numbers = {-old - 1: new + 1 for new, old in enumerate(order)}
        numbers |= {place: count + place for place in range(1, len(self._lines) + 1)}
        lines = tuple(
            Line(
                line.depth,
                line.formula,
                line.rule,
                tuple(numbers[place] for place in line.lines),
                tuple((numbers[first], numbers[last]) for first, last in line.boxes),
            )
            for line in self._lines
        )
        return Sequent(tuple(self.premises[old] for old in order), goal), lines
