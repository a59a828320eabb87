"""Two-player games for PettingZoo: an agent a side, text in code points, a mask of the legal moves.

    env = tic_tac_toe_aec()
    env.reset()
    for agent in env.agent_iter():
        _, reward, terminated, truncated, info = env.last()
        env.step(None if terminated or truncated else choose(info["text"], info["action_mask"]))

An action is the number of a move; ``env.unwrapped.moves`` are the texts of all moves. An observation is the
text of the position as code points, int32[L], padded with 0; ``info["text"]`` is the same as a string and
``info["action_mask"]`` int8[moves] has 1 where a move is legal (all 0 for the side that waits). The winner
earns 1, the loser -1, a draw 0 each. An illegal move loses: PettingZoo's own wrapper ends the game, with -1
for the one who made it and 0 for the other. PettingZoo is optional: ``pip install "lmgym[games]"``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lmgym.errors import InvalidActionError, InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.games.nim import LETTERS, Nim
from lmgym.games.rules import Rules
from lmgym.games.tic_tac_toe import EMPTY, TicTacToe
from lmgym.tasks.options import check_int

PLAYERS = ("player_0", "player_1")


def nim_aec(heaps: Sequence[int] = (3, 4, 5), *, render_mode: str | None = None) -> Any:
    """Returns Nim as an environment of PettingZoo, with the wrappers that it asks for.

    Args:
        heaps: sizes of the heaps at the start, up to eight of 1 to 99.
        render_mode: None, or "ansi": ``render()`` returns the position's text.

    Raises:
        MissingDependencyError: PettingZoo is not installed.
        InvalidValueError: heaps that are none.
        UnknownNameError: another render mode.
    """
    return _wrap(raw_nim(heaps, render_mode=render_mode))


def tic_tac_toe_aec(*, render_mode: str | None = None) -> Any:
    """Returns Tic-Tac-Toe as an environment of PettingZoo, with the wrappers that it asks for.

    Raises:
        MissingDependencyError: PettingZoo is not installed.
        UnknownNameError: a render mode other than None and "ansi".
    """
    return _wrap(raw_tic_tac_toe(render_mode=render_mode))


def raw_nim(heaps: Sequence[int] = (3, 4, 5), *, render_mode: str | None = None) -> Any:
    """Returns ``nim_aec`` without wrappers: an illegal move is an error of the caller."""
    if not 1 <= len(heaps) <= len(LETTERS):
        raise InvalidValueError(f"heaps must be 1 to {len(LETTERS)} sizes, got {list(heaps)!r}.")
    start = tuple(check_int("heap", size, 1, 99) for size in heaps)
    return _game_class()(Nim(), start, Nim().legal_moves(start), render_mode)


def raw_tic_tac_toe(*, render_mode: str | None = None) -> Any:
    """Returns ``tic_tac_toe_aec`` without wrappers: an illegal move is an error of the caller."""
    return _game_class()(TicTacToe(), EMPTY, TicTacToe().legal_moves(EMPTY), render_mode)


class _Game:
    """What the games are beside what PettingZoo's ``AECEnv`` gives them."""

    agents: list[str]
    _cumulative_rewards: dict[str, float]
    _was_dead_step: Callable[[Any], None]
    _accumulate_rewards: Callable[[], None]

    def __init__(self, rules: Rules, start: Any, moves: tuple[str, ...], render_mode: str | None) -> None:
        if render_mode not in (None, "ansi"):
            raise UnknownNameError("render mode", render_mode, ("ansi",))
        self.rules, self.moves, self.render_mode = rules, moves, render_mode
        self.metadata = {
            "name": f"lmgym_{rules.name}_v0",
            "render_modes": ["ansi"],
            "is_parallelizable": False,
        }
        self._start = self._position = start
        length = len(rules.describe(start))
        box = spaces.Box(0, 0x10FFFF, (length,), np.int32)
        self.possible_agents = list(PLAYERS)
        self.observation_spaces = dict.fromkeys(PLAYERS, box)
        self.action_spaces = {agent: spaces.Discrete(len(moves)) for agent in PLAYERS}

    def observation_space(self, agent: str) -> spaces.Box:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begins a game; nothing is random, so ``seed`` and ``options`` change nothing."""
        self.agents = list(PLAYERS)
        self.agent_selection = PLAYERS[0]
        self._position = self._start
        self.rewards = dict.fromkeys(PLAYERS, 0.0)
        self._cumulative_rewards = dict.fromkeys(PLAYERS, 0.0)
        self.terminations = dict.fromkeys(PLAYERS, False)
        self.truncations = dict.fromkeys(PLAYERS, False)
        self._inform()

    def observe(self, agent: str) -> NDArray[np.int32]:
        text = self.rules.describe(self._position)
        observation = np.zeros(self.observation_spaces[agent].shape, np.int32)
        observation[: len(text)] = [ord(char) for char in text]
        return observation

    def step(self, action: Any) -> None:
        """Makes the move of ``agent_selection``; None for one whose game is over.

        Raises:
            InvalidActionError: the move is not legal.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        legal = self.rules.legal_moves(self._position)
        if not self.action_spaces[agent].contains(action) or self.moves[int(action)] not in legal:
            raise InvalidActionError(f"{agent} gave action {action!r}; legal moves are {', '.join(legal)}.")
        self._position = self.rules.apply(self._position, self.moves[int(action)])
        self._cumulative_rewards[agent] = 0.0
        other = PLAYERS[1 - PLAYERS.index(agent)]
        result = self.rules.result(self._position)
        self.rewards = dict.fromkeys(PLAYERS, 0.0)
        if result is not None:
            self.rewards = {agent: -float(result), other: float(result)}
            self.terminations = dict.fromkeys(PLAYERS, True)
        self._accumulate_rewards()
        self.agent_selection = other
        self._inform()

    def render(self) -> str | None:
        """Returns the position's text with ``render_mode="ansi"``."""
        return self.rules.describe(self._position) if self.render_mode else None

    def close(self) -> None:
        """Does nothing: there is nothing to let go of."""

    def _inform(self) -> None:
        text, legal = self.rules.describe(self._position), self.rules.legal_moves(self._position)
        mask = np.array([move in legal for move in self.moves], np.int8)
        self.infos = {
            agent: {
                "text": text,
                "action_mask": mask if agent == self.agent_selection else np.zeros_like(mask),
            }
            for agent in PLAYERS
        }


@cache
def _game_class() -> Any:
    """Returns the games' class, with PettingZoo's below it."""
    return type("GameAEC", (_Game, _pettingzoo().AECEnv), {})


def _wrap(env: Any) -> Any:
    wrappers = _pettingzoo("pettingzoo.utils.wrappers")
    env = wrappers.TerminateIllegalWrapper(env, illegal_reward=-1)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(env))


def _pettingzoo(module: str = "pettingzoo") -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            'games for several agents need the PettingZoo package: pip install "lmgym[games]"'
        ) from error
