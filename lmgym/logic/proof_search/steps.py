"""From steps, which name what they use, to Fitch lines, which cite it by number.

In: steps over the numbers of a table, in the order of the text, and the lines that stand before them. Out:
lines of a proof. A step cites the first line in scope with the formula it needs. Left out: whether the
rules are applied rightly; the kernel decides that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from lmgym.logic.fitch import Line
from lmgym.logic.kernel import Formula

Box = tuple[int, int]
"""Assumption and last formula, or first and last line."""


class Step(NamedTuple):
    """A line that names formulas and boxes in place of line numbers."""

    depth: int
    formula: int
    rule: str
    needs: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()


class Scope:
    """The lines and boxes that can be cited at one depth."""

    def __init__(self, first: int) -> None:
        self.first = first
        """Line of the assumption."""
        self.last: Box = (-1, -1)
        """Formula and number of the last line, (-1, -1) if that is in a box inside: no box can end so."""
        self.assumption = -1
        self.lines: dict[int, int] = {}
        self.boxes: dict[Box, Box] = {}


class Scopes:
    """The open boxes after some lines; depth 0 first."""

    def __init__(self) -> None:
        self.open = [Scope(0)]

    def add(self, depth: int, formula: int, number: int, is_assumption: bool) -> None:
        """Takes line ``number`` in: closes boxes, opens one for an assumption, makes the formula known."""
        self.close(depth - is_assumption)
        if is_assumption:
            self.open[-1].last = (-1, -1)
            self.open.append(Scope(number))
            self.open[-1].assumption = formula
        scope = self.open[-1]
        scope.lines.setdefault(formula, number)
        scope.last = (formula, number)

    def close(self, depth: int) -> None:
        """Closes the boxes deeper than ``depth``."""
        while len(self.open) > depth + 1:
            scope = self.open.pop()
            formula, number = scope.last
            if number >= 0:
                self.open[-1].boxes.setdefault((scope.assumption, formula), (scope.first, number))

    def line(self, formula: int) -> int:
        """Returns the first line in scope with the formula."""
        return next(scope.lines[formula] for scope in self.open if formula in scope.lines)

    def box(self, box: Box) -> Box:
        """Returns the lines of the first box in scope from the one formula to the other."""
        return next(scope.boxes[box] for scope in self.open if box in scope.boxes)


def write_lines(
    formula_of: Callable[[int], Formula], scopes: Scopes, steps: Iterable[Step], next_number: int
) -> tuple[Line, ...]:
    """Returns the lines of ``steps``, the first of which gets ``next_number``; changes ``scopes``."""
    lines = []
    for number, step in enumerate(steps, next_number):
        is_assumption = step.rule == "as"
        scopes.close(step.depth - is_assumption)
        cited = tuple([scopes.line(need) for need in step.needs])
        boxes = tuple([scopes.box(box) for box in step.boxes])
        lines.append(Line(step.depth, formula_of(step.formula), step.rule, cited, boxes))
        scopes.add(step.depth, step.formula, number, is_assumption)
    return tuple(lines)


def drop_unused(lines: Sequence[Line], num_before: int) -> tuple[Line, ...]:
    """Returns the lines that the last one rests on, with their numbers made consecutive again.

    Args:
        lines: Consecutive ones, to the end of the proof.
        num_before: Lines that stand before ``lines`` and stay.
    """
    used = {num_before + len(lines)}
    for number in range(num_before + len(lines), num_before, -1):
        if number in used:
            line = lines[number - num_before - 1]
            used.update(line.lines, *line.boxes)
    new_number = {number: number for number in range(num_before + 1)}
    for number in range(num_before + 1, num_before + len(lines) + 1):
        new_number[number] = num_before + sum(num_before < other <= number for other in used)
    return tuple(
        Line(
            line.depth,
            line.formula,
            line.rule,
            tuple(new_number[i] for i in line.lines),
            tuple((new_number[i], new_number[j]) for i, j in line.boxes),
        )
        for number, line in enumerate(lines, num_before + 1)
        if number in used
    )
