"""A model of Stable-Baselines3 as an ``Agent``: to be evaluated like any other.

    from lmgym_agents.baselines.sb3_agent import SB3Agent
    from lmgym_agents.baselines.sb3_models import make_dqn

    def trained():
        algorithm = make_dqn("lmgym/Echo-v0")
        return SB3Agent(algorithm.learn(20_000))

and ``lmgym eval --env lmgym/Echo-v0 --agent my_module:trained``. Files of Stable-Baselines3 are pickles,
which nothing here loads: whoever trusts a file calls its ``load`` himself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from lmgym.errors import InvalidValueError
from lmgym_agents.baselines.sb3_models import tokens_of


class SB3Agent:
    """An algorithm made by ``make_dqn`` or ``make_ppo``, acting token by token."""

    granularity: Literal["token", "response"] = "token"

    def __init__(self, algorithm: BaseAlgorithm, *, is_deterministic: bool = True) -> None:
        """Joins the parts.

        Args:
            algorithm: with the environments that it was made with.
            is_deterministic: False: PPO samples, and DQN explores as at the end of its training.
        """
        rows = tokens_of(algorithm)
        self.algorithm, self.tokenizer, self.tokens = algorithm, rows.env.tokenizer, rows.tokens
        self._length, self._is_deterministic = rows.env.context_length, is_deterministic

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the next token of each row, int64[B].

        Raises:
            InvalidValueError: a row is longer than those of the environment it was trained in.
        """
        ids, mask = observations["input_ids"], observations["attention_mask"]
        longest = int(mask.sum(axis=1).max(initial=0))
        if longest > self._length:
            raise InvalidValueError(
                f"a row has {longest} tokens; the agent was made for rows of up to {self._length}. Evaluate "
                "it with the options of the environment that it was made with."
            )
        rows, width = len(ids), min(ids.shape[1], self._length)
        fitted: dict[str, NDArray[Any]] = {
            "input_ids": np.full((rows, self._length), self.tokenizer.pad_id, np.int32),
            "attention_mask": np.zeros((rows, self._length), np.int8),
        }
        fitted["input_ids"][:, :width] = ids[:, :width]
        fitted["attention_mask"][:, :width] = mask[:, :width]
        actions, _ = self.algorithm.predict(fitted, deterministic=self._is_deterministic)
        found: NDArray[np.int64] = self.tokens[np.asarray(actions, np.int64)]
        return found
