"""The last hidden state of a causal language model as the features of a Stable-Baselines3 policy.

In: observations of the token environments. Out: features of width D. So their networks are the same language
models as ours, and may start from the same weights. Left out: heads and losses, which are theirs.
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

if TYPE_CHECKING:
    from jaxtyping import Float


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
        if set(observation_space.spaces) != {"input_ids", "attention_mask"}:
            raise InvalidValueError(
                "LastHiddenFeatures reads token environments, with input_ids and attention_mask; got a space "
                f"with {sorted(observation_space.spaces)}."
            )
        config = model.config.get_text_config()
        (length,) = observation_space["input_ids"].shape or (0,)
        limit = getattr(config, "max_position_embeddings", None)
        if limit is not None and length > limit:
            raise InvalidValueError(f"rows have up to {length} tokens, and the model reads {limit}.")
        super().__init__(observation_space, int(config.hidden_size))
        self.backbone = copy.deepcopy(model.base_model)
        self.backbone.requires_grad_(True)

    def forward(self, observations: dict[str, Tensor]) -> Float[Tensor, "B D"]:
        """Returns the hidden state of each row's last token; what stands behind it is never read."""
        lengths = observations["attention_mask"].sum(dim=1).long().clamp(min=1)
        ids = observations["input_ids"][:, : int(lengths.max())].long()
        hidden: Tensor = self.backbone(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[torch.arange(len(ids), device=ids.device), lengths - 1].float()
