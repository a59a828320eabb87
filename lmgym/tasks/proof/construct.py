"""Random sequents that are provable because a proof is imagined while they are made.

In: random words and knobs. Out: premises and a goal, as Polish texts. A goal is drawn and proved backwards
by random rules; what a rule needs is proved in the same way, found among the assumptions, or becomes a
premise. The imagined proof is not kept: a shorter one may exist, so lengths are measured afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lmgym.tasks.proof.knobs import Knobs
from lmgym.tasks.proof.polish import ATOMS, SIGNS, parts_of
from lmgym.tasks.stream import Words

MAX_PREMISES: Final = 6
"""Premises after which an imagined proof takes no other way than one more."""
MIN_CHAINED: Final = 7
"""Lines from which on the result of one imagined proof can be needed by another."""

_Context = tuple[str, ...]
_Act = Callable[[str, _Context, int, int], None]
"""Takes the goal, what is assumed, the lines that are left and the boxes around."""
_Choices = list[tuple[int, _Act]]
"""Weights and what is done."""


class Maker:
    """Makes sequents of some knobs.

    Args:
        knobs: Connectives, atoms, logic and depth.
        words: What is random.
    """

    def __init__(self, knobs: Knobs, words: Words) -> None:
        self._below = words.below
        self._max_depth = knobs.max_depth
        self._atoms = ATOMS[: knobs.num_atoms]
        self._binary = [SIGNS[kind] for kind in knobs.connectives if kind != "not"]
        self._has_not = "not" in knobs.connectives
        self._is_classical = self._has_not and knobs.logic != "intuitionistic"
        self._needs_classical = self._is_classical and knobs.logic == "classical"
        self._owes_classical = False
        self._premises: list[str] = []
        applied: _Choices = [(5, self._from_implication)] * (">" in self._binary)
        self._to_falsity: _Choices = [(6, self._contradict), *applied]
        self._by_rules: _Choices = applied + [(2, self._from_equivalence)] * ("=" in self._binary)
        self._by_rules += [(2, self._from_pair)] * ("&" in self._binary)

    def sequent(self, num_lines: int) -> tuple[list[str], str]:
        """Returns premises and a goal that follows from them, by a proof of about ``num_lines`` lines."""
        self._owes_classical = self._needs_classical
        below = self._below
        if num_lines < MIN_CHAINED or not below(4):
            return self._simple_sequent(num_lines)
        first = 2 + below(num_lines - 4)
        lemmas, lemma = self._simple_sequent(first)
        premises, goal = self._simple_sequent(num_lines - 1 - first)
        if premises and ">" in self._binary:
            place = below(len(premises))
            if premises[place] != lemma:
                premises[place] = ">" + lemma + premises[place]
        return list(dict.fromkeys(lemmas + premises)), goal

    def distractor(self) -> str:
        """Returns a formula that looks like a premise."""
        return self.formula(2 if self._below(4) else 1 + 2 * self._below(2))

    def formula(self, size: int) -> str:
        """Returns a random formula with ``size`` atoms."""
        below = self._below
        negates = self._has_not and below(8) == 0
        if size <= 1:
            atom = self._atoms[below(len(self._atoms))]
            return "~" + atom if negates else atom
        if negates:
            return "~" + self.formula(size)
        size_of_left = 1 + below(size - 1)
        sign = self._binary[below(len(self._binary))]
        if sign == "=" and below(2):
            sign = ">" if ">" in self._binary else sign
        left, right = self.formula(size_of_left), self.formula(size - size_of_left)
        if left == right:
            right = self.formula(size - size_of_left)
        return sign + left + right

    def _simple_sequent(self, num_lines: int) -> tuple[list[str], str]:
        self._premises = []
        goal = self.formula(1 + self._below(3 + num_lines // 4))
        self._prove(goal, (), num_lines, 0)
        return list(dict.fromkeys(self._premises)), goal

    def _side(self, context: Sequence[str], lines: int) -> str:
        """Returns what an elimination can rest on: something known, or new if there are lines to fill."""
        below = self._below
        if lines > 3 and below(3):
            return self.formula(1 + below(3))
        if context and below(4):
            return context[-1 - below(min(2, len(context)))]
        if self._premises and below(4) == 0:
            return self._premises[below(len(self._premises))]
        return self.formula(1 + below(2))

    def _prove(self, goal: str, context: _Context, lines: int, depth: int, introduces: bool = True) -> None:
        """Imagines a proof of ``goal``, adding the premises that it needs."""
        if goal in context or goal in self._premises:
            return
        if lines < 1 or len(self._premises) >= MAX_PREMISES:
            self._premises.append(goal)
            return
        choices = self._eliminations(goal, lines, depth)
        if introduces:
            choices = choices + self._introductions(goal, lines, depth)
        if not choices:
            self._premises.append(goal)
            return
        place = self._below(sum([weight for weight, _ in choices]))
        for weight, act in choices:
            place -= weight
            if place < 0:
                act(goal, context, lines, depth)
                return

    def _introductions(self, goal: str, lines: int, depth: int) -> _Choices:
        sign = goal[0]
        if sign == "&":
            return [(4, self._both)]
        if sign == "|":
            return [(3, self._one_side)]
        if depth < self._max_depth:
            if sign in ">~" and lines >= 2:
                return [(8, self._assume)]
            if sign == "=" and lines >= 4:
                return [(6, self._both_ways)]
        return []

    def _eliminations(self, goal: str, lines: int, depth: int) -> _Choices:
        if goal == "F":
            return self._to_falsity
        choices = self._by_rules
        if "|" in self._binary and lines >= 3 and depth < self._max_depth:
            choices = [*choices, (5, self._by_cases)]
        if self._has_not and lines >= 2:
            choices = [*choices, (1, self._by_falsity)]
        return choices + self._classical(goal, lines, depth) if self._is_classical else choices

    def _classical(self, goal: str, lines: int, depth: int) -> _Choices:
        weight = 8 if self._owes_classical else 1
        choices: _Choices = [(weight, self._from_double_negation)]
        if depth < self._max_depth and lines >= 3 and goal[0] != "~":
            choices.append((weight, self._from_opposite))
        if depth < self._max_depth and lines >= 6:
            choices.append((weight, self._by_excluded_middle))
        return choices

    def _prove_major(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        """As ``_prove``, for what an elimination takes apart: introducing it would be a detour.

        It becomes a premise most of the time.
        """
        self._prove(goal, context, 0 if self._below(3) else lines, depth, False)

    def _both(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        left, right = parts_of(goal)
        first = self._below(lines)
        self._prove(left, context, first, depth)
        self._prove(right, context, lines - 1 - first, depth)

    def _one_side(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        self._prove(parts_of(goal)[self._below(2)], context, lines - 1, depth)

    def _assume(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        parts = parts_of(goal)
        inner = parts[1] if len(parts) == 2 else "F"
        self._prove(inner, (*context, parts[0]), lines - 2, depth + 1)

    def _both_ways(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        left, right = parts_of(goal)
        first = (lines - 3) // 2
        self._prove(right, (*context, left), first, depth + 1)
        self._prove(left, (*context, right), lines - 3 - first, depth + 1)

    def _from_implication(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        side = self._side(context, lines)
        self._apply(">" + side + goal, side, goal, context, lines, depth)

    def _from_equivalence(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        side = self._side(context, lines)
        major = "=" + (goal + side if self._below(2) else side + goal)
        self._apply(major, side, goal, context, lines, depth)

    def _apply(self, major: str, side: str, goal: str, context: _Context, lines: int, depth: int) -> None:
        if side == goal:
            self._premises.append(goal)
            return
        self._prove_major(major, context, lines - 1, depth)
        self._prove(side, context, lines - 1, depth)

    def _from_pair(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        other = self.formula(1 + self._below(2))
        if other == goal:
            other = self.formula(2)
        pair = "&" + (goal + other if self._below(2) else other + goal)
        self._prove(pair, context, lines - 1, depth, False)

    def _by_cases(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        left, right = self.formula(1), self.formula(1)
        first = (lines - 3) // 2
        self._prove_major("|" + left + right, context, lines - 3, depth)
        self._prove(goal, (*context, left), first, depth + 1)
        self._prove(goal, (*context, right), lines - 3 - first, depth + 1)

    def _by_falsity(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        self._prove("F", context, lines - 1, depth)

    def _contradict(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        side = self._side(context, lines)
        if side[0] == "~" and self._below(2):
            self._prove(side[1:], context, lines - 1, depth)
            self._prove(side, context, 0, depth)
            return
        self._prove_major("~" + side, context, lines - 1, depth)
        self._prove(side, context, lines - 1, depth)

    def _from_double_negation(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        self._owes_classical = False
        self._prove("~~" + goal, context, lines - 1, depth, False)

    def _from_opposite(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        self._owes_classical = False
        self._prove("F", (*context, "~" + goal), lines - 2, depth + 1)

    def _by_excluded_middle(self, goal: str, context: _Context, lines: int, depth: int) -> None:
        self._owes_classical = False
        case = self.formula(1)
        first = (lines - 4) // 2
        self._prove(goal, (*context, case), first, depth + 1)
        self._prove(goal, (*context, "~" + case), lines - 4 - first, depth + 1)
