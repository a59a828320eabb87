"""Token environments with as few actions as their task needs.

Stable-Baselines3's DQN knows no action masks: with a token for every action it would explore the whole
vocabulary. Here action i is the i-th token that the task can need, the end of the turn included.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import lmgym  # noqa: F401  # registers the environments
from lmgym.envs.setup import Setup
from lmgym.envs.token import TokenEnv, allowed_tokens
from lmgym.errors import InvalidActionError, InvalidValueError


def needed_tokens(setup: Setup) -> NDArray[np.int64]:
    """Returns int64[A], the tokens that turns can need; where the task has no alphabet all but padding."""
    is_allowed = allowed_tokens(dataclasses.replace(setup, mask_actions=True))
    further = list(setup.tokenizer.end_ids[1:])  # one way to end is enough
    is_allowed[further] = False
    if setup.tokenizer.pad_id != setup.tokenizer.end_id:
        is_allowed[setup.tokenizer.pad_id] = False
    return np.flatnonzero(is_allowed)


class NeededTokens(gym.ActionWrapper):
    """A token environment whose action i stands for the token ``tokens[i]``."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        """Wraps ``env``.

        Raises:
            InvalidValueError: ``env`` is no token environment.
        """
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, TokenEnv):
            raise InvalidValueError(
                f"NeededTokens wraps environments of granularity 'token', got {type(inner).__name__}."
            )
        self.tokens = needed_tokens(inner.setup)
        self.action_space = spaces.Discrete(len(self.tokens))

    def action(self, action: Any) -> int:
        """Returns the token of an action."""
        if not self.action_space.contains(action):
            raise InvalidActionError(f"action {action!r} is not in {self.action_space}.")
        return int(self.tokens[int(action)])


def make_token_env(env_id: str, options: Mapping[str, Any] | None = None) -> NeededTokens:
    """Returns an environment by its id, with its few actions."""
    return NeededTokens(gym.make(env_id, **(options or {})))
