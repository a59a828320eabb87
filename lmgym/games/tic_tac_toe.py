"""Tic-Tac-Toe: three in a row on a board of nine squares; x moves first.

>>> rules = TicTacToe()
>>> rules.describe("xo.......")
'xo....... x>'
>>> rules.legal_moves("xoxoxo...")
('7', '8', '9')
>>> rules.result("xxxoo....")
-1
"""

from __future__ import annotations

from functools import lru_cache

from lmgym.games.optimal import minimax

EMPTY = "." * 9
LINES = (
    (0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6),
)  # fmt: skip
"""The squares of each line of three, counted from 0, row by row."""


class TicTacToe:
    """The rules of Tic-Tac-Toe. A position is nine characters, row by row: x, o, or . for an empty square."""

    name = "tic_tac_toe"

    def legal_moves(self, position: str) -> tuple[str, ...]:
        """Returns the numbers of the empty squares, 1 to 9, while the game goes on."""
        if has_line(position):
            return ()
        return tuple(str(square + 1) for square, mark in enumerate(position) if mark == ".")

    def apply(self, position: str, move: str) -> str:
        """Returns the board with the mark of the side to move on that square."""
        square = int(move) - 1
        return position[:square] + mark_to_move(position) + position[square + 1 :]

    def result(self, position: str) -> int | None:
        """Returns -1 when the other side has three in a row, 0 when the board is full."""
        if has_line(position):
            return -1
        return None if "." in position else 0

    def describe(self, position: str) -> str:
        """Returns the board and the mark of the side to move, e.g. ``....x.... o>``."""
        return f"{position} {mark_to_move(position)}>"

    def canonical(self, position: str) -> str:
        """Returns the least of the eight boards that rotations and reflections make of this one."""
        return min("".join(position[square] for square in turned) for turned in _SYMMETRIES)

    def value(self, position: str) -> int:
        """Returns the exact value by exhaustive search; 5478 positions in all, each searched once."""
        return _value(position)


def mark_to_move(position: str) -> str:
    """Returns x where both have made equally many moves, else o."""
    return "x" if position.count("x") == position.count("o") else "o"


@lru_cache(maxsize=8192)
def has_line(position: str) -> bool:
    """Returns whether a side has three in a row."""
    return any(position[a] != "." and position[a] == position[b] == position[c] for a, b, c in LINES)


@lru_cache(maxsize=8192)
def _value(position: str) -> int:
    return minimax(_RULES, position, _value)


def _make_symmetries() -> tuple[tuple[int, ...], ...]:
    found, board = [], tuple(range(9))
    for _ in range(4):
        board = tuple(board[3 * (2 - column) + row] for row in range(3) for column in range(3))
        found += [board, tuple(board[3 * row + 2 - column] for row in range(3) for column in range(3))]
    return tuple(found)


_SYMMETRIES = _make_symmetries()
_RULES = TicTacToe()
