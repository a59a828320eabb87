"""Random sequents that are provable because a proof is imagined while they are made.

In: random words and knobs. Out: premises and a goal. A goal is drawn and proved backwards by random rules;
what a rule needs is proved in the same way, found among the assumptions, or becomes a premise. The imagined
proof is not kept: a shorter one may exist, so lengths are measured afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lmgym.logic.kernel import FALSE, Formula, connect, negation, predicate
from lmgym.tasks.proof.knobs import Connective, Knobs
from lmgym.tasks.stream import Words

MAX_PREMISES: Final = 6
"""Premises after which an imagined proof takes no other way than one more."""
MIN_CHAINED: Final = 7
"""Lines from which on the result of one imagined proof can be needed by another."""
ATOMS: Final = "pqrstu"

_Choice = tuple[int, Callable[[], None]]
"""Weight and what is done."""


def construct_sequent(knobs: Knobs, num_lines: int, words: Words) -> tuple[tuple[Formula, ...], Formula]:
    """Returns premises and a goal that follows from them, by a proof of about ``num_lines`` lines."""
    maker = _Maker(knobs, words)
    if num_lines < MIN_CHAINED or not words.below(4):
        return maker.sequent(num_lines)
    first = 2 + words.below(num_lines - 4)
    lemmas, lemma = maker.sequent(first)
    premises, goal = maker.sequent(num_lines - 1 - first)
    if not premises or "implies" not in knobs.connectives:
        return (*lemmas, *premises), goal
    place = words.below(len(premises))
    chained = connect("implies", lemma, premises[place])
    return tuple(dict.fromkeys((*lemmas, *premises[:place], chained, *premises[place + 1 :]))), goal


class _Maker:
    def __init__(self, knobs: Knobs, words: Words) -> None:
        self._words = words
        self._knobs = knobs
        self._atoms = [predicate(name) for name in ATOMS[: knobs.num_atoms]]
        self._binary: list[Connective] = [kind for kind in knobs.connectives if kind != "not"]
        self._has_not = "not" in knobs.connectives
        self._owes_classical = knobs.logic == "classical"
        self.premises: list[Formula] = []

    def sequent(self, num_lines: int) -> tuple[tuple[Formula, ...], Formula]:
        """Returns premises and a goal."""
        self.premises = []
        goal = self.formula(1 + self._words.below(3 + num_lines // 4))
        self.prove(goal, (), num_lines, 0, may_introduce=True)
        return tuple(dict.fromkeys(self.premises)), goal

    def formula(self, size: int) -> Formula:
        """Returns a random formula with ``size`` atoms."""
        below = self._words.below
        if size <= 1:
            atom = self._atoms[below(len(self._atoms))]
            return negation(atom) if self._has_not and below(8) == 0 else atom
        if self._has_not and below(8) == 0:
            return negation(self.formula(size))
        left = 1 + below(size - 1)
        kind = self._binary[below(len(self._binary))]
        if kind == "iff" and below(2):
            kind = "implies" if "implies" in self._binary else kind
        return self.join(kind, self.formula(left), self.formula(size - left))

    @staticmethod
    def join(kind: Connective, left: Formula, right: Formula) -> Formula:
        """Returns two formulas joined."""
        assert kind != "not"
        return connect(kind, left, right)

    def _side(self, context: Sequence[Formula], lines: int) -> Formula:
        """Returns what an elimination can rest on: something known, or new if there are lines to fill."""
        below = self._words.below
        if lines > 3 and below(3):
            return self.formula(1 + below(3))
        if context and below(4):
            return context[-1 - below(min(2, len(context)))]
        if self.premises and below(4) == 0:
            return self.premises[below(len(self.premises))]
        return self.formula(1 + below(2))

    def prove(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int, *, may_introduce: bool
    ) -> None:
        """Imagines a proof of ``goal``, adding the premises that it needs."""
        if goal in context or goal in self.premises:
            return
        choices: list[_Choice] = []
        if lines >= 1:
            if may_introduce:
                choices += self._introductions(goal, context, lines, depth)
            choices += self._eliminations(goal, context, lines, depth)
        total = sum(weight for weight, _ in choices)
        if not total or len(self.premises) >= MAX_PREMISES:
            self.premises.append(goal)
            return
        place = self._words.below(total)
        for weight, act in choices:
            place -= weight
            if place < 0:
                act()
                return

    def _introductions(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> list[_Choice]:
        may_box = depth < self._knobs.max_depth and lines >= 2
        if goal.kind == "and":
            return [(4, lambda: self._both(goal.parts, context, lines - 1, depth))]
        if goal.kind == "or":
            side = goal.parts[self._words.below(2)]
            return [(3, lambda: self._go_on(side, context, lines - 1, depth))]
        if goal.kind == "implies" and may_box:
            return [(8, lambda: self._inside(goal.parts[0], goal.parts[1], context, lines - 2, depth))]
        if goal.kind == "not" and may_box:
            return [(8, lambda: self._inside(goal.parts[0], FALSE, context, lines - 2, depth))]
        if goal.kind == "iff" and may_box and lines >= 4:
            return [(6, lambda: self._both_ways(goal, context, lines - 3, depth))]
        return []

    def _eliminations(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> list[_Choice]:
        kinds = self._knobs.connectives
        may_box = depth < self._knobs.max_depth
        choices: list[_Choice] = []
        if "implies" in kinds:
            choices.append((5, lambda: self._by_implication("implies", goal, context, lines, depth)))
        if "iff" in kinds:
            choices.append((2, lambda: self._by_implication("iff", goal, context, lines, depth)))
        if "and" in kinds:
            choices.append((2, lambda: self._from_pair(goal, context, lines, depth)))
        if "or" in kinds and may_box and lines >= 3:
            choices.append((5, lambda: self._by_cases(goal, context, lines, depth)))
        if goal is FALSE:
            return [(6, lambda: self._contradict(context, lines, depth)), *choices[:1]]
        if self._has_not and lines >= 2:
            choices.append((1, lambda: self._go_on(FALSE, context, lines - 1, depth)))
        if self._knobs.logic != "intuitionistic" and self._has_not:
            choices += self._classical(goal, context, lines, depth)
        return choices

    def _classical(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> list[_Choice]:
        weight = 8 if self._owes_classical else 1
        twice = negation(negation(goal))

        def pay(act: Callable[[], None]) -> Callable[[], None]:
            def paid() -> None:
                self._owes_classical = False
                act()

            return paid

        choices: list[_Choice] = [
            (weight, pay(lambda: self._major(twice, context, lines - 1, depth, only=True)))
        ]
        if depth < self._knobs.max_depth and lines >= 3 and goal.kind != "not":
            opposite = negation(goal)
            choices.append((weight, pay(lambda: self._inside(opposite, FALSE, context, lines - 2, depth))))
        if depth < self._knobs.max_depth and lines >= 6:
            choices.append((weight, pay(lambda: self._by_excluded_middle(goal, context, lines, depth))))
        return choices

    def _go_on(self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int) -> None:
        self.prove(goal, context, lines, depth, may_introduce=True)

    def _major(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int, *, only: bool = False
    ) -> None:
        """As ``_go_on``, for what an elimination takes apart: introducing it would be a detour.

        It becomes a premise most of the time, unless nothing else (``only``) is left to be proved.
        """
        has_lines = only or self._words.below(3) == 0
        self.prove(goal, context, lines if has_lines else 0, depth, may_introduce=False)

    def _both(self, goals: Sequence[Formula], context: tuple[Formula, ...], lines: int, depth: int) -> None:
        first = self._words.below(lines + 1) if lines > 0 else 0
        self._go_on(goals[0], context, first, depth)
        self._go_on(goals[1], context, lines - first, depth)

    def _inside(
        self, assumption: Formula, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> None:
        self._go_on(goal, (*context, assumption), lines, depth + 1)

    def _both_ways(self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int) -> None:
        left, right = goal.parts
        self._inside(left, right, context, lines // 2, depth)
        self._inside(right, left, context, lines - lines // 2, depth)

    def _by_implication(
        self, kind: Connective, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> None:
        side = self._side(context, lines)
        turned = kind == "iff" and self._words.below(2)
        major = self.join(kind, goal, side) if turned else self.join(kind, side, goal)
        if side is goal:
            self.premises.append(goal)
            return
        self._major(major, context, lines - 1, depth)
        self._go_on(side, context, lines - 1, depth)

    def _from_pair(self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int) -> None:
        other = self.formula(1 + self._words.below(2))
        pair = self.join("and", goal, other) if self._words.below(2) else self.join("and", other, goal)
        self._major(pair, context, lines - 1, depth, only=True)

    def _by_cases(self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int) -> None:
        left, right = self.formula(1), self.formula(1)
        self._major(self.join("or", left, right), context, lines - 3, depth)
        self._inside(left, goal, context, (lines - 3) // 2, depth)
        self._inside(right, goal, context, lines - 3 - (lines - 3) // 2, depth)

    def _by_excluded_middle(
        self, goal: Formula, context: tuple[Formula, ...], lines: int, depth: int
    ) -> None:
        case = self.formula(1)
        self._inside(case, goal, context, (lines - 4) // 2, depth)
        self._inside(negation(case), goal, context, lines - 4 - (lines - 4) // 2, depth)

    def _contradict(self, context: tuple[Formula, ...], lines: int, depth: int) -> None:
        side = self._side(context, lines)
        if side.kind == "not" and self._words.below(2):
            self._go_on(side.parts[0], context, lines - 1, depth)
            self._go_on(side, context, 0, depth)
            return
        self._major(negation(side), context, lines - 1, depth)
        self._go_on(side, context, lines - 1, depth)


def random_distractor(knobs: Knobs, premises: Sequence[Formula], words: Words) -> Formula:
    """Returns a formula that looks like a premise."""
    maker = _Maker(knobs, words)
    size = 2 if words.below(4) else 1 + 2 * words.below(2)
    return maker.formula(size)


def rename(formula: Formula, naming: Mapping[Formula, Formula]) -> Formula:
    """Returns a propositional formula with other atoms."""
    if formula.kind == "predicate":
        return naming[formula]
    if formula.kind == "not":
        return negation(rename(formula.parts[0], naming))
    if formula.kind in ("true", "false"):
        return formula
    left, right = (rename(part, naming) for part in formula.parts)
    return connect(formula.kind, left, right)  # type: ignore[arg-type]
