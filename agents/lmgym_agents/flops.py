"""Floating-point operations of a transformer, and what devices can do, for model FLOP utilisation (MFU)."""

from __future__ import annotations

from transformers import PreTrainedConfig

# Dense bfloat16 peaks in FLOP/s without sparsity, from the vendors' data sheets; the longest name first,
# because the name that torch reports is searched for these.
_PEAKS: tuple[tuple[str, float], ...] = (
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H200", 989e12),
    ("H100", 989e12),
    ("A100", 312e12),
)


def peak_flops(device_name: str) -> float | None:
    """Returns the bfloat16 peak of a device in FLOP/s, or None where it isn't known (every CPU).

    Args:
        device_name: as ``torch.cuda.get_device_name()`` gives it.
    """
    return next((peak for name, peak in _PEAKS if name.lower() in device_name.lower()), None)


def forward_flops(config: PreTrainedConfig, tokens: float, context: float) -> float:
    """Returns the operations of a forward pass: 2 a weight of every matrix product, and the attention.

    Per token and layer 2 · weights + 4 · heads · head_dim · context, and 2 · hidden · vocabulary for the
    logits. Embedding look-ups, norms and activations count as nothing. A training step costs three times as
    much (the backward pass twice the forward), four times with gradient checkpointing.

    Args:
        config: of a decoder whose layers are all alike (Llama, Qwen, GPT-2 and their like).
        tokens: number of tokens that are computed.
        context: tokens that each of them attends to, on average: for whole sequences of length L about L / 2.

    Returns:
        FLOP, a multiply-add counted as 2.
    """
    hidden, layers, heads = config.hidden_size, config.num_hidden_layers, config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or hidden // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    attention_weights = hidden * head_dim * (2 * heads + 2 * kv_heads)
    is_gated = (
        getattr(config, "intermediate_size", None) is not None and config.model_type not in _TWO_MATRICES
    )
    inner = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * hidden
    mlp_weights = (3 if is_gated else 2) * hidden * inner
    per_layer = 2 * (attention_weights + mlp_weights) + 4 * heads * head_dim * context
    return tokens * (layers * per_layer + 2 * hidden * config.vocab_size)


_TWO_MATRICES = ("gpt_neox", "opt", "phi", "falcon", "bloom", "starcoder2")
