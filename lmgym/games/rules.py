"""What a two-player game is: immutable positions, moves as short texts, exact values.

A position is a hashable value seen by the side that is to move. Values and results are that side's own: 1 a
win, 0 a draw, -1 a loss, so the value of a position is minus that of the worst one the opponent can be given.
Left out: whose turn it is by name, opponents, budgets, tokens.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

Position = Hashable


class Rules(Protocol):
    """A game of two players who move in turn and see everything."""

    @property
    def name(self) -> str:
        """What the game is called, e.g. ``"nim"``."""
        ...

    def legal_moves(self, position: Any) -> tuple[str, ...]:
        """Returns every move as text, in a fixed order; none where the game is over."""
        ...

    def apply(self, position: Any, move: str) -> Any:
        """Returns the position after a legal move, as the other side sees it."""
        ...

    def result(self, position: Any) -> int | None:
        """Returns how the game has ended for the side to move: 1, 0 or -1; None while it goes on."""
        ...

    def describe(self, position: Any) -> str:
        """Returns the text that the side to move reads; it ends with ``>`` and tells the whole position."""
        ...

    def canonical(self, position: Any) -> Any:
        """Returns one position for all that are the same up to symmetry."""
        ...

    def value(self, position: Any) -> int:
        """Returns the exact result for the side to move when both play perfectly: 1, 0 or -1."""
        ...


def best_moves(rules: Rules, position: Any) -> tuple[str, ...]:
    """Returns the legal moves that keep the position's exact value, in the order of ``legal_moves``."""
    value = rules.value(position)
    return tuple(
        move for move in rules.legal_moves(position) if -rules.value(rules.apply(position, move)) == value
    )
