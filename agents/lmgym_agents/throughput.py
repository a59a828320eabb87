"""Arithmetic of a model and of a device: what share of the device's peak was used (MFU)."""

from __future__ import annotations

import torch
from torch import nn

from lmgym_agents.policy import Policy

_PEAK_FLOPS = {
    ("H200", torch.bfloat16): 989e12,
    ("H100", torch.bfloat16): 989e12,
    ("A100", torch.bfloat16): 312e12,
    ("L40S", torch.bfloat16): 362e12,
    ("L4", torch.bfloat16): 121e12,
    ("4090", torch.bfloat16): 165e12,
    ("A100", torch.float32): 19.5e12,
    ("H100", torch.float32): 67e12,
    ("H200", torch.float32): 67e12,
}
"""Dense peak of a device whose name holds the word, by its maker's data sheet."""


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """Returns the dense peak in FLOP/s, None where it is not known (any CPU)."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for (word, of), peak in _PEAK_FLOPS.items() if word in name and of == dtype), None)


def forward_flops(policy: Policy, num_tokens: int, num_outputs: int, length: float) -> float:
    """Returns the floating-point operations of a forward pass; training takes three times as many.

    Two for each weight of a matrix and token, the output layer on ``num_outputs`` tokens only, and causal
    attention over rows of ``length`` tokens. Padding is not counted: it is no use.
    """
    model = policy.model
    skipped = {id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    output = model.get_output_embeddings().weight
    skipped.add(id(output))
    weights = sum(p.numel() for p in model.parameters() if p.ndim >= 2 and id(p) not in skipped)
    config = model.config.get_text_config()
    attention = 2 * config.num_hidden_layers * config.hidden_size * length
    return num_tokens * (2 * weights + attention) + num_outputs * 2 * output.numel()


def mfu(flops: float, seconds: float, policy: Policy) -> float | None:
    """Returns the share of the device's peak that ``flops`` in ``seconds`` are; None if it is unknown."""
    peak = peak_flops(policy.device, policy.autocast or policy.model.dtype)
    return None if peak is None or seconds <= 0 else flops / seconds / peak
