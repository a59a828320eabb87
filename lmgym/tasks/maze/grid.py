"""Grids of mazes: fixed layouts, random ones, and distances by breadth-first search.

Comes in: sizes and random words, or the name of a layout. Goes out: grids as immutable values, a row a
string, ``#`` a wall and ``.`` an open square, the border included. Left out: texts, turns, rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from lmgym.tasks.stream import Words

Grid = tuple[str, ...]
Square = tuple[int, int]
"""(row, column); (0, 0) is a corner of the border."""

MOVES: Mapping[str, Square] = MappingProxyType(
    {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}
)


class Layout(NamedTuple):
    """A fixed maze with a fixed goal."""

    grid: Grid
    goal: Square


def _grid(drawing: str) -> Grid:
    return tuple(line.strip() for line in drawing.split())


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        # Two T-shaped corridors that join; the goal is at the end of the stem.
        "double_t": Layout(
            _grid("""
                #############
                #.....#.....#
                ###.#####.###
                ###.#####.###
                ###.#####.###
                ###.......###
                ######.######
                ######.######
                ######.######
                #############
            """),
            (8, 6),
        ),
        "umaze": Layout(_grid("##### #...# #.#.# #.#.# #####"), (3, 3)),
    }
)
"""The two layouts of LMRL-Gym's maze task, with its goals."""


def is_open(grid: Grid, square: Square) -> bool:
    """Returns whether the square is not a wall."""
    return grid[square[0]][square[1]] == "."


def open_squares(grid: Grid) -> list[Square]:
    """Returns every open square, row by row."""
    return [(row, column) for row, line in enumerate(grid) for column, char in enumerate(line) if char == "."]


def step(grid: Grid, square: Square, move: str) -> Square:
    """Returns where ``move`` leads from ``square``: the same square if a wall is in the way."""
    down, right = MOVES[move]
    reached = square[0] + down, square[1] + right
    return reached if is_open(grid, reached) else square


@lru_cache(maxsize=4096)
def distances(grid: Grid, goal: Square) -> Mapping[Square, int]:
    """Returns the length of the shortest way to ``goal`` from every square that has one."""
    found = {goal: 0}
    waiting = deque([goal])
    while waiting:
        square = waiting.popleft()
        for move in MOVES:
            reached = step(grid, square, move)
            if reached not in found:
                found[reached] = found[square] + 1
                waiting.append(reached)
    return MappingProxyType(found)


def best_moves(grid: Grid, square: Square, goal: Square) -> list[str]:
    """Returns the moves that begin a shortest way from ``square`` to ``goal``."""
    far = distances(grid, goal)
    return [move for move in MOVES if far[step(grid, square, move)] < far[square]]


def draw_grid(height: int, width: int, loops: float, words: Words) -> Grid:
    """Returns a random maze of ``height`` × ``width`` rooms; every room can be reached from every other.

    Rooms lie on the squares of odd row and column. A random spanning tree (Kruskal's algorithm on shuffled
    walls) opens walls between them, then each wall that is left is opened with probability ``loops``.
    """
    walls = [(2 * row + 1, 2 * column + 2) for row in range(height) for column in range(width - 1)]
    walls += [(2 * row + 2, 2 * column + 1) for row in range(height - 1) for column in range(width)]
    for place in range(len(walls) - 1, 0, -1):
        other = words.below(place + 1)
        walls[place], walls[other] = walls[other], walls[place]
    squares = [
        ["." if row % 2 and column % 2 else "#" for column in range(2 * width + 1)]
        for row in range(2 * height + 1)
    ]
    leader = {(2 * row + 1, 2 * column + 1): (2 * row + 1, 2 * column + 1)
              for row in range(height) for column in range(width)}  # fmt: skip
    for row, column in walls:
        sides = ((row, column - 1), (row, column + 1)) if row % 2 else ((row - 1, column), (row + 1, column))
        one, other_side = (_find(leader, side) for side in sides)
        if one != other_side:
            leader[one] = other_side
        if one != other_side or words.below(1 << 30) < loops * (1 << 30):
            squares[row][column] = "."
    return tuple("".join(line) for line in squares)


def _find(leader: dict[Square, Square], room: Square) -> Square:
    """Returns the leader of the room's part of the maze, with the way to it shortened."""
    while leader[room] != room:
        leader[room] = leader[leader[room]]
        room = leader[room]
    return room
