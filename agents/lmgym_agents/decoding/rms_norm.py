"""Root-mean-square normalisation with the fewest kernels, because on a CPU small kernels are all overhead."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FEW_ROWS = 16


class RMSNormView:
    """``x / sqrt(mean(x**2) + eps) * weight`` over the last axis of float[m, width]."""

    __slots__ = ("_doubled", "_eps", "_is_plain", "_weight", "_width")

    def __init__(self, weight: Tensor, eps: float):
        self._weight, self._eps = weight, eps
        self._width = weight.shape[0]
        self._is_plain = weight.dtype == torch.float32 and weight.device.type == "cpu"
        self._doubled = torch.cat((weight, weight)) if self._is_plain else weight

    def __call__(self, x: Tensor, out: Tensor) -> Tensor:
        """Returns the normalised rows, in ``out`` or in a new tensor."""
        if not self._is_plain:
            return F.rms_norm(x, (self._width,), self._weight, self._eps)
        if x.shape[0] <= _FEW_ROWS:
            # (x, -x) has mean 0 and the variance mean(x**2): LayerNorm, one kernel, is RMSNorm on it.
            both = torch.cat((x, x.neg()), 1)
            both = torch.layer_norm(both, (2 * self._width,), self._doubled, None, self._eps)
            return both[:, : self._width]
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        scale = norm.square_().mul_(1 / self._width).add_(self._eps).rsqrt_()
        return torch.mul(x, scale, out=out).mul_(self._weight)
