"""Small models made from a config: what the demos and the tests train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
)

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.dropout import disable_dropout

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"architecture": "llama", "hidden_size": 128, "layers": 4, "heads": 4},
    "tiny-gpt2": {"architecture": "gpt2", "hidden_size": 128, "layers": 4, "heads": 4},
    "tiny-qwen2": {"architecture": "qwen2", "hidden_size": 128, "layers": 4, "heads": 4},
    "nano": {
        "architecture": "llama",
        "hidden_size": 64,
        "layers": 2,
        "heads": 4,
        # Short rows of single characters: near positions told apart finely, and larger weights at the start,
        # suit so small a model. Chosen in trials on two-digit addition.
        "config": {
            "initializer_range": 0.1,
            "tie_word_embeddings": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10.0},
        },
    },
    "small": {"architecture": "llama", "hidden_size": 256, "layers": 6, "heads": 8},
}
"""Architectures by name: 0.15 million parameters (nano), 0.9 to 1.1 (the tiny ones), 6 (small)."""

_CONFIGS: dict[str, type[PreTrainedConfig]] = {"llama": LlamaConfig, "gpt2": GPT2Config, "qwen2": Qwen2Config}


def make_tiny_model(
    vocab_size: int,
    *,
    hidden_size: int = 128,
    layers: int = 4,
    heads: int = 4,
    context: int = 256,
    seed: int = 0,
    architecture: str = "llama",
    pad_id: int | None = None,
    end_id: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> PreTrainedModel:
    """Returns a fresh float32 model on the CPU, the same for the same arguments, whatever else was drawn.

    The inner width is four times ``hidden_size``; input and output embeddings are tied.

    Args:
        vocab_size: V.
        hidden_size: width D, a multiple of ``heads``.
        layers: number of layers.
        heads: attention heads.
        context: longest row in tokens.
        seed: of the initial weights; the global generator is left as it was.
        architecture: ``"llama"``, ``"gpt2"`` or ``"qwen2"``.
        pad_id: kept in the model's config, for whoever generates from the saved model.
        end_id: likewise.
        config: further fields of the transformers config.

    Raises:
        UnknownNameError: another ``architecture``.
        InvalidValueError: sizes that do not fit.
    """
    if architecture not in _CONFIGS:
        raise UnknownNameError("architecture", architecture, _CONFIGS)
    if min(vocab_size, hidden_size, layers, heads, context) < 1 or hidden_size % (2 * heads):
        raise InvalidValueError(
            "sizes must be positive and hidden_size a multiple of 2 * heads, got "
            f"{vocab_size=}, {hidden_size=}, {layers=}, {heads=}, {context=}."
        )
    fields: dict[str, Any] = {
        "vocab_size": vocab_size,
        "tie_word_embeddings": True,
        "pad_token_id": pad_id,
        "eos_token_id": end_id,
        "bos_token_id": None,
        "dtype": "float32",
    }
    if architecture == "gpt2":
        fields |= {"n_embd": hidden_size, "n_layer": layers, "n_head": heads, "n_positions": context}
    else:
        fields |= {
            "hidden_size": hidden_size,
            "intermediate_size": 4 * hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "max_position_embeddings": context,
        }
    made = _CONFIGS[architecture](**(fields | dict(config or {})))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(made)
    disable_dropout(model)
    return model.eval()
