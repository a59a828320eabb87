"""Players of known strength: perfect, random, or mixed, and how they draw a move.

A player says with which probability it makes each move. What it draws is a pure function of a path of
numbers and words (see ``lmgym.seeding``), so a game can be played again from its address alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from lmgym.games.rules import Rules, best_moves
from lmgym.seeding import Path, make_key


class Player:
    """Plays a random move with probability ``mistakes`` and else one of the best, each drawn uniformly."""

    def __init__(self, rules: Rules, mistakes: float = 0.0) -> None:
        """Joins a game and a strength.

        Args:
            rules: the game.
            mistakes: in [0, 1]; 0 is a perfect player, 1 a random one.
        """
        self.rules, self.mistakes = rules, mistakes
        self._best = cache(lambda position: best_moves(rules, position))

    def chances(self, position: Any) -> Mapping[str, float]:
        """Returns the probability of each move that may be made in a position of a game that goes on."""
        moves, best = self.rules.legal_moves(position), self._best(position)
        chances = dict.fromkeys(moves, self.mistakes / len(moves))
        for move in best:
            chances[move] += (1 - self.mistakes) / len(best)
        return {move: chance for move, chance in chances.items() if chance > 0}

    def draw(self, position: Any, *path: Path) -> str:
        """Returns the move drawn at ``path``: the same arguments, the same move."""
        key = make_key(0, "player", *path, self.rules.describe(position))
        # The upper half decides whether to err, the lower half which move: they share no bit.
        errs = (key >> 32) < self.mistakes * 2**32
        moves = self.rules.legal_moves(position) if errs else self._best(position)
        return moves[(key & 0xFFFFFFFF) % len(moves)]
