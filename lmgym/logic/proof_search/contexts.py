"""What can be cited at one place of a proof, and what one more line there can rest on.

In: the lines that are there already, level by level, and the assumptions of the boxes opened beside. Out:
for a formula the ways to it that are worth a thought in this context, as what they still need. A way is
left out if it needs something that is false in a model of what is known (by truth tables: that can't be
proved there), or all that another way needs, and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.logic.proof_search.rules import Rules, Way
from lmgym.logic.proof_search.steps import Box, Scope
from lmgym.logic.proof_search.table import Table


class Option(NamedTuple):
    """A way to a formula, and what it needs that is not there yet, as masks of formulas and of boxes."""

    way: Way
    needs: int
    boxes: int


class Context:
    """One place of a proof: formulas and boxes that can be cited, and the options for one more line."""

    def __init__(self, known: int, boxes: int, models: int) -> None:
        self.known = known
        self.boxes = boxes
        self.models = models
        self.options: dict[int, list[Option]] = {}
        self.is_reachable: dict[int, bool] = {}


class Contexts:
    """All the places in one search, each made once."""

    def __init__(self, table: Table, rules: Rules, scopes: Sequence[Scope]) -> None:
        self.table = table
        self.rules = rules
        self.box_parts: list[Box] = []
        self._box_numbers: dict[Box, int] = {}
        self.scopes = scopes
        self.closing: list[int] = []
        """For each level the mask of the box that is there if the next level's box is closed as it is."""
        self.needs_two = [0] * len(scopes)
        """For each level the mask of the boxes that need two lines: an assumption and another one."""
        self._levels: list[Context] = []
        known = boxes = 0
        for level, scope in enumerate(scopes):
            for formula in scope.lines:
                known |= 1 << formula
            for box in scope.boxes:
                boxes |= 1 << self.box_number(box)
            closing = 0
            if level + 1 < len(scopes) and scopes[level + 1].last[1] >= 0:
                inner = scopes[level + 1]
                closing = 1 << self.box_number((inner.assumption, inner.last[0]))
            self.closing.append(closing & ~boxes)
            self._levels.append(Context(known, boxes, table.models(known)))
        self._made: dict[tuple[int, tuple[int, ...]], Context] = {}

    def box_number(self, box: Box) -> int:
        """Returns the number of a box."""
        number = self._box_numbers.get(box)
        if number is None:
            number = self._box_numbers[box] = len(self.box_parts)
            self.box_parts.append(box)
            for level in range(len(self.scopes)):
                is_open = level + 1 < len(self.scopes) and self.scopes[level + 1].assumption == box[0]
                if not is_open and box[0] != box[1]:
                    self.needs_two[level] |= 1 << number
        return number

    def at(self, level: int, assumptions: tuple[int, ...]) -> Context:
        """Returns the place in boxes of these assumptions, opened at a given level."""
        if not assumptions:
            return self._levels[level]
        key = (level, assumptions)
        found = self._made.get(key)
        if found is None:
            outer = self.at(level, assumptions[:-1])
            new = assumptions[-1]
            found = Context(outer.known | 1 << new, outer.boxes, outer.models & self.table.truth[new])
            self._made[key] = found
        return found

    def is_reachable(self, context: Context, formula: int) -> bool:
        """Returns whether the formula holds in all models of what is known."""
        return not context.models & ~self.table.truth[formula]

    def is_box_reachable(self, context: Context, box: Box) -> bool:
        """Returns whether the box's last formula holds in all models of what is known and its assumption."""
        return not context.models & self.table.truth[box[0]] & ~self.table.truth[box[1]]

    def options(self, context: Context, goal: int) -> list[Option]:
        """Returns the ways to the goal, of which no other needs less."""
        found = context.options.get(goal)
        if found is None:
            found = context.options[goal] = self._find_options(context, goal)
        return found

    def is_free(self, context: Context, goal: int) -> bool:
        """Returns whether the goal needs one line and nothing else."""
        options = self.options(context, goal)
        return len(options) == 1 and not options[0].needs | options[0].boxes

    def _find_options(self, context: Context, goal: int) -> list[Option]:
        kept: list[Option] = []
        for way in self.rules.ways(goal):
            option = self._option(context, goal, way)
            if option is None or any(_needs_less(other, option) for other in kept):
                continue
            kept = [other for other in kept if not _needs_less(option, other)]
            kept.append(option)
        return kept

    def _option(self, context: Context, goal: int, way: Way) -> Option | None:
        needs = boxes = 0
        for need in way.needs:
            if not context.known >> need & 1:
                if need == goal or not self.is_reachable(context, need):
                    return None
                needs |= 1 << need
        for box in way.boxes:
            number = self.box_number(box)
            if not context.boxes >> number & 1:
                if not self.is_box_reachable(context, box):
                    return None
                boxes |= 1 << number
        return Option(way, needs, boxes)


def _needs_less(one: Option, other: Option) -> bool:
    return not one.needs & ~other.needs and not one.boxes & ~other.boxes
