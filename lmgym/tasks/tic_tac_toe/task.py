"""``lmgym/TicTacToe-v0``: three in a row, against a fixed opponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self, final

import numpy as np

from lmgym.games.rules import Rules
from lmgym.games.tic_tac_toe import EMPTY
from lmgym.games.tic_tac_toe import TicTacToe as TicTacToeRules
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.match import GameReference, GameState, Match, Named, Opponent
from lmgym.tasks.options import check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

LEVELS: Mapping[int, tuple[tuple[int, int], tuple[int, int]]] = {
    1: ((4, 5), (2, 3)),
    2: ((2, 4), (0, 1)),
    3: ((0, 4), (5, 5)),
}
"""Fewest and most moves of an opening, and of one of "ood_openings"; by level."""
_OOD = "ood_openings"
_PROMPT_CHARS = len(f"{EMPTY} x>")


@final
class TicTacToe(Task):
    """Three in a row on nine squares; a turn is the number of an empty square.

    The agent goes on from a random opening, as x or as o, in which perfect play does not lose. Success is to
    end with at least what perfect play reaches from there: a win where the opening is won, else a draw. The
    hash of the opening, the same for all its rotations and reflections, decides the split.
    """

    splits = (*HASHED_SPLITS, _OOD)

    def __init__(
        self,
        *,
        level: int = 3,
        opponent: Named | Opponent = "optimal",
        mistakes: float | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (openings of four or five moves) to 3 (of none to four).
            opponent: "optimal", "mixed", "random", or a function from the text of a position to a move.
            mistakes: probability in [0, 1] that "mixed" plays a random move; 0.3 if not given.
            demonstration_quality: probability in [0, 1] that a demonstrated move is one of the best; the
                others are any legal moves.

        Raises:
            UnknownNameError: an opponent of another name.
            InvalidValueError: a value out of its range, or ``mistakes`` for an opponent other than "mixed".
        """
        self._options: dict[str, object] = dict(
            opponent=opponent, mistakes=mistakes, demonstration_quality=demonstration_quality
        )
        self._level = check_int("level", level, 1, max(LEVELS))
        self._match = Match(TicTacToeRules(), opponent, mistakes, demonstration_quality, 1)
        self._openings, self._ood_openings = LEVELS[self._level]
        self._shape = f"TicTacToe(openings={self._openings[0]}-{self._openings[1]}"
        self._stream = ProblemStream(self._shape, self._draw_block)

    @property
    def rules(self) -> Rules:
        """The game's rules, for playing both sides."""
        return self._match.rules

    @property
    def fingerprint(self) -> str:
        return f"{self._shape},opponent={self._match.name})"

    @property
    def alphabet(self) -> str:
        return "123456789"

    @property
    def max_prompt_chars(self) -> int:
        return _PROMPT_CHARS

    @property
    def max_reply_chars(self) -> int:
        return 1 + _PROMPT_CHARS

    @property
    def max_turns(self) -> int:
        return (10 - min(self._openings[0], self._ood_openings[0])) // 2

    @property
    def default_max_new_tokens(self) -> int:
        return 2

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        draw = partial(self._draw, self._ood_openings if split == _OOD else self._openings)
        return [draw_until_split(draw, split, words) for _ in range(count)]

    def _draw(self, num_moves: tuple[int, int], words: Words) -> Draft | None:
        rules, board = self._match.rules, EMPTY
        fewest, most = num_moves
        for _ in range(fewest + words.below(most - fewest + 1)):
            moves = rules.legal_moves(board)
            if not moves:
                return None
            board = rules.apply(board, moves[words.below(len(moves))])
        value = rules.value(board)
        if rules.result(board) is not None or value < 0:
            return None
        key = rules.canonical(board)
        return Draft(rules.describe(board), GameReference(value, board), key, float(self._level))

    def start(self, problem: Problem) -> GameState:
        return self._match.start(problem)

    def respond(self, state: GameState, turn: Turn) -> Response:
        return self._match.respond(state, turn)

    def verify(self, transcript: Transcript) -> Verdict:
        return self._match.verify(transcript)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return self._match.demonstrations(problem, rng)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        return self._match.optimal_value(problem, turns, partial)
