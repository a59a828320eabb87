"""Tiny random models of several architectures, all float32, with weights large enough to have opinions."""

from __future__ import annotations

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

VOCAB_SIZE = 40
CONTEXT = 64
_SIZES = dict(
    vocab_size=VOCAB_SIZE,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=CONTEXT,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)
_GROUPED = dict(_SIZES, num_key_value_heads=2)


def _configs() -> dict[str, PreTrainedConfig]:
    gpt2 = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
    )
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16}
    slow = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    return {
        # Written out in lmgym_agents:
        "llama": LlamaConfig(**_GROUPED),
        "llama-bias-tied": LlamaConfig(
            **_SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True
        ),
        "llama-yarn": LlamaConfig(**_GROUPED, rope_parameters=yarn),
        "gpt2": gpt2,
        "qwen2": Qwen2Config(**_GROUPED),
        "qwen3": Qwen3Config(**_GROUPED, head_dim=16),
        "mistral": MistralConfig(**_GROUPED, sliding_window=None),
        # Through their own forward method, with a cache:
        "gpt_neox": GPTNeoXConfig(**_SIZES),
        "opt": OPTConfig(**{**_SIZES, "word_embed_proj_dim": 32, "ffn_dim": 48, "pad_token_id": 1}),
        "mistral-sliding": MistralConfig(**_GROUPED, sliding_window=5),
        "llama-dynamic-rope": LlamaConfig(**_GROUPED, rope_parameters=slow),
        # Without one:
        "mamba": MambaConfig(vocab_size=VOCAB_SIZE, hidden_size=16, num_hidden_layers=2, state_size=4),
    }


NAMES = list(_configs())
WRITTEN_OUT = ["llama", "llama-bias-tied", "llama-yarn", "gpt2", "qwen2", "qwen3", "mistral"]


def make_model(name: str, seed: int = 0, **changes: object) -> PreTrainedModel:
    """Returns a random model in eval mode; ``changes`` replace entries of its config."""
    config = _configs()[name]
    for key, value in changes.items():
        setattr(config, key, value)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                # Norms and biases too: a zero bias or a norm of one would hide that it isn't applied.
                parameter.add_(torch.randn_like(parameter) * (0.25 if parameter.ndim > 1 else 0.1))
    return model.eval()
