"""The last hidden state of a causal language model as the features of a Stable-Baselines3 policy.

In: observations of the token environments. Out: features of width D. So their networks are the same language
models as ours, and may start from the same weights. ``LastHiddenFeatures`` leaves all heads to
Stable-Baselines3; ``LMFeatures`` brings the language head and a value head along, for the policies of
``sb3_policies``. Left out: losses, which are theirs.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError
from lmgym_agents.flops import forward_flops
from lmgym_agents.policy import Policy

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class LastHiddenFeatures(BaseFeaturesExtractor):
    """Reads the row of tokens and returns what the model makes of its last one.

    Args:
        observation_space: of a token environment.
        model: a causal language model, copied; its language head is not used.

    Raises:
        InvalidValueError: the space is not that of a token environment, or its rows are longer than the model
            reads.
    """

    def __init__(self, observation_space: spaces.Dict, *, model: PreTrainedModel) -> None:
        super().__init__(observation_space, _width(observation_space, model))
        self.backbone = copy.deepcopy(model.base_model)
        self.backbone.requires_grad_(True)

    def forward(self, observations: dict[str, Tensor]) -> Float[Tensor, "B D"]:
        """Returns the hidden state of each row's last token; what stands behind it is never read."""
        ids, lengths = read_rows(observations)
        hidden: Tensor = self.backbone(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[torch.arange(len(ids), device=ids.device), lengths - 1].float()


class LMFeatures(BaseFeaturesExtractor):
    """Features that a whole language model stands behind: ``lm`` holds its heads too, and counts its work.

    Args:
        observation_space: of a token environment.
        model: a causal language model, copied.

    Raises:
        InvalidValueError: as ``LastHiddenFeatures``.
        ModelError: the model's logits can't be made from its last hidden state.
    """

    def __init__(self, observation_space: spaces.Dict, *, model: PreTrainedModel) -> None:
        super().__init__(observation_space, _width(observation_space, model))
        self.lm = Policy(copy.deepcopy(model))
        self.lm.requires_grad_(True)
        self.flops = 0.0
        """Spent so far, a backward pass counted as two forward ones; an estimate, see ``forward_flops``."""

    def forward(self, observations: dict[str, Tensor]) -> Float[Tensor, "B D"]:
        """Returns the hidden state of each row's last token; what stands behind it is never read."""
        ids, lengths = read_rows(observations)
        self.flops += self._flops_of(*ids.shape) * (3 if torch.is_grad_enabled() else 1)
        hidden = self.lm.hidden_states(ids)
        return hidden[torch.arange(len(ids), device=ids.device), lengths - 1]

    def _flops_of(self, num_rows: int, width: int) -> float:
        """Returns the operations of the backbone on all tokens, and of the language head on the last ones."""
        config = self.lm.model.config.get_text_config()
        unused_logits = 2.0 * config.hidden_size * config.vocab_size * num_rows * (width - 1)
        return forward_flops(config, num_rows * width, width / 2) - float(unused_logits)


def read_rows(observations: dict[str, Tensor]) -> tuple[Int[Tensor, "B T"], Int[Tensor, " B"]]:
    """Returns (ids, lengths) of rows of tokens, cut to the longest of them; an empty row counts as one."""
    lengths = observations["attention_mask"].sum(dim=1).long().clamp(min=1)
    return observations["input_ids"][:, : int(lengths.max())].long(), lengths


def _width(observation_space: spaces.Dict, model: PreTrainedModel) -> int:
    """Returns D, after making sure that the model can read the space."""
    if set(observation_space.spaces) != {"input_ids", "attention_mask"}:
        raise InvalidValueError(
            "features are those of token environments, with input_ids and attention_mask; got a space with "
            f"{sorted(observation_space.spaces)}."
        )
    config = model.config.get_text_config()
    (length,) = observation_space["input_ids"].shape or (0,)
    limit = getattr(config, "max_position_embeddings", None)
    if limit is not None and length > limit:
        raise InvalidValueError(f"rows have up to {length} tokens, and the model reads {limit}.")
    return int(config.hidden_size)
