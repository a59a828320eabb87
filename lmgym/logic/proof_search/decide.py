"""Whether a propositional sequent holds: classically by truth tables, intuitionistically by G4ip.

In: numbered formulas of a table, or a sequent's premises and goal. Out: yes or no, None beyond the budget.
Source: Dyckhoff 1992, "Contraction-free sequent calculi for intuitionistic logic" (J. Symbolic Logic 57),
whose rules make every sequent smaller, so that the search ends without a check for loops. Negations are
taken as implications of falsity and equivalences as two implications.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lmgym.logic.kernel import Formula
from lmgym.logic.proof_search.table import Table, TooLargeError, bits

MAX_SEQUENTS: Final = 50_000
"""Sequents that one decision may look at."""
MAX_NESTING: Final = 200
"""Sequents that may wait for one another."""


class BudgetSpentError(Exception):
    """A search took more steps than it was given. Never leaves this package."""


def is_provable(premises: Sequence[Formula], goal: Formula, *, classical: bool = True) -> bool | None:
    """Returns whether the goal follows, in propositional logic, from the premises.

    What is no connective counts as an atom, so quantified formulas and equations are opaque.

    Returns:
        None if there are more than ``MAX_ATOMS`` atoms, ``MAX_FORMULAS`` formulas or ``MAX_SEQUENTS`` steps.
    """
    try:
        table = Table((*premises, goal))
        known = 0
        for premise in premises:
            known |= 1 << table.add(premise)
        if classical:
            return follows(table, known, table.add(goal))
        return Intuitionistic(table).proves(known, table.add(goal))
    except (TooLargeError, BudgetSpentError):
        return None


def follows(table: Table, known: int, goal: int) -> bool:
    """Returns whether the goal is true wherever all formulas of the mask ``known`` are."""
    return not table.models(known) & ~table.truth[goal]


class Intuitionistic:
    """Decides sequents over one table; remembers what it has decided."""

    def __init__(self, table: Table, max_sequents: int = MAX_SEQUENTS) -> None:
        self._table = table
        self._left = max_sequents
        self._depth = 0
        self._decided: dict[tuple[int, int], bool] = {}

    def proves(self, known: int, goal: int) -> bool:
        """Returns whether the goal follows from the formulas of the mask ``known``.

        Raises:
            BudgetSpentError: it would take more sequents than are left of the budget.
        """
        key = (known, goal)
        found = self._decided.get(key)
        if found is None:
            if self._left <= 0 or self._depth >= MAX_NESTING:
                raise BudgetSpentError
            self._left -= 1
            self._depth += 1
            found = follows(self._table, known, goal) and self._prove(known, goal)
            self._depth -= 1
            self._decided[key] = found
        return found

    def _prove(self, known: int, goal: int) -> bool:
        table = self._table
        if known >> goal & 1 or known >> table.false & 1 or table.kind[goal] == "true":
            return True
        kind, left, right = table.kind[goal], table.left[goal], table.right[goal]
        if kind == "and":
            return self.proves(known, left) and self.proves(known, right)
        if kind in ("implies", "not"):
            return self.proves(known | 1 << left, right if kind == "implies" else table.false)
        if kind == "iff":
            return self.proves(known | 1 << left, right) and self.proves(known | 1 << right, left)
        for number in bits(known):
            branches = self._simplify(known, number)
            if branches is not None:
                return all(self.proves(branch, goal) for branch in branches)
        if kind == "or" and (self.proves(known, left) or self.proves(known, right)):
            return True
        return any(self._use_nested(known, number, goal) for number in bits(known))

    def _simplify(self, known: int, number: int) -> tuple[int, ...] | None:
        """Returns what a formula of the left side may always be replaced by; None: no such rule."""
        table = self._table
        kind, left, right = table.kind[number], table.left[number], table.right[number]
        rest = known & ~(1 << number)
        if kind == "true":
            return (rest,)
        if kind == "and":
            return (rest | 1 << left | 1 << right,)
        if kind == "or":
            return (rest | 1 << left, rest | 1 << right)
        if kind == "iff":
            return (rest | 1 << table.imply(left, right) | 1 << table.imply(right, left),)
        if kind not in ("implies", "not"):
            return None
        after = right if kind == "implies" else table.false
        if known >> left & 1:
            return (rest | 1 << after,)
        smaller = self._split_antecedent(left, after)
        return None if smaller is None else (rest | smaller,)

    def _split_antecedent(self, left: int, after: int) -> int | None:
        """Returns the mask of what ``left -> after`` is equal to, None if the antecedent does not split."""
        table = self._table
        kind, a, b = table.kind[left], table.left[left], table.right[left]
        if kind == "true":
            return 1 << after
        if kind == "false":
            return 0
        if kind == "and":
            return 1 << table.imply(a, table.imply(b, after))
        if kind == "or":
            return 1 << table.imply(a, after) | 1 << table.imply(b, after)
        if kind == "iff":
            return 1 << table.imply(table.imply(a, b), table.imply(table.imply(b, a), after))
        return None

    def _use_nested(self, known: int, number: int, goal: int) -> bool:
        """Uses ``(a -> b) -> after``: proves ``a -> b``, then goes on with ``after``."""
        table = self._table
        kind, left = table.kind[number], table.left[number]
        if kind not in ("implies", "not") or table.kind[left] not in ("implies", "not"):
            return False
        after = table.right[number] if kind == "implies" else table.false
        rest = known & ~(1 << number)
        a = table.left[left]
        b = table.right[left] if table.kind[left] == "implies" else table.false
        inner = rest | 1 << a | 1 << table.imply(b, after)
        return self.proves(inner, b) and self.proves(rest | 1 << after, goal)
