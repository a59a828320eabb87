"""Boards of the sliding puzzle: moves, and exact distances of all boards by breadth-first search.

Comes in: a size. Goes out: boards as strings, row after row, ``_`` the gap: ``1234_5`` of two rows is
123/4_5. The goal has the tiles in order and the gap last. Left out: texts, turns, rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

MAX_SQUARES = 9
"""Larger boards have too many states for a table of distances."""
MOVES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"u": (-1, 0), "d": (1, 0), "l": (0, -1), "r": (0, 1)}
)
"""Where the gap goes, as (rows, columns)."""
GAP = "_"
FARTHEST: Mapping[tuple[int, int], int] = MappingProxyType({(2, 2): 6, (2, 3): 21, (2, 4): 36, (3, 3): 31})
"""The largest distance, by the smaller side and the larger: known before the table is made."""


class Size(NamedTuple):
    """Rows and columns."""

    height: int
    width: int

    @property
    def goal(self) -> str:
        """The solved board."""
        return "".join(str(tile) for tile in range(1, self.height * self.width)) + GAP

    @property
    def farthest(self) -> int:
        """Moves that the farthest board needs."""
        return FARTHEST[min(self), max(self)]


@lru_cache(maxsize=64)
def _steps(size: Size) -> tuple[Mapping[str, int], ...]:
    """Returns for every place of the gap where each move that stays on the board takes it."""
    found = []
    for place in range(size.height * size.width):
        row, column = divmod(place, size.width)
        found.append(
            {
                move: (row + down) * size.width + column + right
                for move, (down, right) in MOVES.items()
                if 0 <= row + down < size.height and 0 <= column + right < size.width
            }
        )
    return tuple(found)


def moves_from(size: Size, board: str) -> Mapping[str, str]:
    """Returns the board after every move that stays on the board, in the order u, d, l, r."""
    place = board.index(GAP)
    return {move: _swap(board, place, other) for move, other in _steps(size)[place].items()}


def _swap(board: str, place: int, other: int) -> str:
    low, high = min(place, other), max(place, other)
    return board[:low] + board[high] + board[low + 1 : high] + board[low] + board[high + 1 :]


@lru_cache(maxsize=4)
def distances(size: Size) -> Mapping[str, int]:
    """Returns the least number of moves to the goal, for every board that has any: half of all."""
    found = {size.goal: 0}
    layer = [size.goal]
    while layer:
        following = list[str]()
        for board in layer:
            for near in moves_from(size, board).values():
                if near not in found:
                    found[near] = found[board] + 1
                    following.append(near)
        layer = following
    return MappingProxyType(found)


@lru_cache(maxsize=4)
def layers(size: Size) -> tuple[tuple[str, ...], ...]:
    """Returns all boards that can be solved, by distance from 0 on."""
    far = distances(size)
    found: list[list[str]] = [[] for _ in range(max(far.values()) + 1)]
    for board, distance in far.items():
        found[distance].append(board)
    return tuple(map(tuple, found))


def best_moves(size: Size, board: str) -> list[str]:
    """Returns the moves that begin a shortest way to the goal; [] at the goal."""
    far = distances(size)
    return [move for move, near in moves_from(size, board).items() if far[near] < far[board]]


def manhattan(size: Size, board: str) -> int:
    """Returns the sum over tiles of rows and columns to their place: admissible and consistent."""
    total = 0
    for place, tile in enumerate(board):
        if tile != GAP:
            row, column = divmod(place, size.width)
            goal_row, goal_column = divmod(int(tile) - 1, size.width)
            total += abs(row - goal_row) + abs(column - goal_column)
    return total


def draw_board(size: Size, board: str) -> str:
    """Returns the board as text, rows divided by ``/``: ``123/45_/786``."""
    width = size.width
    return "/".join(board[start : start + width] for start in range(0, len(board), width))
