"""Exact values of positions: between perfect players, and against an opponent whose chances are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from lmgym.games.rules import Rules

Chances = Callable[[Any], Mapping[str, float]]
"""The probability of each move that an opponent may make in a position that is its to move."""


def minimax(rules: Rules, position: Any, value: Callable[[Any], int]) -> int:
    """Returns the exact value of a position from those of its successors.

    Args:
        rules: the game.
        position: any.
        value: gives the values of successors; the caller's own cached function, which calls this one.
    """
    result = rules.result(position)
    if result is not None:
        return result
    return max(-value(rules.apply(position, move)) for move in rules.legal_moves(position))


class SuccessChance:
    """The best probability of ending at least at a target, against an opponent of known chances.

    V(s) = max over moves a of W(s·a), and W(t) = sum over the opponent's moves b of p(b | t) V(t·b): the one
    who plays knows how the opponent draws its moves and not what it will draw. Values are kept for one
    position of each class of symmetry, so the opponent's chances must be the same under symmetries.
    """

    def __init__(self, rules: Rules, chances: Chances) -> None:
        self._rules, self._chances = rules, chances
        self._known: dict[tuple[bool, Any, int], float] = {}

    def to_move(self, position: Any, target: int) -> float:
        """Returns the probability where the side that is to succeed moves; ``target`` is 1 or 0."""
        return self._chance(True, position, target)

    def to_wait(self, position: Any, target: int) -> float:
        """Returns the probability where the opponent moves; ``target`` is the other side's, 1 or 0."""
        return self._chance(False, position, target)

    def _chance(self, is_own: bool, position: Any, target: int) -> float:
        result = self._rules.result(position)
        if result is not None:
            return float((result if is_own else -result) >= target)
        key = (is_own, self._rules.canonical(position), target)
        if key not in self._known:
            self._known[key] = self._search(is_own, position, target)
        return self._known[key]

    def _search(self, is_own: bool, position: Any, target: int) -> float:
        value = self._rules.value(position)
        if (value if is_own else -value) >= target:
            return 1.0
        after = self._rules.apply
        if is_own:
            moves = self._rules.legal_moves(position)
            return max(self._chance(False, after(position, move), target) for move in moves)
        chances = self._chances(position)
        parts = (
            chance * self._chance(True, after(position, move), target) for move, chance in chances.items()
        )
        return min(1.0, math.fsum(parts))  # the chances may add up to a hair more than 1
