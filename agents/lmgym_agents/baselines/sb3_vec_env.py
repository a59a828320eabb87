"""``TokenVecEnv``: rows of tokens as Stable-Baselines3 steps them, hundreds at once at array speed.

Comes in: a ``TokenVectorEnv`` that begins ended rows in the same step. Goes out: what a ``DummyVecEnv`` over
as many single environments returns: the same episodes, rewards, terminal observations, truncation flags and
infos, without a Python environment for each row. Left out: statistics of episodes, for which there is
Stable-Baselines3's own ``VecMonitor``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

import lmgym  # noqa: F401  # registers the environments
from lmgym.envs.token import as_array
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidActionError, InvalidValueError, UnknownNameError
from lmgym_agents.baselines.sb3_actions import needed_tokens
from lmgym_agents.baselines.sb3_infos import split_infos

Observations = dict[str, NDArray[Any]]

_PER_ROW = ("input_ids", "is_action", "is_live", "lengths", "tokens_left")
"""Attributes of the vector environment that hold one value a row."""
_METHODS = ("action_masks", "render")


class TokenVecEnv(VecEnv):
    """B rows of a token environment as one ``VecEnv`` of Stable-Baselines3.

    Args:
        env: made with ``autoreset_mode="SAME_STEP"``.
        is_full_vocabulary: True: action i is token i, and ``action_masks`` says which of them the environment
            allows. False: action i is the i-th token that the task can need, see ``needed_tokens``.

    Raises:
        InvalidValueError: ``env`` is something else, or begins ended rows in another way.
    """

    def __init__(self, env: TokenVectorEnv, *, is_full_vocabulary: bool = False) -> None:
        if not isinstance(env, TokenVectorEnv) or env.autoreset_mode != AutoresetMode.SAME_STEP:
            given = getattr(env, "autoreset_mode", None)
            raise InvalidValueError(
                f"TokenVecEnv takes a TokenVectorEnv with autoreset_mode='SAME_STEP', got a "
                f"{type(env).__name__} with {getattr(given, 'name', given)}; make it with "
                "gymnasium.make_vec(..., autoreset_mode='SAME_STEP')."
            )
        self.env = env
        vocab_size = env.tokenizer.vocab_size
        self.tokens = np.arange(vocab_size) if is_full_vocabulary else needed_tokens(env.setup)
        """int64[A], the token that each action stands for."""
        super().__init__(env.num_envs, env.single_observation_space, spaces.Discrete(len(self.tokens)))
        self._actions: object = None
        self._seed: int | None = None

    @property
    def num_actions(self) -> int:
        """A."""
        return len(self.tokens)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Sets the seed of the next reset; rows of one seed play different problems.

        Returns:
            The seed of each row, which is the same for all: a row's number tells it from the others.
        """
        if seed is None:  # drawn as every VecEnv of Stable-Baselines3 draws it
            seed = int(np.random.randint(0, np.iinfo(np.uint32).max, dtype=np.uint32))
        self._seed = int(seed)
        return [self._seed] * self.num_envs

    def reset(self) -> Observations:
        """Begins an episode in every row and returns the observations.

        Raises:
            InvalidValueError: ``set_options`` was given rows that differ in more than their problem.
        """
        options = _join_options(self._options)
        observations, infos = self.env.reset(seed=self._seed, options=options)
        begun = np.ones(self.num_envs, np.bool_)
        _, self.reset_infos = split_infos(infos, begun)
        self._seed = None
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keeps the actions, integers[B] in [0, A), for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Takes one action in every row; rows that ended have begun their next episode.

        Returns:
            Observations, rewards float32[B], dones bool[B], and a dictionary for each row, with
            ``TimeLimit.truncated`` in all and ``terminal_observation`` where an episode ended.

        Raises:
            InvalidActionError: an action outside [0, A).
        """
        tokens = self._read_actions(self._actions)
        observations, rewards, terminated, truncated, infos = self.env.step(tokens)
        dones = terminated | truncated
        told, begun = split_infos(infos, dones)
        for row in np.flatnonzero(dones).tolist():
            self.reset_infos[row] = begun[row]
        for row in np.flatnonzero(truncated & ~terminated).tolist():
            told[row]["TimeLimit.truncated"] = True
        return observations, rewards.astype(np.float32), dones, told

    def close(self) -> None:
        """Closes the rows."""
        self.env.close()

    def action_masks(self) -> NDArray[np.bool_]:
        """Returns bool[B, A], True: the action is allowed; see ``TokenVectorEnv.action_masks``."""
        masks: NDArray[np.bool_] = self.env.action_masks()[:, self.tokens]
        return masks

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Returns an attribute for each of the rows; those of the whole environment are the same for all."""
        rows = list(self._get_indices(indices))
        if attr_name == "render_mode":
            return [None] * len(rows)
        if attr_name == "action_masks":
            return [self.action_masks] * len(rows)
        value = getattr(self.env, attr_name)
        return [value[row] for row in rows] if attr_name in _PER_ROW else [value] * len(rows)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Raises: the rows are no objects of their own.

        Raises:
            InvalidValueError: always.
        """
        raise InvalidValueError(
            f"attribute {attr_name!r} can't be set: rows of a TokenVecEnv have no attributes of their own; "
            "give options to the environment when it is made."
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Returns what "action_masks" or "render" gives for each of the rows.

        Raises:
            UnknownNameError: another method.
        """
        if method_name not in _METHODS:
            raise UnknownNameError("method of a row", method_name, _METHODS)
        rows = list(self._get_indices(indices))
        found: Any = self.action_masks() if method_name == "action_masks" else self.env.render()
        return [found[row] for row in rows]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Returns False for each row: there is nothing to wrap."""
        return [False for _ in self._get_indices(indices)]

    def _read_actions(self, actions: object) -> NDArray[np.int64]:
        given = as_array(actions)
        if given.dtype.kind not in "iu" or given.shape != (self.num_envs,):
            raise InvalidActionError(
                f"actions must be integers of shape [{self.num_envs}], got {given.dtype}{list(given.shape)}."
            )
        if given.min() < 0 or given.max() >= self.num_actions:
            wrong = given[(given < 0) | (given >= self.num_actions)]
            raise InvalidActionError(f"actions must be in [0, {self.num_actions}), got {wrong[0]}.")
        tokens: NDArray[np.int64] = self.tokens[given]
        return tokens


def make_token_vec_env(
    env_id: str,
    num_envs: int,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    is_full_vocabulary: bool = False,
) -> TokenVecEnv:
    """Returns rows of an environment by its id; ``seed`` is that of their first reset."""
    made = gym.make_vec(
        env_id,
        num_envs,
        vectorization_mode="vector_entry_point",
        **{"granularity": "token", **(options or {}), "autoreset_mode": "SAME_STEP"},
    )
    rows = TokenVecEnv(made, is_full_vocabulary=is_full_vocabulary)  # type: ignore[arg-type]
    if seed is not None:
        rows.seed(seed)
    return rows


def _join_options(options: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns the rows' options of a reset as one: equal but for their ``problem_index``."""
    first = dict(options[0])
    for row, given in enumerate(options):
        if {**given, "problem_index": None} != {
            **first,
            "problem_index": None,
        } or given.keys() != first.keys():
            raise InvalidValueError(
                f"options of rows may differ in 'problem_index' alone; row {row} has {dict(given)!r}, row 0 "
                f"{first!r}."
            )
    if "problem_index" in first:
        first["problem_index"] = np.array([given["problem_index"] for given in options], np.int64)
    return first or None
