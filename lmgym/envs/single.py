"""What the token environment and the text environment have in common: one episode at a time.

They are a batch of one row, so single and vector environments can't differ.
"""

from __future__ import annotations

import copy as copying
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lmgym.envs.episodes import TurnEnds, begin_columns, end_columns, turn_columns
from lmgym.envs.infos import to_single
from lmgym.envs.play import Play, RowsT, check_options, check_seed, read_pick
from lmgym.envs.setup import Setup
from lmgym.errors import EpisodeOverError, InvalidValueError
from lmgym.records import Turn
from lmgym.tasks.base import Task

ObsT = TypeVar("ObsT")
ActT = TypeVar("ActT")
ROW = np.zeros(1, np.int64)
POSITION = np.zeros(1, np.int64)


class RenderModeError(InvalidValueError, TypeError):
    """A render mode that text has not.

    A TypeError too: Stable-Baselines3 asks every environment for "rgb_array" and takes a TypeError for "no".
    """


class SingleEnv(gym.Env[ObsT, ActT], Generic[ObsT, ActT, RowsT]):
    """One episode at a time of any task; see ``TokenEnv`` and ``TextEnv``."""

    # Gymnasium asks for render_fps of every environment that renders, text too.
    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, rows: RowsT, render_mode: str | None) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise RenderModeError(f"render_mode must be None or 'ansi', got {render_mode!r}.")
        self.render_mode = render_mode
        self._play = Play(rows, 1)
        self._is_seeded = False

    @property
    def setup(self) -> Setup:
        """The resolved options."""
        return self._play.rows.setup

    @property
    def task(self) -> Task:
        """The task, at the curriculum's present level."""
        return self._play.task

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said so far, the unfinished turn aside; in episodes of one turn nothing is kept."""
        return self._play.rows.episodes.turns[0]

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[ObsT, dict[str, Any]]:
        """Begins an episode: with a seed the first one under that seed, without one the next.

        Args:
            seed: non-negative; None goes on with the problems of the seed before (at first, of a random one).
            options: "split" and "problem_index" (in [0, 2**63)) pick the problem, for this episode alone;
                "row" plays the problems of that row of a vector environment from now on.

        Returns:
            The observation, and info with ``prompt``, ``split``, ``problem_index`` and ``difficulty``.

        Raises:
            UnknownNameError, InvalidValueError: an option that does not exist or has a bad value.
            PromptTooLongError: the prompt does not fit.
        """
        chosen = check_options(options, ("split", "problem_index", "row"))
        pick = read_pick(chosen, self.setup.task, 1, ROW)
        row = chosen.get("row")
        if row is not None:
            self._play.stream.readdress(0, check_seed(row))
        super().reset(seed=None if seed is None else check_seed(seed))
        if seed is not None or not self._is_seeded:
            self._play.stream.reseed(ROW, _first_seed(seed, self.np_random))
            self._is_seeded = True
        problems = self._play.begin(ROW, pick)
        return self._observe(), to_single(begin_columns(ROW, problems))

    def step(self, action: ActT) -> tuple[ObsT, float, bool, bool, dict[str, Any]]:
        """Takes one action.

        Returns:
            Observation, reward, terminated (the task ended), truncated (the episode's token budget ended
            before), info. At the end of a turn info has ``response`` and ``stopped``; at the end of the
            episode also ``success``, ``status``, ``reason``, ``score``, ``reward_terms``, ``reward_failed``,
            ``num_tokens`` and ``num_actions``.

        Raises:
            InvalidActionError: the action is not in the action space; nothing has changed.
            EpisodeOverError: the episode has ended, or none has begun.
        """
        if not self._play.rows.is_live[0]:
            raise EpisodeOverError("the episode is over, or none has begun; call reset() before step().")
        reward, ends = self._act(action)
        if ends is None:
            return self._observe(), reward, False, False, {}
        self._play.observe(ends)
        terminated, truncated = bool(ends.terminated[0]), bool(ends.truncated[0])
        if terminated or truncated:
            columns = end_columns(ends, POSITION, *self._counts())
        else:
            columns = turn_columns(ends, POSITION)
        return self._observe(), reward, terminated, truncated, to_single(columns)

    def render(self) -> str | None:
        """Returns the text of the episode so far if ``render_mode`` is "ansi"."""
        return self._text() if self.render_mode == "ansi" else None

    def clone(self) -> Self:
        """Returns a copy that goes on independently; cheap, as all that is immutable is shared."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._play = self._play.clone()
        copy._np_random = copying.deepcopy(self._np_random)
        return copy

    __copy__ = clone

    def get_state(self) -> dict[str, Any]:
        """Returns what the environment's future depends on, made of JSON values and numpy arrays alone."""
        return {**self._play.get_state(), "is_seeded": self._is_seeded}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a state that ``get_state`` returned here or in another environment of equal options.

        Raises:
            InvalidValueError: the state is of another task, tokenizer, size or curriculum.
        """
        self._play.set_state(state)
        self._is_seeded = bool(state.get("is_seeded", True))

    @abstractmethod
    def _act(self, action: ActT) -> tuple[float, TurnEnds | None]: ...

    @abstractmethod
    def _observe(self) -> ObsT: ...

    @abstractmethod
    def _text(self) -> str: ...

    @abstractmethod
    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns (tokens, actions), each int64[1]."""


def _first_seed(seed: int | None, rng: np.random.Generator) -> int:
    return int(rng.integers(2**63)) if seed is None else seed
