"""Nim: heaps of objects; a move takes any number from one heap, and whoever takes the last object wins.

>>> rules = Nim()
>>> rules.describe((1, 2)), rules.legal_moves((1, 2)), rules.value((1, 2))
('1,2>', ('a1', 'b1', 'b2'), 1)
>>> rules.apply((1, 2), "b1")
(1, 1)
"""

from __future__ import annotations

from functools import reduce
from operator import xor

Heaps = tuple[int, ...]

LETTERS = "abcdefgh"
"""Names of the heaps, from left to right; so there are at most eight."""


class Nim:
    """The rules of Nim under normal play. A position is a tuple of heap sizes."""

    name = "nim"

    def legal_moves(self, position: Heaps) -> tuple[str, ...]:
        """Returns e.g. ``b3`` for taking three objects from the second heap."""
        return tuple(
            f"{LETTERS[heap]}{count}"
            for heap, size in enumerate(position)
            for count in range(1, size + 1)
        )  # fmt: skip

    def apply(self, position: Heaps, move: str) -> Heaps:
        """Returns the heaps after a legal move."""
        heap = LETTERS.index(move[0])
        return (*position[:heap], position[heap] - int(move[1:]), *position[heap + 1 :])

    def result(self, position: Heaps) -> int | None:
        """Returns -1 when nothing is left: the other side took the last object."""
        return None if any(position) else -1

    def describe(self, position: Heaps) -> str:
        """Returns e.g. ``3,5,2>``; empty heaps stay as 0, so that every heap keeps its name."""
        return ",".join(map(str, position)) + ">"

    def canonical(self, position: Heaps) -> Heaps:
        """Returns the sizes of the heaps that are left, sorted."""
        return tuple(sorted(size for size in position if size))

    def value(self, position: Heaps) -> int:
        """Returns 1 unless the exclusive or of the sizes (the Sprague-Grundy number) is 0.

        Source: Bouton 1901, "Nim, a game with a complete mathematical theory".
        """
        return 1 if grundy(position) else -1


def grundy(position: Heaps) -> int:
    """Returns the Sprague-Grundy number of the heaps: the exclusive or of their sizes."""
    return reduce(xor, position, 0)
