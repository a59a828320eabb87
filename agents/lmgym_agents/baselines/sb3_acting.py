"""Policies of Stable-Baselines3 acting on rows of tokens of any length, greedily.

In: observations of the token environments. Out: tokens. Left out: exploration, which is the algorithms'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.errors import InvalidValueError, ModelError
from lmgym_agents.baselines.sb3_features import LMFeatures

States = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Hidden and cell state of an LSTM after a row, each float32[layers, width]."""


class Actor:
    """A policy of ``sb3_policies`` or ``sb3_contrib_policies`` with the tokens of its actions.

    A recurrent policy remembers the rows that it last saw, so that a row that goes on from one of them goes
    on with its state; any other begins with none.

    Args:
        policy: its present weights are used at every call.
        tokens: int64[A], the token of each action.
        context_length: of the environment that it was made for.
        allowed: bool[A], actions that a policy with masks may take; None: all.
    """

    def __init__(
        self,
        policy: Any,
        tokens: NDArray[np.int64],
        *,
        context_length: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        self.policy, self.tokens = policy, np.asarray(tokens, np.int64)
        self.context_length, self.allowed = context_length, allowed
        self._is_recurrent = hasattr(policy, "lstm_actor")
        self._states: dict[bytes, States] = {}

    @property
    def features(self) -> LMFeatures:
        """Those that actions are read off."""
        for name in ("q_net", "quantile_net"):
            if (net := getattr(self.policy, name, None)) is not None:
                return net.features_extractor  # type: ignore[no-any-return]
        return self.policy.pi_features_extractor  # type: ignore[no-any-return]

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the best token of each row, int64[B].

        Raises:
            InvalidValueError: a row is longer than the model reads.
        """
        ids, mask = observations["input_ids"], observations["attention_mask"]
        lengths = mask.sum(axis=1).astype(np.int64)
        self._check_lengths(lengths)
        tensors = {
            "input_ids": torch.as_tensor(np.asarray(ids), device=self.policy.device),
            "attention_mask": torch.as_tensor(np.asarray(mask), device=self.policy.device),
        }
        self.policy.set_training_mode(False)
        with torch.no_grad():
            if self._is_recurrent:
                rows = np.ascontiguousarray(ids, np.int32)
                keys = [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]
                actions = self._act_on(tensors, keys)
            elif self.allowed is not None:
                masks = np.repeat(self.allowed[None], len(ids), axis=0)
                actions = self.policy._predict(tensors, deterministic=True, action_masks=masks)
            else:
                actions = self.policy._predict(tensors, deterministic=True)
        found: NDArray[np.int64] = self.tokens[actions.cpu().numpy().reshape(-1)]
        return found

    def take_weights(self, other: Actor) -> None:
        """Copies the weights of another actor into this one.

        Raises:
            ModelError: it is of another shape.
        """
        try:
            self.policy.load_state_dict(other.policy.state_dict())
        except RuntimeError as error:
            raise ModelError(f"the saved weights are of another model: {error}") from error

    def _check_lengths(self, lengths: NDArray[np.int64]) -> None:
        limit = getattr(self.features.lm.model.config.get_text_config(), "max_position_embeddings", None)
        longest = int(lengths.max(initial=0))
        if limit is not None and longest > limit:
            raise InvalidValueError(f"a row has {longest} tokens, and the model reads {limit}.")

    def _act_on(self, tensors: dict[str, Tensor], rows: Sequence[bytes]) -> Tensor:
        """Acts with the LSTM's states, and keeps those after each row."""
        shape = self.policy.lstm_hidden_state_shape
        blank = np.zeros((shape[0], shape[2]), np.float32)
        known = [self._find_state(row) or (blank, blank) for row in rows]
        states = tuple(
            torch.as_tensor(np.stack(part, axis=1), device=self.policy.device)
            for part in zip(*known, strict=True)
        )
        starts = torch.zeros(len(rows), device=self.policy.device)
        distribution, after = self.policy.get_distribution(tensors, states, starts)
        hidden, cell = (part.cpu().numpy() for part in after)
        self._states = {row: (hidden[:, place], cell[:, place]) for place, row in enumerate(rows)}
        actions: Tensor = distribution.get_actions(deterministic=True)
        return actions

    def _find_state(self, row: bytes) -> States | None:
        """Returns the state after the longest row seen last that ``row`` goes on from."""
        for length in sorted({len(seen) for seen in self._states if len(seen) < len(row)}, reverse=True):
            if (state := self._states.get(row[:length])) is not None:
                return state
        return None
