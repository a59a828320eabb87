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

Option = tuple[Way, int, int]
"""A way to a formula, and what it needs that is not there yet, as masks of formulas and of boxes."""


class _Plan(NamedTuple):
    """A way in every context: what it needs, as masks."""

    way: Way
    needs: int
    boxes: int
    cases: tuple[int, int, int, int] | None
    """Of two cases what they assume and then their boxes, as masks; None of other ways."""


class Context:
    """One place of a proof: formulas and boxes that can be cited, and the options for one more line."""

    def __init__(self, known: int, boxes: int, models: int) -> None:
        self.known = known
        self.boxes = boxes
        self.models = models
        self.options: dict[int, list[Option]] = {}
        self.reachable = -1
        """The mask of the formulas that hold in all models; -1 before it is asked for."""


class Contexts:
    """All the places in one search, each made once."""

    def __init__(self, table: Table, rules: Rules, scopes: Sequence[Scope]) -> None:
        self.table = table
        self.rules = rules
        self.box_parts: list[Box] = []
        self._box_numbers: dict[Box, int] = {}
        self._plans: dict[int, list[_Plan]] = {}
        self._truths = [(1 << number, table.truth[number]) for number in rules.allowed]
        self.scopes = scopes
        self._opened = sum({1 << scope.assumption for scope in scopes[1:]})
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

    def is_box_reachable(self, context: Context, number: int) -> bool:
        """Returns whether the box's last formula holds in all models of what is known and its assumption."""
        assumption, last = self.box_parts[number]
        return not context.models & self.table.truth[assumption] & ~self.table.truth[last]

    def options(self, context: Context, goal: int) -> list[Option]:
        """Returns the ways to the goal, but those that need one thing and others for which it is enough."""
        found = context.options.get(goal)
        if found is None:
            found = context.options[goal] = self._find_options(context, goal)
        return found

    def is_free(self, context: Context, goal: int) -> bool:
        """Returns whether the goal needs one line and nothing else."""
        options = self.options(context, goal)
        return len(options) == 1 and not options[0][1] | options[0][2]

    def _find_options(self, context: Context, goal: int) -> list[Option]:
        if not self.is_reachable(context, goal):
            return []  # rules are sound: whatever they rest on is out of reach as well
        found: dict[tuple[int, int], Option] = {}
        alone = alone_boxes = 0
        if context.reachable < 0:
            models = context.models
            context.reachable = sum([bit for bit, truth in self._truths if not models & ~truth])
        known, present, cases_known = context.known, context.boxes, context.known & ~self._opened
        out_of_reach = ~(context.reachable & ~(1 << goal) | known)
        for way, all_needs, all_boxes, cases in self._plans.get(goal) or self._plan(goal):
            if all_needs & out_of_reach:
                continue
            if cases is not None:
                left, right, left_box, right_box = cases
                if (left & cases_known and not left_box & present) or (
                    right & cases_known and not right_box & present
                ):
                    continue  # a case is known already: what its box would hold can as well stand outside
            needs, boxes = all_needs & ~known, all_boxes & ~present
            if not needs | boxes:
                return [(way, 0, 0)]
            found.setdefault((needs, boxes), (way, needs, boxes))
            if not boxes and not needs & (needs - 1):
                alone |= needs
            elif not needs and not boxes & (boxes - 1):
                alone_boxes |= boxes
        if not alone | alone_boxes:
            return list(found.values())
        return [
            option
            for option in found.values()
            if not (option[1] & alone or option[2] & alone_boxes) or _is_alone(option)
        ]

    def _plan(self, goal: int) -> list[_Plan]:
        plans = self._plans[goal] = []
        for way in self.rules.ways(goal):
            needs = 0
            for need in way.needs:
                needs |= 1 << need
            boxes = [1 << self.box_number(box) for box in way.boxes]
            cases = None
            if way.rule == "|E":
                (left, _), (right, _) = way.boxes
                cases = (1 << left, 1 << right, boxes[0], boxes[1])
            plans.append(_Plan(way, needs, sum(set(boxes)), cases))
        return plans


def _is_alone(option: Option) -> bool:
    return option[1].bit_count() + option[2].bit_count() == 1
