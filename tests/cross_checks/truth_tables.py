"""Truth tables as integers, one bit for each row: what follows from what in propositional logic.

Works on the formulas of ``tests.reference.line_checker``, so it shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from tests.reference.line_checker import Node


@lru_cache(maxsize=200_000)
def atoms_of(formula: Node) -> frozenset[str] | None:
    """Returns the names of the atoms, None if the formula is not propositional."""
    if formula[0] == "P":
        return frozenset((formula[1],)) if not formula[2] else None
    if formula[0] in ("=", "all", "ex"):
        return None
    found = [atoms_of(part) for part in formula[1:]]
    return None if None in found else frozenset[str]().union(*(part for part in found if part is not None))


@lru_cache(maxsize=200_000)
def truth_of(formula: Node, atoms: tuple[str, ...]) -> int:
    """Returns the rows in which ``formula`` is true, as bits of an integer."""
    rows = 1 << len(atoms)
    everywhere = (1 << rows) - 1
    if formula[0] == "P":
        place = atoms.index(formula[1])
        return sum(1 << row for row in range(rows) if row >> place & 1)
    if formula[0] in ("T", "F"):
        return everywhere if formula[0] == "T" else 0
    values = [truth_of(part, atoms) for part in formula[1:]]
    if formula[0] == "~":
        return everywhere ^ values[0]
    left, right = values
    if formula[0] == "&":
        return left & right
    if formula[0] == "|":
        return left | right
    if formula[0] == "->":
        return (everywhere ^ left) | right
    assert formula[0] == "<->", formula
    return everywhere ^ left ^ right


def follows(given: Iterable[Node], formula: Node) -> bool | None:
    """Returns whether ``given`` entail ``formula``; None: not propositional, or of more than ten atoms."""
    given = tuple(given)
    found = [atoms_of(each) for each in (*given, formula)]
    if None in found:
        return None
    atoms = tuple(sorted(frozenset[str]().union(*(each for each in found if each is not None))))
    if len(atoms) > 10:
        return None
    rows = (1 << (1 << len(atoms))) - 1
    for each in given:
        rows &= truth_of(each, atoms)
    return not rows & ~truth_of(formula, atoms)
