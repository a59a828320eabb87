"""Every way in which one line can be justified by others: the rules of natural deduction, read backwards.

In: a table of formulas and which of them may stand in a proof. Out: for each formula the list of what a
line with it can rest on. The lines considered, and so what "shortest" means in this package, are those
whose formula is one of: the formulas of the premises, the goal and the lines given, with all their
subformulas; falsity; and in classical logic the negation of each of these and each instance ``A | ~A`` of
excluded middle for a subformula ``A`` that is no negation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lmgym.logic.proof_search.steps import Box
from lmgym.logic.proof_search.table import Table


class Way(NamedTuple):
    """One justification of a line: its rule, the formulas that it cites and the boxes."""

    rule: str
    needs: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()


class Rules:
    """The ways to the formulas of one table. Adds to the table, once, what the logic allows beside.

    Args:
        table: Formulas by number.
        classical: Whether DNE, RAA and LEM may be used.
        num_given: Numbers from 0 that are formulas given or their parts; all that there are by default.
    """

    def __init__(self, table: Table, *, classical: bool, num_given: int | None = None) -> None:
        self._table = table
        self._classical = classical
        given = range(len(table) if num_given is None else num_given)
        allowed = dict.fromkeys(given)
        self._lem = set[int]()
        if classical:
            for number in given:
                if table.kind[number] != "not":
                    allowed[opposite := table.negate(number)] = None
                    if table.kind[number] not in ("true", "false"):
                        self._lem.add(either := table.disjoin(number, opposite))
                        allowed[either] = None
        self._allowed = allowed
        self._cases: list[tuple[int, int, int]] = []
        self._by_part: dict[int, list[Way]] = {}
        for number in allowed:
            self._enter(number)
        self._ways: dict[int, list[Way]] = {}

    @property
    def allowed(self) -> Iterable[int]:
        """The formulas that may stand in a proof."""
        return self._allowed

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
            opposite = table.find("not", goal)
            if opposite is not None and opposite in self._allowed:
                yield Way("RAA", (), ((opposite, table.false),))

    def _eliminations(self, goal: int) -> Iterator[Way]:
        if goal != self._table.false:
            yield Way("FE", (self._table.false,))
        for number, left, right in self._cases:
            yield Way("|E", (number,), ((left, goal), (right, goal)))
        yield from self._by_part.get(goal, ())

    def _enter(self, number: int) -> None:
        """Notes what the formula gives where it is known."""
        table = self._table
        kind, left, right = table.kind[number], table.left[number], table.right[number]
        if kind == "or":
            self._cases.append((number, left, right))
        elif kind == "not":
            self._gives(table.false, Way("~E", (number, left)))
            if self._classical and table.kind[left] == "not":
                self._gives(table.left[left], Way("DNE", (number,)))
        elif kind == "and":
            for part in dict.fromkeys((left, right)):
                self._gives(part, Way("&E", (number,)))
        elif kind == "implies":
            self._gives(right, Way("->E", (number, left)))
        elif kind == "iff":
            self._gives(left, Way("<->E", (number, right)))
            if right != left:
                self._gives(right, Way("<->E", (number, left)))

    def _gives(self, part: int, way: Way) -> None:
        self._by_part.setdefault(part, []).append(way)
