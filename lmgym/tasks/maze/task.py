"""``lmgym/Maze-v0``: find the way to the goal, a move a turn, paid only at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.maze.grid import (
    LAYOUTS,
    MOVES,
    Grid,
    Square,
    best_moves,
    distances,
    draw_grid,
    open_squares,
    step,
)
from lmgym.tasks.maze.texts import Manner, Observation, Wording
from lmgym.tasks.options import check_bool, check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

LEVELS: dict[int, tuple[int, int, int]] = {
    1: (2, 2, 8),
    2: (2, 3, 12),
    3: (3, 3, 20),
    4: (4, 4, 32),
    5: (5, 5, 50),
    6: (6, 6, 70),
    7: (8, 8, 100),
    8: (10, 10, 150),
}
"""Rows of rooms, rooms in a row, most moves; by level."""
PUBLISHED_MAX_STEPS = 100
_OOD = "ood_size"


class MazeReference(NamedTuple):
    """The private truth of a problem."""

    grid: Grid
    start: Square
    goal: Square
    value: int
    """Moves of the shortest way."""


class MazeState(NamedTuple):
    """How far an episode of ``Maze`` is."""

    problem: Problem
    position: Square
    num_moves_made: int = 0


@final
class Maze(Task):
    """Walk from a start to a goal; every turn is one move, r, l, u or d; success is being there in time.

    A turn that is no move, or was cut by its token budget, is a lost turn, like a move into a wall.
    Random mazes have three hashed splits and "ood_size" with more rooms. A ``layout`` has a fixed maze and
    goal, the start alone varies, and one split "train" with every start: nothing is held out there.
    """

    def __init__(
        self,
        *,
        level: int = 1,
        observation: Observation = "full",
        wording: Wording = "plain",
        shows_map: bool | None = None,
        layout: str | None = None,
        height: int | None = None,
        width: int | None = None,
        loops: float = 0.25,
        max_steps: int | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task; ``height``, ``width`` and ``max_steps`` take the place of the level's.

        Args:
            level: 1 (2 × 2 rooms) to 8 (10 × 10).
            observation: "full" tells position, goal and the walls around, "partial" the walls alone.
            wording: "plain" (``1,1 to 3,3 #lu>``, answered by ``r``) or "words" (sentences, answered by
                ``move right``).
            shows_map: whether the prompt draws the maze; by default that of random mazes does under full
                observation.
            layout: "double_t" or "umaze", a fixed maze in place of random ones.
            height: rows of rooms, 1 to 20.
            width: rooms in a row, 2 to 20.
            loops: probability in [0, 1] that a wall which the maze can spare is opened.
            max_steps: moves of an episode, 1 to 1000; a random maze whose goal is farther is not drawn.
            demonstration_quality: probability in [0, 1] that a demonstrated move begins a shortest way; the
                others go anywhere, into walls too.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range, or ``level``, ``height`` or ``width`` beside
                ``layout``.
        """
        self._options: dict[str, object] = dict(
            observation=observation, wording=wording, shows_map=shows_map, layout=layout, height=height,
            width=width, loops=loops, max_steps=max_steps, demonstration_quality=demonstration_quality,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS))
        self._layout = None if layout is None else LAYOUTS[check_choice("layout", layout, LAYOUTS)]
        if layout is not None and (level != 1 or height is not None or width is not None):
            raise InvalidValueError(f"layout={layout!r} is of one size; leave out level, height and width.")
        level_height, level_width, level_steps = LEVELS[self._level]
        self._height = check_int("height", level_height if height is None else height, 1, 20)
        self._width = check_int("width", level_width if width is None else width, 2, 20)
        steps = level_steps if layout is None else PUBLISHED_MAX_STEPS
        self._max_steps = check_int("max_steps", steps if max_steps is None else max_steps, 1, 1000)
        self._loops = check_fraction("loops", loops)
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        check_choice("observation", observation, ("full", "partial"))
        check_choice("wording", wording, ("plain", "words"))
        if shows_map is None:
            shows_map = layout is None and observation == "full"
        self._manner = Manner(observation, wording, check_bool("shows_map", shows_map))
        self.splits = ("train",) if self._layout else (*HASHED_SPLITS, _OOD)
        shape = f"layout={layout}" if layout else f"rooms={self._height}x{self._width},loops={self._loops}"
        self._shape = f"Maze({shape},max_steps={self._max_steps})"
        self._stream = ProblemStream(self._shape + repr(tuple(self._manner)), self._draw_block)

    @property
    def fingerprint(self) -> str:
        observation, wording, shows_map = self._manner
        return f"{self._shape[:-1]},{observation=!s},{wording=!s},{shows_map=})"

    @property
    def alphabet(self) -> str:
        return "".join(dict.fromkeys("".join(self._manner.moves)))

    @property
    def max_prompt_chars(self) -> int:
        (height, width), tiny = self._largest, ("###", "#.#", "###")
        around = len(self._manner.prompt(tiny, (1, 1), (1, 1))) - len(
            self._manner.describe(tiny, (1, 1), (1, 1))
        )
        shown = around - len("G\n") + (height - 2) * (width - 1) if self._manner.shows_map else 0
        return shown + self._room_for_observations

    @property
    def max_reply_chars(self) -> int:
        return 1 + self._room_for_observations if self._max_steps > 1 else 0

    @property
    def max_turns(self) -> int:
        return self._max_steps

    @property
    def default_max_new_tokens(self) -> int:
        return max(map(len, self._manner.moves)) + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return 1 if self._layout else max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    @property
    def _largest(self) -> Square:
        """Rows and columns of the largest grid, the border included."""
        if self._layout:
            return len(self._layout.grid), len(self._layout.grid[0])
        return 2 * _enlarged(self._height) + 1, 2 * _enlarged(self._width) + 1

    @property
    def _room_for_observations(self) -> int:
        """The most characters of an observation: the farthest corner, walled in on all sides."""
        height, width = self._largest
        blocked = tuple("#" * width for _ in range(height))
        return len(self._manner.describe(blocked, (height - 2, width - 2), (height - 2, width - 2)))

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        if self._layout:
            grid, goal = self._layout
            starts = [square for square in open_squares(grid) if square != goal]
            return [self._draft(grid, starts[words.below(len(starts))], goal) for _ in range(count)]
        grow = _enlarged if split == _OOD else int
        height, width = grow(self._height), grow(self._width)

        def draw(words: Words) -> Draft | None:
            grid = draw_grid(height, width, self._loops, words)
            squares = open_squares(grid)
            start = squares.pop(words.below(len(squares)))
            goal = squares[words.below(len(squares))]
            is_near = distances(grid, goal)[start] <= self._max_steps
            return self._draft(grid, start, goal) if is_near else None

        return [draw_until_split(draw, split, words) for _ in range(count)]

    def _draft(self, grid: Grid, start: Square, goal: Square) -> Draft:
        reference = MazeReference(grid, start, goal, distances(grid, goal)[start])
        key = f"{'/'.join(grid)} {start[0]},{start[1]} {goal[0]},{goal[1]}"
        return Draft(self._manner.prompt(grid, start, goal), reference, key, float(self._level))

    def start(self, problem: Problem) -> MazeState:
        return MazeState(problem, problem.reference.start)

    def respond(self, state: MazeState, turn: Turn) -> Response:
        grid, _, goal, _ = state.problem.reference
        position = self._move(grid, state.position, turn)
        after = MazeState(state.problem, position, state.num_moves_made + 1)
        if position == goal or after.num_moves_made >= self._max_steps:
            return Response(after, None, True)
        return Response(after, self._manner.reply(grid, position, goal), False)

    def _read(self, turn: Turn) -> str | None:
        return self._manner.read(turn.text) if turn.is_complete else None

    def _move(self, grid: Grid, position: Square, turn: Turn) -> Square:
        move = self._read(turn)
        return position if move is None else step(grid, position, move)

    def _walk(self, problem: Problem, turns: Sequence[Turn]) -> tuple[Square, int]:
        """Returns where the agent's turns lead, and how many were made on the way."""
        grid, position, goal, _ = problem.reference
        num_moves = 0
        for turn in turns:
            if turn.role == "agent" and position != goal and num_moves < self._max_steps:
                position = self._move(grid, position, turn)
                num_moves += 1
        return position, num_moves

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict; the score of a wrong episode is the share of the way that was gained.

        Reasons: "unfinished" while moves are left (after a turn that is no move "illegal"), "truncated", and
        at the end "wrong", after a last turn that is no move "illegal", after one that was cut "overlong".
        """
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        problem, turns = transcript.problem, transcript.turns
        grid, _, goal, way = problem.reference
        position, num_moves = self._walk(problem, turns)
        last = next((turn for turn in reversed(turns) if turn.role == "agent"), None)
        if position == goal:
            return Verdict("correct", "", last.text[:16] if last else "", 1.0)
        gained = max(0.0, 1 - distances(grid, goal)[position] / way)
        move = self._read(last) if last else None
        if last and move is None:
            is_over = num_moves >= self._max_steps
            return Verdict(
                "wrong", "overlong" if is_over and not last.is_complete else "illegal", None, gained
            )
        reason = "wrong" if num_moves >= self._max_steps else "unfinished"
        return Verdict("wrong", reason, last.text[:16] if last else None, gained)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the moves of a shortest way, drawn at random where there are several."""
        grid, position, goal, _ = problem.reference
        texts: list[str] = []
        while position != goal and len(texts) < self._max_steps:
            is_right = rng.random() < self._quality
            moves = best_moves(grid, position, goal) if is_right else list(MOVES)
            move = moves[int(rng.integers(len(moves)))]
            texts.append(self._manner.move_text(move))
            position = step(grid, position, move)
        return tuple(texts)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 if the goal can still be reached in the moves left, for one who knows the maze."""
        grid, _, goal, _ = problem.reference
        position, num_moves = self._walk(problem, turns)
        far = distances(grid, goal)
        if position == goal or not partial:
            return float(far[position] <= self._max_steps - num_moves)
        # A turn that has begun as a move can still be spoilt, which loses it but keeps the square.
        moved = [
            step(grid, position, move) for text, move in self._manner.moves.items() if _begins(text, partial)
        ]
        nearest = min([position, *moved], key=far.__getitem__)
        return float(far[nearest] <= self._max_steps - num_moves - 1)


def _enlarged(rooms: int) -> int:
    """Returns the rooms of "ood_size" where a level has ``rooms``."""
    return rooms + 1 + rooms // 4


def _begins(text: str, partial: str) -> bool:
    return text.startswith(partial) or partial == text + "\n"
