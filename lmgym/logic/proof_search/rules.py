"""Every way in which one line can be justified by others: the rules of natural deduction, read backwards.

In: a table of formulas and which of them may stand in a proof. Out: for each formula the list of what a
line with it can rest on. The lines considered, and so what "shortest" means in this package, are those
whose formula is one of: the formulas of the premises, the goal and the lines given, with all their
subformulas; falsity; and in classical logic the negation of each of these and each instance ``A | ~A`` of
excluded middle for a subformula ``A`` that is no negation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lmgym.logic.proof_search.steps import Box
from lmgym.logic.proof_search.table import Table


class Way(NamedTuple):
    """One justification of a line: its rule, the formulas that it cites and the boxes."""

    rule: str
    needs: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()


class Rules:
    """The ways to the formulas of one table. Adds to the table, once, what the logic allows beside."""

    def __init__(self, table: Table, *, classical: bool) -> None:
        self._table = table
        self._classical = classical
        given = range(len(table))
        self._lem: dict[int, int] = {}
        if classical:
            for number in given:
                if table.kind[number] != "not":
                    opposite = table.negate(number)
                    if table.kind[number] not in ("true", "false"):
                        self._lem[table.disjoin(number, opposite)] = number
        self._size = len(table)
        self._ways: dict[int, list[Way]] = {}

    def ways(self, goal: int) -> list[Way]:
        """Returns every justification of a line with the formula ``goal`` but repetition."""
        found = self._ways.get(goal)
        if found is None:
            found = self._ways[goal] = [*self._introductions(goal), *self._eliminations(goal)]
        return found

    def _introductions(self, goal: int) -> Iterator[Way]:
        table = self._table
        kind, left, right = table.kind[goal], table.left[goal], table.right[goal]
        if kind == "true":
            yield Way("TI")
        elif kind == "and":
            yield Way("&I", (left, right))
        elif kind == "or":
            yield Way("|I", (left,))
            if right != left:
                yield Way("|I", (right,))
            if goal in self._lem:
                yield Way("LEM")
        elif kind == "implies":
            yield Way("->I", (), ((left, right),))
        elif kind == "not":
            yield Way("~I", (), ((left, table.false),))
        elif kind == "iff":
            yield Way("<->I", (), ((left, right), (right, left)))
        if self._classical and goal != table.false:
            opposite = table.numbers.get(table.negation_of(goal))
            if opposite is not None and opposite < self._size:
                yield Way("RAA", (), ((opposite, table.false),))

    def _eliminations(self, goal: int) -> Iterator[Way]:
        table = self._table
        if goal != table.false:
            yield Way("FE", (table.false,))
        for number in range(self._size):
            kind, left, right = table.kind[number], table.left[number], table.right[number]
            if kind == "or":
                yield Way("|E", (number,), ((left, goal), (right, goal)))
            elif kind == "not":
                if goal == table.false:
                    yield Way("~E", (number, left))
                if self._classical and table.kind[left] == "not" and table.left[left] == goal:
                    yield Way("DNE", (number,))
            elif kind == "and" and goal in (left, right):
                yield Way("&E", (number,))
            elif kind == "implies" and goal == right:
                yield Way("->E", (number, left))
            elif kind == "iff" and goal in (left, right):
                yield Way("<->E", (number, right if goal == left else left))
