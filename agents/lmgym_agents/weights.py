"""What is to be known of trained weights: their hash, and whether they are numbers."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


class NotFiniteError(ArithmeticError):
    """Metrics or weights of an agent hold NaN or an infinity."""


def hash_weights(module: nn.Module) -> str:
    """Returns the SHA-256 of the weights as they are, names, dtypes and shapes included."""
    total = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def check_finite(module: nn.Module) -> None:
    """Raises NotFiniteError if a weight is NaN or infinite; the message names the tensor."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NotFiniteError(f"the weight {name} holds NaN or an infinity after training")
