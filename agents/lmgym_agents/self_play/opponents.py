"""Who sits at a board: models, fixed players, and any agent as an opponent in an environment.

A seat is asked for moves in many games at once. Left out: who plays whom (``rollout``), learning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from lmgym.errors import InvalidValueError
from lmgym.games.players import Player
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.engine import Engine
from lmgym_agents.sampling import SamplingParams


class Request(NamedTuple):
    """What a seat is asked: a move in one game."""

    game: int
    """Number of the game; with ``num_moves`` the address of what is random."""
    num_moves: int
    """Made in the game so far, by both sides."""
    position: Any
    """Of the rules, seen by the side to move."""
    tokens: list[int]
    """All that this side has read and said so far, as its environment would show it."""


class Choice(NamedTuple):
    """What a seat answers."""

    text: str | None
    """The move; None: it did not end its turn within the budget."""
    tokens: list[int]
    """The same as tokens, its end included; empty for players that have none."""
    logps: list[float]
    """Log-prob of each token under the distribution it was drawn from."""


class Seat(Protocol):
    """One who plays."""

    def choose(self, requests: Sequence[Request], seed: int) -> list[Choice]:
        """Returns a choice for each request, a pure function of the arguments (and of present weights)."""
        ...


class ModelSeat:
    """A language model that plays by sampling its moves."""

    def __init__(
        self, engine: Engine, tokenizer: TextTokenizer, *, temperature: float, max_new_tokens: int
    ) -> None:
        """Joins the parts.

        Args:
            engine: over the model, whose present weights are used.
            tokenizer: the model's.
            temperature: 0 plays the most likely move.
            max_new_tokens: budget of a move, its end token included.
        """
        self._engine, self._tokenizer = engine, tokenizer
        self._params = SamplingParams(
            max_new_tokens=max_new_tokens, temperature=temperature, stop_ids=tokenizer.end_ids
        )

    def choose(self, requests: Sequence[Request], seed: int) -> list[Choice]:
        """Samples a turn for each request; request g, m draws from (seed, m, g, position) alone."""
        generation = self._engine.generate(
            [request.tokens for request in requests],
            self._params,
            seed=seed,
            request_ids=[request.game * 1024 + request.num_moves for request in requests],
        )
        lengths = generation.lengths.numpy()
        texts = self._tokenizer.decode_batch(generation.tokens.numpy(), lengths)
        return [
            Choice(text if stopped else None, tokens[:length], logps[:length])
            for text, stopped, length, tokens, logps in zip(
                texts, generation.stopped.tolist(), lengths.tolist(), generation.tokens.tolist(),
                generation.logps.tolist(), strict=True,
            )
        ]  # fmt: skip


class PlayerSeat:
    """A player of known strength, see ``lmgym.games.players``."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def choose(self, requests: Sequence[Request], seed: int) -> list[Choice]:
        """Draws each move by its address (seed, game, number of the move)."""
        return [
            Choice(self._player.draw(request.position, seed, request.game, request.num_moves), [], [])
            for request in requests
        ]


def as_opponent(agent: LMAgent, *, max_new_tokens: int = 8) -> Callable[[str], str]:
    """Returns a language model as the ``opponent=`` of ``lmgym/Nim-v0`` and ``lmgym/TicTacToe-v0``.

    It reads each position as if the game began there. An opponent must be a pure function of the text, so the
    agent has to be greedy.

    Raises:
        InvalidValueError: the agent samples.
    """
    if not agent.params.is_greedy:
        raise InvalidValueError(
            f"an opponent must give one answer to one text, but this agent samples at temperature "
            f"{agent.params.temperature}; make it with SamplingParams(temperature=0)."
        )

    def move(text: str) -> str:
        answer: str = agent.respond([text], max_new_tokens=max_new_tokens)[0]
        return answer

    return move
