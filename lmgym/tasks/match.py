"""A match against a fixed opponent: what the tasks of two-player games share.

The agent is to move in the first position, and each of its turns is one move, written exactly as the rules
write it. A turn that is no legal move, or was cut by its token budget, loses the game at once. The opponent
answers in the same step; what it draws is a pure function of the problem and of the game so far. Left out:
which positions a game begins from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.games.optimal import SuccessChance
from lmgym.games.players import Player
from lmgym.games.rules import Rules
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Response
from lmgym.tasks.options import check_choice, check_fraction

Opponent = Callable[[str], str]
"""Takes the text of a position, as the side to move reads it, and returns a move. Must be a pure function."""

Named = Literal["optimal", "mixed", "random"]

_MISTAKES = {"optimal": 0.0, "mixed": 0.3, "random": 1.0}
_MAX_ANSWERS_KEPT = 1 << 16


class GameReference(NamedTuple):
    """The private truth of a problem."""

    value: int
    """What perfect play reaches for the agent, and so the least that counts as success: 1 win, 0 draw."""
    position: Any
    """The first position, with the agent to move."""


class GameState(NamedTuple):
    """How far an episode is."""

    problem: Problem
    position: Any
    num_moves: int = 0
    """Of both sides, since the first position."""
    result: int | None = None
    """How the game ended for the agent: 1, 0 or -1; None while it goes on."""
    reason: str = ""
    """"illegal" or "overlong" where the agent lost by a turn that was no move."""


class Match:
    """Plays the opponent's side of a game, and judges the agent's."""

    def __init__(
        self,
        rules: Rules,
        opponent: Named | Opponent,
        mistakes: float | None,
        quality: float,
        max_turn_chars: int,
    ) -> None:
        """Checks the options.

        Args:
            rules: the game.
            opponent: "optimal" plays a perfect move, any of the best with equal probability; "random" any
                legal move; "mixed" errs with probability ``mistakes``; or a function from the text of a
                position to a move, which is asked once for each text.
            mistakes: probability in [0, 1] that "mixed" plays a random move; None: 0.3.
            quality: probability in [0, 1] that a demonstrated move is one of the best.
            max_turn_chars: characters of the longest move.

        Raises:
            UnknownNameError: an opponent of another name.
            InvalidValueError: a value out of its range, or ``mistakes`` for an opponent other than "mixed".
        """
        self.rules, self._quality = rules, check_fraction("demonstration_quality", quality)
        self._max_chars = max_turn_chars
        self._opponent = opponent if callable(opponent) else None
        name = _name(opponent) if callable(opponent) else check_choice("opponent", opponent, _MISTAKES)
        if mistakes is not None and name != "mixed":
            raise InvalidValueError(f"mistakes={mistakes!r} belongs to opponent='mixed', got {opponent!r}.")
        share = _MISTAKES.get(name, 0.0) if mistakes is None else check_fraction("mistakes", mistakes)
        self.name = f"mixed:{share}" if name == "mixed" else name
        """Of the opponent, for fingerprints."""
        self._player, self._expert = Player(rules, share), Player(rules)
        self._chance = SuccessChance(rules, self._player.chances)
        self._answers: dict[str, str] = {}

    def start(self, problem: Problem) -> GameState:
        """Returns the state in which nobody has moved."""
        return GameState(problem, problem.reference.position)

    def respond(self, state: GameState, turn: Turn) -> Response:
        """Returns the state after the agent's turn and the opponent's move, if there is one."""
        after = self._play(state, turn)
        is_over = after.result is not None
        return Response(after, None if is_over else f"\n{self.rules.describe(after.position)}", is_over)

    def _play(self, state: GameState, turn: Turn) -> GameState:
        move = self._read(state.position, turn)
        if move is None:
            return state._replace(result=-1, reason="illegal" if turn.is_complete else "overlong")
        position = self.rules.apply(state.position, move)
        state = state._replace(position=position, num_moves=state.num_moves + 1)
        result = self.rules.result(position)
        if result is not None:
            return state._replace(result=-result)
        answer = self._answer(state)
        if answer not in self.rules.legal_moves(position):
            return state._replace(result=1)  # the same rule for both sides
        position = self.rules.apply(position, answer)
        return state._replace(
            position=position, num_moves=state.num_moves + 1, result=self.rules.result(position)
        )

    def _read(self, position: Any, turn: Turn) -> str | None:
        if not turn.is_complete or len(turn.text) > self._max_chars:
            return None
        return turn.text if turn.text in self.rules.legal_moves(position) else None

    def _answer(self, state: GameState) -> str:
        """Returns what the opponent says; for a function, whatever it returned the first time."""
        if self._opponent is None:
            address = (state.problem.split, state.problem.index, state.num_moves)
            return self._player.draw(state.position, *address)
        text = self.rules.describe(state.position)
        if text not in self._answers:
            if len(self._answers) >= _MAX_ANSWERS_KEPT:
                self._answers.clear()
            self._answers[text] = self._opponent(text)
        return self._answers[text]

    def _after(self, problem: Problem, turns: Sequence[Turn]) -> GameState:
        state = self.start(problem)
        for turn in turns:
            if turn.role == "agent" and state.result is None:
                state = self._play(state, turn)
        return state

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict: correct if the agent ended with at least what perfect play would have reached.

        A draw where perfect play wins scores 0.5. Reasons: "drawn" then, "lost", "illegal" or "overlong"
        after a turn that was no move, "unfinished", "truncated".
        """
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state = self._after(transcript.problem, transcript.turns)
        last = next((turn for turn in reversed(transcript.turns) if turn.role == "agent"), None)
        answer = None if last is None or state.reason else last.text
        if state.result is None:
            return Verdict("wrong", "unfinished", answer)
        if state.result >= transcript.problem.reference.value:
            return Verdict("correct", "", answer, 1.0)
        if state.result == 0:
            return Verdict("wrong", "drawn", answer, 0.5)
        return Verdict("wrong", state.reason or "lost", answer)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the agent's moves of one game, drawn from the best with the probability ``quality``."""
        state, moves = self.start(problem), list[str]()
        while state.result is None:
            is_best = rng.random() < self._quality
            chances = self._expert.chances(state.position) if is_best else None
            listed = list(chances or self.rules.legal_moves(state.position))
            moves.append(listed[int(rng.integers(len(listed)))])
            state = self._play(state, Turn("agent", moves[-1]))
        return tuple(moves)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns the best chance of success for one who knows how the opponent draws its moves.

        That is an expectation over what "mixed" and "random" opponents may draw next. None against a
        function.
        """
        if self._opponent is not None:
            return None
        state, target = self._after(problem, turns), cast("int", problem.reference.value)
        if state.result is not None:
            return float(state.result >= target)
        if not partial:
            return self._chance.to_move(state.position, target)
        if len(partial) > self._max_chars:
            return 0.0
        moves = [move for move in self.rules.legal_moves(state.position) if move.startswith(partial)]
        after = (self.rules.apply(state.position, move) for move in moves)
        return max((self._chance.to_wait(position, target) for position in after), default=0.0)


def _name(opponent: Opponent) -> str:
    kind = opponent if hasattr(opponent, "__qualname__") else type(opponent)
    return f"{kind.__module__}:{cast('Any', kind).__qualname__}"
