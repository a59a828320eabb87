"""What the token and the text vector environment have in common: B episodes at once, and autoreset.

Comes in: one action a row. Goes out: what Gymnasium's vector environments return, in its three autoreset
modes. Left out: what actions and observations are.
"""

from __future__ import annotations

import copy as copying
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lmgym.envs.episodes import TurnEnds, begin_columns, end_columns, turn_columns
from lmgym.envs.infos import Columns, to_vector
from lmgym.envs.play import Pick, Play, RowsT, check_options, check_seed, read_pick
from lmgym.envs.setup import Setup
from lmgym.envs.single import _first_seed
from lmgym.errors import EpisodeOverError, InvalidValueError, UnknownNameError
from lmgym.tasks.base import Task

ObsT = TypeVar("ObsT")
ActT = TypeVar("ActT")


class BatchedEnv(VectorEnv[ObsT, ActT, NDArray[Any]], Generic[ObsT, ActT, RowsT]):
    """B episodes of one task at once; see ``TokenVectorEnv`` and ``TextVectorEnv``."""

    def __init__(self, rows: RowsT, num_envs: int, autoreset_mode: AutoresetMode | str) -> None:
        self.num_envs = num_envs
        self.autoreset_mode = read_autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": ["ansi"], "autoreset_mode": self.autoreset_mode}
        self._play = Play(rows, num_envs)
        self._all_rows = np.arange(num_envs)
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
    def is_live(self) -> NDArray[np.bool_]:
        """bool[B], True where an episode is going on; a copy."""
        return self._play.rows.is_live.copy()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[ObsT, dict[str, Any]]:
        """Begins episodes: row r's e-th problem is a pure function of (seed, r, e).

        Args:
            seed: non-negative; the rows that begin start over under it. None goes on with their next
                problems (at first, of a random seed).
            options: "reset_mask" bool[B] names the rows to begin, default all; "split" and "problem_index"
                (int64[B], or one for all) pick the problems, for these episodes alone.

        Returns:
            Observations of all rows, and infos of the rows that began (``prompt``, ``split``,
            ``problem_index``, ``difficulty``).

        Raises:
            UnknownNameError, InvalidValueError: an option that does not exist or has a bad value.
            PromptTooLongError: a prompt does not fit.
        """
        chosen = check_options(options, ("reset_mask", "split", "problem_index"))
        rows = self._read_reset_mask(chosen.get("reset_mask"))
        pick = read_pick(chosen, self.setup.task, self.num_envs, rows)
        super().reset(seed=None if seed is None else check_seed(seed))
        if seed is not None or not self._is_seeded:
            begins_anew = rows if self._is_seeded else self._all_rows
            self._play.stream.reseed(begins_anew, _first_seed(seed, self.np_random))
            self._is_seeded = True
        problems = self._play.begin(rows, pick)
        return self._observe(), to_vector(begin_columns(rows, problems), self.num_envs)

    def step(
        self, actions: ActT
    ) -> tuple[ObsT, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Takes one action in every row.

        Rows whose episode ended are treated by ``autoreset_mode``: NEXT_STEP ignores their action in the
        next step and begins their next episode, SAME_STEP begins it at once and leaves the last
        observation and info in ``final_obs`` and ``final_info``, DISABLED demands a reset.

        Returns:
            Observations, rewards float64[B], terminated bool[B], truncated bool[B], infos.

        Raises:
            InvalidActionError: an action outside the action space; nothing has changed.
            EpisodeOverError: no reset before, or with DISABLED a row whose episode has ended.
        """
        live, ended = self._split_rows()
        checked = self._check_actions(actions, live)
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, np.bool_)
        truncated = np.zeros(self.num_envs, np.bool_)
        infos: dict[str, Any] = {}
        columns: Columns = {}
        if len(ended):
            columns = begin_columns(ended, self._play.begin(ended, Pick()))
        if len(live):
            rewards[live], ends = self._append(live, checked)
            if ends is not None:
                terminated[ends.rows], truncated[ends.rows] = ends.terminated, ends.truncated
                self._play.observe(ends)
                columns = self._tell(ends, columns, infos)
        infos.update(to_vector(columns, self.num_envs))
        return self._observe(), rewards, terminated, truncated, infos

    def render(self) -> tuple[str, ...]:
        """Returns the text of each row's episode so far."""
        return tuple(self._texts())

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

    def _make_spaces(self, observation: Any, action: Any) -> None:
        self.single_observation_space, self.single_action_space = observation, action
        self.observation_space = batch_space(observation, self.num_envs)
        self.action_space = batch_space(action, self.num_envs)

    def _split_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns (rows that act, rows that begin instead)."""
        is_live = self._play.rows.is_live
        if is_live.all():
            return self._all_rows, _NO_ROWS
        if not self._is_seeded:
            raise EpisodeOverError("no episode has begun; call reset() before step().")
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise EpisodeOverError(
                f"the episodes of rows {_some(np.flatnonzero(~is_live))} are over; with autoreset disabled "
                "call reset(options={'reset_mask': terminated | truncated}) before step()."
            )
        return np.flatnonzero(is_live), np.flatnonzero(~is_live)

    def _tell(self, ends: TurnEnds, columns: Columns, infos: dict[str, Any]) -> Columns:
        """Returns the columns with those of the ended turns; resets ended rows if that is due now."""
        ended = np.flatnonzero(ends.ended)
        if not len(ended):
            return columns | turn_columns(ends, np.arange(len(ends.rows)))
        finished = end_columns(ends, ended, *self._counts())
        going_on = turn_columns(ends, np.flatnonzero(~ends.ended))
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            every = turn_columns(ends, np.arange(len(ends.rows)))
            return columns | finished | every
        rows = ends.rows[ended]
        final_obs = np.empty(self.num_envs, object)
        final_obs[rows] = self._observe_rows(rows)
        is_final = np.zeros(self.num_envs, np.bool_)
        is_final[rows] = True
        infos["final_obs"], infos["_final_obs"] = final_obs, is_final
        infos["final_info"], infos["_final_info"] = to_vector(finished, self.num_envs), is_final.copy()
        return columns | going_on | begin_columns(rows, self._play.begin(rows, Pick()))

    def _read_reset_mask(self, mask: object) -> NDArray[np.int64]:
        if mask is None:
            return self._all_rows
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise InvalidValueError(
                f"options['reset_mask'] must be a numpy array of bool[{self.num_envs}], True where a row is "
                f"to begin, got {mask!r}."
            )
        if not mask.any():
            raise InvalidValueError("options['reset_mask'] must be True in at least one row, got none.")
        return np.flatnonzero(mask)

    @abstractmethod
    def _check_actions(self, actions: ActT, live: NDArray[np.int64]) -> Any:
        """Returns the actions of the rows ``live``; those of other rows are ignored."""

    @abstractmethod
    def _append(
        self, rows: NDArray[np.int64], actions: Any
    ) -> tuple[NDArray[np.float64], TurnEnds | None]: ...

    @abstractmethod
    def _observe(self) -> ObsT: ...

    @abstractmethod
    def _observe_rows(self, rows: NDArray[np.int64]) -> list[Any]: ...

    @abstractmethod
    def _texts(self) -> list[str]: ...

    @abstractmethod
    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns (tokens, actions), each int64[B]."""


_NO_ROWS = np.zeros(0, np.int64)


def read_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Returns the autoreset mode from an ``AutoresetMode``, its name or its value.

    Raises:
        UnknownNameError: neither.
    """
    for known in AutoresetMode:
        if mode in (known, known.name, known.value):
            return known
    raise UnknownNameError("autoreset_mode", mode, [known.name for known in AutoresetMode])


def check_num_envs(num_envs: object) -> int:
    """Returns ``num_envs`` as an int.

    Raises:
        InvalidValueError: not an integer of at least 1.
    """
    if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
        raise InvalidValueError(f"num_envs must be an integer of at least 1, got {num_envs!r}.")
    return int(num_envs)


def _some(rows: NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, rows[:5].tolist()))
    return shown + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
