"""The frozen reference: the policy as it was when training began, to measure the KL divergence from."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lmgym_agents.lora import adapters_off, has_lora
from lmgym_agents.policy import Policy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


class Reference:
    """The policy as it was when this was made, frozen: what the KL divergence is measured from.

    With LoRA the policy's own model answers with its adapters switched off, so there is no second copy (and
    the reference is the base model). Otherwise a deep copy of the model is kept, without gradients.
    """

    def __init__(self, policy: Policy) -> None:
        self._shared = policy if has_lora(policy.model) else None
        self._copy = None
        if self._shared is None:
            self._copy = Policy(
                copy.deepcopy(policy.model).requires_grad_(False),
                output_in_float32=policy.output_in_float32,
                autocast=policy.autocast,
                max_logits=policy.max_logits,
            ).requires_grad_(False)

    def state_dict(self) -> dict[str, Tensor]:
        """Returns the frozen weights; with LoRA there are none, as the base model is not trained."""
        return {} if self._copy is None else self._copy.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Goes back to the weights that ``state_dict`` returned."""
        if self._copy is not None:
            self._copy.load_state_dict(state)

    @torch.no_grad()
    def logps(
        self,
        input_ids: Int[Tensor, "B L"],
        lengths: Int[Tensor, " B"],
        *,
        is_action: Bool[Tensor, "B L"] | None = None,
        temperature: float = 1.0,
    ) -> Float[Tensor, "B L"]:
        """Returns the log-prob of each token under the reference, as ``Policy.evaluate`` does."""
        with self.frozen() as policy:
            result = policy.evaluate(
                input_ids, lengths, is_action=is_action, temperature=temperature, need_values=False
            )
        return result.logps

    @torch.no_grad()
    def action_logits(
        self,
        input_ids: Int[Tensor, "B L"],
        lengths: Int[Tensor, " B"],
        is_action: Bool[Tensor, "B L"],
        *,
        temperature: float = 1.0,
    ) -> Float[Tensor, "N V"]:
        """Returns the logits of each action under the reference, as ``Policy.action_logits`` does."""
        with self.frozen() as policy:
            return policy.action_logits(input_ids, lengths, is_action, temperature=temperature)

    @contextmanager
    def frozen(self) -> Iterator[Policy]:
        """Yields the frozen policy, for the time of the block."""
        if self._copy is not None:
            yield self._copy
        else:
            assert self._shared is not None
            with adapters_off(self._shared.model):
                yield self._shared
