"""Formulas as numbers, with truth tables: what the searches of this package calculate with.

In: formulas of the kernel. Out: numbers from 0 in the order of first use, the parts of each, and its truth
table as one integer (bit ``i`` is the value under the i-th assignment). Whatever is no connective counts as
an atom: predicates, equations, quantified formulas. Left out: everything that depends on what has been
proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

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
        self._joined: dict[tuple[Kind, int, int], int] = {}
        self._formulas: list[Formula | None] = []
        self.kind: list[Kind] = []
        self.left: list[int] = []
        self.right: list[int] = []
        """The second part; of formulas with one part or none, -1, as ``left`` of those with none."""
        self.truth: list[int] = []
        self._numbers: dict[Formula, int] = {}
        self.false = self.add(FALSE)
        for formula in given:
            self.add(formula)

    def __len__(self) -> int:
        return len(self.kind)

    def add(self, formula: Formula) -> int:
        """Returns the number of a formula over the table's atoms; its parts get theirs before it."""
        number = self._numbers.get(formula)
        if number is not None:
            return number
        kind = formula.kind
        if kind == "not":
            number = self.join(kind, self.add(formula.parts[0]))
        elif kind in CONNECTIVES:
            number = self.join(kind, self.add(formula.parts[0]), self.add(formula.parts[1]))
        else:
            constant = self.everywhere if formula is TRUE else 0
            truth = constant if kind in ("true", "false") else self._atom_truth[formula]
            number = self._append(kind, -1, -1, truth)
        self._numbers[formula] = number
        self._formulas[number] = formula
        return number

    def join(self, kind: Kind, left: int, right: int = -1) -> int:
        """Returns the number of a negation (without ``right``) or of two formulas joined."""
        key = (kind, left, right)
        found = self._joined.get(key)
        if found is None:
            found = self._joined[key] = self._append(kind, left, right, self._truth(kind, left, right))
        return found

    def find(self, kind: Kind, left: int, right: int = -1) -> int | None:
        """Returns the number that ``join`` would, None if the formula is not in the table."""
        return self._joined.get((kind, left, right))

    def formula(self, number: int) -> Formula:
        """Returns the kernel's formula, which is made when it is first asked for.

        Raises:
            TooLargeError: it is larger than formulas may be.
        """
        found = self._formulas[number]
        if found is None:
            kind, left = self.kind[number], self.formula(self.left[number])
            try:
                if kind == "not":
                    found = negation(left)
                else:
                    found = connect(kind, left, self.formula(self.right[number]))  # type: ignore[arg-type]
            except KernelError as error:
                raise TooLargeError from error
            self._formulas[number] = found
        return found

    def _append(self, kind: Kind, left: int, right: int, truth: int) -> int:
        self._formulas.append(None)
        self.kind.append(kind)
        self.left.append(left)
        self.right.append(right)
        self.truth.append(truth)
        return len(self.kind) - 1

    def _truth(self, kind: Kind, left: int, right: int) -> int:
        all_rows, truth = self.everywhere, self.truth
        if kind == "not":
            return all_rows & ~truth[left]
        if kind == "and":
            return truth[left] & truth[right]
        if kind == "or":
            return truth[left] | truth[right]
        if kind == "implies":
            return all_rows & (~truth[left] | truth[right])
        return all_rows & ~(truth[left] ^ truth[right])

    def negate(self, number: int) -> int:
        """Returns the number of the negation."""
        return self.join("not", number)

    def imply(self, left: int, right: int) -> int:
        """Returns the number of the implication."""
        return self.join("implies", left, right)

    def disjoin(self, left: int, right: int) -> int:
        """Returns the number of the disjunction."""
        return self.join("or", left, right)

    def models(self, mask: int) -> int:
        """Returns the truth table of the conjunction of the formulas in ``mask``."""
        rows, truth = self.everywhere, self.truth
        while mask:
            low = mask & -mask
            rows &= truth[low.bit_length() - 1]
            mask ^= low
        return rows
