"""``lmgym/SlidingPuzzle-v0``: put the tiles in order, a move a turn; every distance is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.options import check_fraction, check_int
from lmgym.tasks.sliding_puzzle.boards import (
    MAX_SQUARES,
    MOVES,
    Size,
    best_moves,
    distances,
    draw_board,
    layers,
    moves_from,
)
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split


class Level(NamedTuple):
    """What a level poses."""

    height: int
    width: int
    max_distance: int
    """Moves of the shortest solution, from 1 up to it; "ood_distance" has up to ``EXTRA`` more."""


EXTRA = 4
SPARE = 4
"""Moves that an episode has beyond the farthest problem of any split."""
LEVELS: dict[int, Level] = {
    1: Level(2, 3, 8),
    2: Level(2, 3, 14),
    3: Level(2, 3, 17),
    4: Level(3, 3, 8),
    5: Level(3, 3, 12),
    6: Level(3, 3, 16),
    7: Level(3, 3, 22),
    8: Level(3, 3, 27),
}
_OOD = "ood_distance"


class PuzzleReference(NamedTuple):
    """The private truth of a problem."""

    board: str
    """As drawn, row after row."""
    value: int
    """Moves of the shortest solution."""


class PuzzleState(NamedTuple):
    """How far an episode of ``SlidingPuzzle`` is."""

    problem: Problem
    board: str
    num_moves_made: int = 0
    """Turns taken, lost ones included."""


@final
class SlidingPuzzle(Task):
    """Slide tiles until they are in order; every turn is one move of the gap: u, d, l or r.

    A turn that is no move, leads off the board, or was cut by its token budget is a lost turn. The distance
    is drawn uniformly from 1 to the level's largest, then a board of that distance.
    """

    splits = (*HASHED_SPLITS, _OOD)

    def __init__(
        self,
        *,
        level: int = 1,
        height: int | None = None,
        width: int | None = None,
        max_distance: int | None = None,
        max_moves: int | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task; the other options take the place of the level's.

        Args:
            level: 1 (2 × 3, up to 8 moves from the goal) to 8 (3 × 3, up to 27).
            height: rows, 2 to 4.
            width: columns, 2 to 4; 9 squares in all at most.
            max_distance: moves of the farthest problem outside "ood_distance", 1 to one less than the size
                has.
            max_moves: turns of an episode, from what the farthest problem of any split needs to 1000; by
                default 4 more than that.
            demonstration_quality: probability in [0, 1] that a demonstrated move begins a shortest way; the
                others are any move that stays on the board.

        Raises:
            InvalidValueError: a value out of its range.
        """
        self._options: dict[str, object] = dict(
            height=height, width=width, max_distance=max_distance, max_moves=max_moves,
            demonstration_quality=demonstration_quality,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS))
        its = LEVELS[self._level]
        self._size = Size(
            check_int("height", its.height if height is None else height, 2, 4),
            check_int("width", its.width if width is None else width, 2, 4),
        )
        if self._size.height * self._size.width > MAX_SQUARES:
            raise InvalidValueError(
                f"height={self._size.height} and width={self._size.width} make "
                f"{self._size.height * self._size.width} squares; allowed are {MAX_SQUARES}."
            )
        farthest = self._size.farthest
        wanted = min(its.max_distance, farthest - 1) if max_distance is None else max_distance
        self._max_distance = check_int("max_distance", wanted, 1, farthest - 1)
        self._ood_distance = min(self._max_distance + EXTRA, farthest)
        moves = self._ood_distance + SPARE if max_moves is None else max_moves
        self._max_moves = check_int("max_moves", moves, self._ood_distance, 1000)
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._stream = ProblemStream(self.fingerprint, self._draw_block)

    @property
    def fingerprint(self) -> str:
        height, width = self._size
        return (
            f"SlidingPuzzle(size={height}x{width},max_distance={self._max_distance},"
            f"max_moves={self._max_moves})"
        )

    @property
    def size(self) -> Size:
        """Rows and columns."""
        return self._size

    @property
    def alphabet(self) -> str:
        return "".join(MOVES)

    @property
    def max_prompt_chars(self) -> int:
        return len(self._show(self._size.goal))

    @property
    def max_reply_chars(self) -> int:
        return 1 + self.max_prompt_chars

    @property
    def max_turns(self) -> int:
        return self._max_moves

    @property
    def default_max_new_tokens(self) -> int:
        return 2

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    @property
    def optimal_return(self) -> float:
        """Greatest possible rate of success."""
        return 1.0

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words, by_distance = Words(rng), layers(self._size)
        first, last = 1, self._max_distance
        if split == _OOD:
            first, last = self._max_distance + 1, self._ood_distance

        def draw(words: Words) -> Draft:
            layer = by_distance[first + words.below(last - first + 1)]
            return self._draft(layer[words.below(len(layer))])

        return [draw_until_split(draw, split, words) for _ in range(count)]

    def _draft(self, board: str) -> Draft:
        reference = PuzzleReference(board, distances(self._size)[board])
        return Draft(self._show(board), reference, draw_board(self._size, board), float(self._level))

    def _show(self, board: str) -> str:
        return f"{draw_board(self._size, board)}>"

    def start(self, problem: Problem) -> PuzzleState:
        return PuzzleState(problem, problem.reference.board)

    def respond(self, state: PuzzleState, turn: Turn) -> Response:
        board = self._move(state.board, turn) or state.board
        after = PuzzleState(state.problem, board, state.num_moves_made + 1)
        if self._is_solved(board) or after.num_moves_made >= self._max_moves:
            return Response(after, None, True)
        return Response(after, f"\n{self._show(board)}", False)

    def _move(self, board: str, turn: Turn) -> str | None:
        """Returns the board after the turn, None if it is no move that can be made."""
        return moves_from(self._size, board).get(turn.text) if turn.is_complete else None

    def _is_solved(self, board: str) -> bool:
        return board == self._size.goal

    def legal_moves(self, state: PuzzleState) -> tuple[str, ...]:
        """Returns the texts of the moves that stay on the board; () at the end."""
        if self._is_solved(state.board) or state.num_moves_made >= self._max_moves:
            return ()
        return tuple(moves_from(self._size, state.board))

    def distance(self, state: PuzzleState) -> int:
        """Returns the least number of moves to the goal."""
        return distances(self._size)[state.board]

    def _walk(self, problem: Problem, turns: Sequence[Turn]) -> tuple[PuzzleState, bool]:
        """Returns where the agent's turns lead, and whether the last one was a move."""
        state, is_move = self.start(problem), True
        for turn in turns:
            is_over = self._is_solved(state.board) or state.num_moves_made >= self._max_moves
            if turn.role == "agent" and not is_over:
                board = self._move(state.board, turn)
                is_move = board is not None
                state = PuzzleState(problem, board or state.board, state.num_moves_made + 1)
        return state, is_move

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict; the score of a wrong episode is the share of the way that was gained.

        Reasons: "unfinished" while moves are left (after a turn that is no move "illegal"), "truncated", and
        at the end "wrong", after a last turn that is no move "illegal", after one that was cut "overlong".
        """
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state, is_move = self._walk(transcript.problem, transcript.turns)
        last = next((turn for turn in reversed(transcript.turns) if turn.role == "agent"), None)
        answer = last.text[:16] if last else None
        if self._is_solved(state.board):
            return Verdict("correct", "", answer, 1.0)
        gained = max(0.0, 1 - self.distance(state) / transcript.problem.reference.value)
        is_over = state.num_moves_made >= self._max_moves
        if not is_move:
            is_cut = last is not None and not last.is_complete
            return Verdict("wrong", "overlong" if is_over and is_cut else "illegal", None, gained)
        return Verdict("wrong", "wrong" if is_over else "unfinished", answer, gained)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the moves of a shortest solution, drawn at random where there are several."""
        board, texts = problem.reference.board, list[str]()
        while not self._is_solved(board) and len(texts) < self._max_moves:
            following = moves_from(self._size, board)
            is_right = rng.random() < self._quality
            moves = best_moves(self._size, board) if is_right else list(following)
            texts.append(moves[int(rng.integers(len(moves)))])
            board = following[texts[-1]]
        return tuple(texts)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 if the goal can still be reached in the moves left, else 0.0."""
        state, _ = self._walk(problem, turns)
        left = self._max_moves - state.num_moves_made
        needed = self.distance(state)
        if not needed or not partial:
            return float(needed <= left)
        reached = moves_from(self._size, state.board).get(partial)
        if reached is not None:
            needed = min(needed, distances(self._size)[reached])
        return float(needed <= left - 1)  # a turn that goes on after its move is a lost one
