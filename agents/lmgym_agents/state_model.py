"""What a search or a diagnosis asks of a model: everything about the next token, for many prefixes at once.

In: prefixes as token rows. Out: for each the log-probs of the next token, what each next token is worth
(where the model is a Q function) and what the state itself is worth, all by one forward pass. Left out: where
prefixes come from (``search``), training.

How hidden states are computed is a part of its own, ``LastHidden``: anew for every prefix
(``RecomputedHidden``), or with the keys and values of shared prefixes kept (``prefixes.cache``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.policy import Policy

Row = Sequence[int] | NDArray[np.int64]


class StateEvaluation(NamedTuple):
    """What a model says of n states; V tokens of the vocabulary.

    Values are expected returns in the reward's unit (success pays 1), undiscounted unless the model was
    trained otherwise.
    """

    logps: NDArray[np.float32]
    """float32[n, V], log-probs of the policy for the next token, at temperature 1."""
    q: NDArray[np.float32] | None
    """float32[n, V], Q(s, a) of each next token; None: the model is no Q function."""
    values: NDArray[np.float32] | None
    """float32[n], V(s); None: the model has no idea."""


class StateModel(Protocol):
    """A model that can be asked about prefixes; the one thing that searches and diagnoses see of it."""

    vocab_size: int
    max_length: int | None
    """Longest prefix in tokens, None: any."""
    num_computed: int
    """Tokens that went through the model so far: what searches are compared by."""

    def evaluate(self, rows: Sequence[Row]) -> StateEvaluation:
        """Returns what follows each of n prefixes, none of them empty. A prefix may come again."""
        ...

    def weights_changed(self) -> None:
        """Forgets what was kept of earlier calls; to be called after every change of the weights."""
        ...


class LastHidden(Protocol):
    """Computes the last hidden state after each prefix."""

    num_computed: int
    """Tokens that went through the model so far."""

    def __call__(self, rows: Sequence[Row]) -> Tensor:
        """Returns [n, D], the model's last hidden state after the last token of each of n prefixes."""
        ...

    def weights_changed(self) -> None:
        """Forgets what was kept of earlier calls."""
        ...


class RecomputedHidden:
    """Runs every prefix through the policy's model anew: no memory, right for short rows and small models."""

    def __init__(self, policy: Policy, *, max_tokens: int = 32768) -> None:
        """Joins the parts.

        Args:
            policy: its present weights are used at every call.
            max_tokens: padded tokens in one forward pass.
        """
        self._policy, self._max_tokens = policy, max_tokens
        self.num_computed = 0

    @torch.inference_mode()
    def __call__(self, rows: Sequence[Row]) -> Tensor:
        lengths = torch.tensor([len(row) for row in rows])
        if not len(rows) or not int(lengths.min()):
            raise InvalidValueError("states are asked about by their tokens: got none, or an empty row.")
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.as_tensor(np.asarray(row, np.int64))
        self.num_computed += int(lengths.sum())
        found: Tensor | None = None
        for part in micro_batches(lengths, self._max_tokens):
            width = int(lengths[part].max())
            hidden = self._policy.hidden_states(ids[part, :width].to(self._policy.device))
            last = hidden[torch.arange(len(part)), (lengths[part] - 1).to(hidden.device)]
            if found is None:
                found = last.new_empty(len(rows), last.shape[1])
            found[part.to(found.device)] = last
        assert found is not None
        return found

    def weights_changed(self) -> None:
        """Does nothing: nothing is kept."""


class PolicyStates:
    """A policy as a state model: its log-probs, and its value head's values where it has been trained."""

    def __init__(self, policy: Policy, *, hidden: LastHidden | None = None, has_values: bool = False) -> None:
        """Joins the parts.

        Args:
            policy: of kind "shared" where ``has_values``.
            hidden: computes hidden states of ``policy.model``; by default anew for every prefix.
            has_values: the value head was trained (by PPO, say) and is worth asking.

        Raises:
            InvalidValueError: the value function has a backbone of its own, which is not asked here.
        """
        if has_values and policy.value_mode != "shared":
            raise InvalidValueError("state values need a policy whose value head is 'shared'.")
        self._policy, self._hidden, self._has_values = policy, hidden or RecomputedHidden(policy), has_values
        self.vocab_size = policy.vocab_size
        self.max_length: int | None = getattr(
            policy.model.config.get_text_config(), "max_position_embeddings", None
        )

    @property
    def num_computed(self) -> int:
        """Tokens that went through the model so far."""
        return self._hidden.num_computed

    @torch.inference_mode()
    def evaluate(self, rows: Sequence[Row]) -> StateEvaluation:
        """See ``StateModel``."""
        hidden = self._hidden(rows)
        logps = self._policy.output_logits(hidden).float().log_softmax(-1)
        values = None
        if self._has_values:
            head = self._policy.value_head
            values = head(hidden.to(head.weight.dtype)).squeeze(-1).float().cpu().numpy()
        return StateEvaluation(logps.cpu().numpy(), None, values)

    def weights_changed(self) -> None:
        """See ``StateModel``."""
        self._hidden.weights_changed()
