"""Formulas as numbers, with truth tables: what the searches of this package calculate with.

In: formulas of the kernel. Out: numbers from 0 in the order of first use, the parts of each, and its truth
table as one integer (bit ``i`` is the value under the i-th assignment). Whatever is no connective counts as
an atom: predicates, equations, quantified formulas. Left out: everything that depends on what has been
proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from lmgym.logic.kernel import FALSE, TRUE, Formula, KernelError, Kind, connect, negation

MAX_ATOMS: Final = 14
"""Different atoms of a sequent at most; a truth table has 2**14 bits then."""
MAX_FORMULAS: Final = 600
"""Different subformulas of a sequent at most."""

CONNECTIVES: Final = ("and", "or", "implies", "iff")


class TooLargeError(Exception):
    """More atoms or formulas than a table holds. Never leaves this package."""


def atoms_of(formulas: Iterable[Formula]) -> list[Formula]:
    """Returns the atoms of ``formulas``, each once, in the order of first occurrence."""
    found: dict[Formula, None] = {}
    seen: set[Formula] = set()
    waiting = list(formulas)[::-1]
    while waiting:
        formula = waiting.pop()
        if formula in seen:
            continue
        seen.add(formula)
        if formula.kind == "not" or formula.kind in CONNECTIVES:
            waiting.extend(reversed(formula.parts))
        elif formula.kind not in ("true", "false"):
            found[formula] = None
        if len(seen) > MAX_FORMULAS or len(found) > MAX_ATOMS:
            raise TooLargeError
    return list(found)


def bits(mask: int) -> Iterator[int]:
    """Returns the numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Table:
    """The formulas of one search. ``kind``, ``left``, ``right`` and ``truth`` are indexed by number.

    Raises:
        TooLargeError: there are too many atoms or formulas.
    """

    def __init__(self, formulas: Iterable[Formula]) -> None:
        given = list(formulas)
        atoms = atoms_of(given)
        rows = 1 << len(atoms)
        self.everywhere = (1 << rows) - 1
        self._atom_truth: dict[Formula, int] = {}
        for place, atom in enumerate(atoms):
            period = 1 << place
            once = ((1 << period) - 1) << period
            self._atom_truth[atom] = self.everywhere // ((1 << 2 * period) - 1) * once
        self._joined: dict[tuple[object, ...], int] = {}
        self.formulas: list[Formula] = []
        self.kind: list[Kind] = []
        self.left: list[int] = []
        self.right: list[int] = []
        """The second part; of formulas with one part or none, -1, as ``left`` of those with none."""
        self.truth: list[int] = []
        self.numbers: dict[Formula, int] = {}
        self.false = self.add(FALSE)
        for formula in given:
            self.add(formula)

    def __len__(self) -> int:
        return len(self.formulas)

    def add(self, formula: Formula) -> int:
        """Returns the number of a formula over the table's atoms; its parts get theirs before it."""
        number = self.numbers.get(formula)
        if number is not None:
            return number
        kind = formula.kind
        has_parts = kind == "not" or kind in CONNECTIVES
        left = self.add(formula.parts[0]) if has_parts else -1
        right = self.add(formula.parts[1]) if kind in CONNECTIVES else -1
        number = len(self.formulas)
        self.numbers[formula] = number
        self.formulas.append(formula)
        self.kind.append(kind)
        self.left.append(left)
        self.right.append(right)
        self.truth.append(self._truth(formula, left, right))
        return number

    def _truth(self, formula: Formula, left: int, right: int) -> int:
        kind, all_rows, truth = formula.kind, self.everywhere, self.truth
        if kind == "not":
            return all_rows & ~truth[left]
        if kind == "and":
            return truth[left] & truth[right]
        if kind == "or":
            return truth[left] | truth[right]
        if kind == "implies":
            return all_rows & (~truth[left] | truth[right])
        if kind == "iff":
            return all_rows & ~(truth[left] ^ truth[right])
        return all_rows if formula is TRUE else 0 if formula is FALSE else self._atom_truth[formula]

    def negation_of(self, number: int) -> Formula:
        """Returns the negation, which need not be in the table."""
        return negation(self.formulas[number])

    def negate(self, number: int) -> int:
        """Returns the number of the negation."""
        return self._add_new("not", number)

    def imply(self, left: int, right: int) -> int:
        """Returns the number of the implication."""
        return self._add_new("implies", left, right)

    def disjoin(self, left: int, right: int) -> int:
        """Returns the number of the disjunction."""
        return self._add_new("or", left, right)

    def _add_new(self, kind: Literal["not", "or", "implies"], *numbers: int) -> int:
        key = (kind, *numbers)
        found = self._joined.get(key)
        if found is None:
            parts = [self.formulas[number] for number in numbers]
            try:
                found = self.add(negation(parts[0]) if kind == "not" else connect(kind, parts[0], parts[1]))
            except KernelError as error:
                raise TooLargeError from error
            self._joined[key] = found
        return found

    def models(self, mask: int) -> int:
        """Returns the truth table of the conjunction of the formulas in ``mask``."""
        rows = self.everywhere
        for number in bits(mask):
            rows &= self.truth[number]
        return rows
