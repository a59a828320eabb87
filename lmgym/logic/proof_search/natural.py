"""Proofs as a person would write them: goals are taken apart, what is known is unfolded.

In: known formulas and a goal, as numbers of a table. Out: steps. Introduction rules work backwards from the
goal, elimination rules forwards from what is known; cases, and indirect proof where the logic is classical,
come only where nothing else is left. A decision procedure is asked before every choice, so that wrong turns
are rare. Where a classical search takes too long after all, atoms are decided one by one (p or not p),
which always ends (Kalmár 1935).
"""

from __future__ import annotations

from typing import Final

from lmgym.logic.proof_search.decide import BudgetSpentError, Intuitionistic, follows
from lmgym.logic.proof_search.steps import Step
from lmgym.logic.proof_search.table import Table, bits

MAX_GOALS: Final = 400
"""Goals that a classical search looks at before it decides atoms."""
MAX_NESTING: Final = 120
"""Goals that may wait for one another."""


def natural_steps(
    table: Table, known: int, goal: int, *, classical: bool, max_goals: int = 20_000
) -> list[Step] | None:
    """Returns the steps of a proof of the goal, among them some that it can do without.

    Returns:
        None if the goal does not follow, or was not reached by looking at ``max_goals`` goals.
    """
    budgets = [(False, min(MAX_GOALS, max_goals)), (True, max_goals)] if classical else [(False, max_goals)]
    for decides_atoms, budget in budgets:
        search = _Search(table, known, classical, decides_atoms, budget)
        try:
            if search.derive(goal):
                if not search.steps or search.steps[-1].formula != goal:
                    search.finish(0, goal, -1)
                return search.steps
        except BudgetSpentError:
            continue
    return None


class _Search:
    def __init__(self, table: Table, known: int, classical: bool, decides_atoms: bool, budget: int) -> None:
        self.steps: list[Step] = []
        self._table = table
        self._known = known
        self._classical = classical
        self._decides_atoms = decides_atoms
        self._left = budget
        self._depth = 0
        self._waiting: set[tuple[int, int]] = set()
        self._intuitionistic = None if classical else Intuitionistic(table)

    def derive(self, goal: int) -> bool:
        """Writes steps until the goal is known; False, and nothing written, where that fails."""
        if self._known >> goal & 1:
            return True
        steps, known = len(self.steps), self._known
        self._unfold()
        if self._known >> goal & 1 or self._from_falsity(goal):
            return True
        waiting = (self._known, goal)
        if waiting not in self._waiting and self._can(goal):
            if self._left <= 0 or len(self._waiting) >= MAX_NESTING:
                raise BudgetSpentError
            self._left -= 1
            self._waiting.add(waiting)
            is_done = self._introduce(goal) or self._use_known(goal)
            self._waiting.remove(waiting)
            if is_done:
                return True
        self._undo(steps, known)
        return False

    def finish(self, start: int, goal: int, assumption: int) -> None:
        """Makes the goal the last step at this depth: drops what follows it, or repeats it."""
        for place in range(start, len(self.steps)):
            if self.steps[place][:2] == (self._depth, goal):
                del self.steps[place + 1 :]
                return
        if assumption != goal:
            self.steps.append(Step(self._depth, goal, "R", (goal,)))

    def _can(self, goal: int) -> bool:
        if self._intuitionistic is not None:
            return self._intuitionistic.proves(self._known, goal)
        return follows(self._table, self._known, goal)

    def _write(self, formula: int, rule: str, *needs: int, boxes: tuple[tuple[int, int], ...] = ()) -> bool:
        self.steps.append(Step(self._depth, formula, rule, needs, boxes))
        self._known |= 1 << formula
        return True

    def _undo(self, steps: int, known: int) -> None:
        del self.steps[steps:]
        self._known = known

    def _from_falsity(self, goal: int) -> bool:
        false = self._table.false
        return bool(self._known >> false & 1) and self._write(goal, "FE", false)

    def _unfold(self) -> None:
        """Writes what follows from the known formulas by rules without boxes that make no formula larger."""
        before = -1
        while before != self._known and not self._known >> self._table.false & 1:
            before = self._known
            for number in bits(before):
                self._unfold_one(number)

    def _unfold_one(self, number: int) -> None:
        table, known = self._table, self._known
        kind, left, right = table.kind[number], table.left[number], table.right[number]
        if kind == "and":
            for part in (left, right):
                if not self._known >> part & 1:
                    self._write(part, "&E", number)
        elif kind == "implies" and known >> left & 1 and not known >> right & 1:
            self._write(right, "->E", number, left)
        elif kind == "iff" and (known >> left ^ known >> right) & 1:
            have, new = (left, right) if known >> left & 1 else (right, left)
            self._write(new, "<->E", number, have)
        elif kind == "not" and known >> left & 1 and not known >> table.false & 1:
            self._write(table.false, "~E", number, left)
        elif kind == "not" and self._classical and table.kind[left] == "not":
            if not known >> table.left[left] & 1:
                self._write(table.left[left], "DNE", number)

    def _introduce(self, goal: int) -> bool:
        table = self._table
        kind, left, right = table.kind[goal], table.left[goal], table.right[goal]
        if kind == "true":
            return self._write(goal, "TI")
        if kind == "and":
            return self.derive(left) and self.derive(right) and self._write(goal, "&I", left, right)
        if kind in ("implies", "not"):
            box = (left, right if kind == "implies" else table.false)
            return self._box(*box) and self._write(goal, "->I" if kind == "implies" else "~I", boxes=(box,))
        if kind == "iff":
            boxes = ((left, right), (right, left))
            return self._box(*boxes[0]) and self._box(*boxes[1]) and self._write(goal, "<->I", boxes=boxes)
        if kind == "or":
            sides = sorted((left, right), key=lambda side: not self._known >> side & 1)
            return any(
                self._can(side) and self.derive(side) and self._write(goal, "|I", side) for side in sides
            )
        return False

    def _box(self, assumption: int, goal: int) -> bool:
        """Writes a box from the assumption to the goal."""
        start, known = len(self.steps), self._known
        self._depth += 1
        self._write(assumption, "as")
        is_done = self.derive(goal)
        if is_done:
            self.finish(start + 1, goal, assumption)
        self._depth -= 1
        self._known = known
        if not is_done:
            del self.steps[start:]
        return is_done

    def _use_known(self, goal: int) -> bool:
        """Reaches a goal that no introduction gives, by what is known; indirectly at the last."""
        table = self._table
        if goal == table.false and any(map(self._contradict, bits(self._known))):
            return True
        if any(self._apply(number, goal) for number in bits(self._known)):
            return True
        if any(self._by_cases(number, goal) for number in bits(self._known)):
            return True
        if goal == table.false:
            return self._decides_atoms and self._decide_an_atom(goal)
        if self._can(table.false) and self.derive(table.false):
            return self._from_falsity(goal)
        if self._decides_atoms:
            return self._decide_an_atom(goal)
        return self._classical and self._indirectly(goal)

    def _contradict(self, number: int) -> bool:
        table = self._table
        if table.kind[number] != "not" or not self.derive(table.left[number]):
            return False
        return self._known >> table.false & 1 == 1 or self._write(
            table.false, "~E", number, table.left[number]
        )

    def _apply(self, number: int, goal: int) -> bool:
        """Proves what an implication or equivalence needs, and goes on with what it gives."""
        table = self._table
        kind, left, right = table.kind[number], table.left[number], table.right[number]
        ways = [(left, right), (right, left)] if kind == "iff" else [(left, right)]
        if kind not in ("implies", "iff") or self._known >> right & 1:
            return False
        for need, new in ways:
            steps, known = len(self.steps), self._known
            if self._can(need) and self.derive(need):
                if not self._known >> new & 1:
                    self._write(new, "->E" if kind == "implies" else "<->E", number, need)
                if self.derive(goal):
                    return True
            self._undo(steps, known)
        return False

    def _by_cases(self, number: int, goal: int) -> bool:
        table = self._table
        left, right = table.left[number], table.right[number]
        if table.kind[number] != "or" or (self._known >> left | self._known >> right) & 1:
            return False
        boxes = ((left, goal), (right, goal))
        steps, known = len(self.steps), self._known
        if self._box(*boxes[0]) and self._box(*boxes[1]):
            return self._write(goal, "|E", number, boxes=boxes)
        self._undo(steps, known)
        return False

    def _indirectly(self, goal: int) -> bool:
        table = self._table
        opposite = table.negate(goal)
        box = (opposite, table.false)
        is_new = not self._known >> opposite & 1
        return is_new and self._box(*box) and self._write(goal, "RAA", boxes=(box,))

    def _decide_an_atom(self, goal: int) -> bool:
        """Splits on the first atom of which nothing is known."""
        table = self._table
        for atom in range(len(table)):
            if table.left[atom] != -1 or table.kind[atom] in ("true", "false"):
                continue
            opposite = table.negate(atom)
            if not (self._known >> atom | self._known >> opposite) & 1:
                either = table.disjoin(atom, opposite)
                self._write(either, "LEM")
                return self._by_cases(either, goal)
        return False
