"""What a maze says and understands, in two wordings.

Comes in: a grid and where the agent is. Goes out: observations; and the move that a turn's text stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from lmgym.tasks.maze.grid import MOVES, Grid, Square, step

Observation = Literal["full", "partial"]
Wording = Literal["plain", "words"]

_SIDES: Mapping[str, str] = MappingProxyType(
    {"right": "to your right", "left": "to your left", "up": "above you", "down": "below you"}
)


class Manner(NamedTuple):
    """How a maze talks."""

    observation: Observation
    wording: Wording
    shows_map: bool

    @property
    def moves(self) -> Mapping[str, str]:
        """The move by the text that asks for it."""
        return _WORDED_MOVES if self.wording == "words" else _PLAIN_MOVES

    def move_text(self, move: str) -> str:
        """Returns the text that asks for ``move``."""
        return f"move {move}" if self.wording == "words" else move[0]

    def read(self, text: str) -> str | None:
        """Returns the move that ``text`` asks for, None if there is none; one newline may end it."""
        return self.moves.get(text.removesuffix("\n")) if len(text) < 16 else None

    def prompt(self, grid: Grid, position: Square, goal: Square) -> str:
        """Returns what the agent reads first."""
        shown = ""
        if self.shows_map:
            shown = f"{draw_map(grid, position, goal)}\n"
            shown = (
                f"The maze, with you at S and the goal at G:\n{shown}" if self.wording == "words" else shown
            )
        return shown + self.describe(grid, position, goal)

    def reply(self, grid: Grid, position: Square, goal: Square) -> str:
        """Returns what the agent reads after a move that did not reach the goal."""
        return "\n" + self.describe(grid, position, goal)

    def describe(self, grid: Grid, position: Square, goal: Square) -> str:
        """Returns what is known at ``position``."""
        walls = [move for move in MOVES if step(grid, position, move) == position]
        if self.wording == "words":
            return self._describe_in_words(walls, position, goal)
        seen = f"#{''.join(wall[0] for wall in walls)}>"
        return f"{_plain(position)} to {_plain(goal)} {seen}" if self.observation == "full" else seen

    def _describe_in_words(self, walls: list[str], position: Square, goal: Square) -> str:
        sides = [_SIDES[wall] for wall in walls]
        if not sides:
            seen = "There are no walls near you."
        elif len(sides) == 1:
            seen = f"There is a wall {sides[0]}."
        else:
            seen = f"There are walls {', '.join(sides)}."
        if self.observation == "full":
            seen = (
                f"The goal is at position {_spaced(goal)}. "
                f"Your current position is at position {_spaced(position)}. {seen}"
            )
        return seen + "\n"


_PLAIN_MOVES = MappingProxyType({move[0]: move for move in MOVES})
_WORDED_MOVES = MappingProxyType({f"move {move}": move for move in MOVES})


def draw_map(grid: Grid, position: Square, goal: Square) -> str:
    """Returns the grid without its border, the agent as ``S`` and the goal as ``G``."""
    rows = [list(line) for line in grid]
    rows[position[0]][position[1]] = "S"
    rows[goal[0]][goal[1]] = "G"
    return "\n".join("".join(row[1:-1]) for row in rows[1:-1])


def _plain(square: Square) -> str:
    return f"{square[0]},{square[1]}"


def _spaced(square: Square) -> str:
    """Returns the coordinates with a space between digits: every digit is a token of its own."""
    return ", ".join(" ".join(str(number)) for number in square)
