"""What can be cited at one place of a proof, and what one more line there can rest on.

In: the lines that are there already, level by level, and the assumptions of the boxes opened beside. Out:
for a formula the ways to it that are worth a thought in this context, as what they still need. Left out are
ways that need something false in a model of what is known (by truth tables: that can't be proved there),
ways that need what would do alone, and cases of which one is known.
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


class Contexts:
    """All the places in one search, each made once."""

    def __init__(self, table: Table, rules: Rules, scopes: Sequence[Scope]) -> None:
        self.table = table
        self.rules = rules
        self.box_parts: list[Box] = []
        self._box_numbers: dict[Box, int] = {}
        self.scopes = scopes
        self._opened = {scope.assumption for scope in scopes[1:]}
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
        """Returns the ways to the goal, but those that need one thing and others for which it is enough."""
        found = context.options.get(goal)
        if found is None:
            found = context.options[goal] = self._find_options(context, goal)
        return found

    def is_free(self, context: Context, goal: int) -> bool:
        """Returns whether the goal needs one line and nothing else."""
        options = self.options(context, goal)
        return len(options) == 1 and not options[0].needs | options[0].boxes

    def _find_options(self, context: Context, goal: int) -> list[Option]:
        found: dict[tuple[int, int], Option] = {}
        alone = alone_boxes = 0
        for way in self.rules.ways(goal):
            option = self._option(context, goal, way)
            if option is None:
                continue
            _, needs, boxes = option
            found.setdefault((needs, boxes), option)
            if not boxes and not needs & (needs - 1):
                alone |= needs
                if not needs:
                    return [option]
            elif not needs and not boxes & (boxes - 1):
                alone_boxes |= boxes
        return [
            option
            for option in found.values()
            if not (option.needs & alone or option.boxes & alone_boxes) or _is_alone(option)
        ]

    def _option(self, context: Context, goal: int, way: Way) -> Option | None:
        needs = boxes = 0
        for need in way.needs:
            if not context.known >> need & 1:
                if need == goal or not self.is_reachable(context, need):
                    return None
                needs |= 1 << need
        if way.rule == "|E" and self._is_idle(context, way):
            return None
        for box in way.boxes:
            number = self.box_number(box)
            if not context.boxes >> number & 1:
                if not self.is_box_reachable(context, box):
                    return None
                boxes |= 1 << number
        return Option(way, needs, boxes)

    def _is_idle(self, context: Context, way: Way) -> bool:
        """Returns whether a case is known already: what its box would hold can as well stand outside."""
        return any(
            context.known >> assumption & 1
            and assumption not in self._opened
            and not context.boxes >> self.box_number((assumption, goal)) & 1
            for assumption, goal in way.boxes
        )


def _is_alone(option: Option) -> bool:
    return option.needs.bit_count() + option.boxes.bit_count() == 1
