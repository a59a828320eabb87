"""Linear layers of a Hugging Face model, applied without the overhead of calling modules.

A plain ``nn.Linear`` or ``Conv1D`` is read as two tensors, the model's own, never copies: a step of the
optimiser is seen at once. Anything else (LoRA, quantised layers, layers with hooks) is called as the module
that it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


class LinearView:
    """``x @ weight + bias`` with the weight laid out [in, out]."""

    __slots__ = ("bias", "module", "weight")

    def __init__(self, module: nn.Module):
        self.module: nn.Module | None = None
        if type(module) is nn.Linear and not has_hooks(module):
            self.weight, self.bias = module.weight.t(), module.bias
        elif type(module) is Conv1D and not has_hooks(module):
            self.weight, self.bias = module.weight, module.bias
        else:
            self.module = module

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the product, [m, out]."""
        if self.module is not None:
            return self.module(x)
        return x @ self.weight if self.bias is None else torch.addmm(self.bias, x, self.weight)

    def into(self, out: Tensor, x: Tensor) -> None:
        """Writes the product into ``out`` [m, out], a slice of the columns of a larger tensor perhaps."""
        if self.module is not None:
            out.copy_(self.module(x))
        elif self.bias is None:
            torch.mm(x, self.weight, out=out)
        else:
            torch.addmm(self.bias, x, self.weight, out=out)

    def add_to(self, total: Tensor, x: Tensor) -> None:
        """Adds the product to ``total`` [m, out] in place."""
        if self.module is not None:
            total += self.module(x)
            return
        total.addmm_(x, self.weight)
        if self.bias is not None:
            total += self.bias


def has_hooks(module: nn.Module) -> bool:
    """Whether something wants to be told of the module's forward calls."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
