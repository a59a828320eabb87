"""A key-value cache with one slot a row, and its copying from slot to slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IntArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class CacheShape:
    """What attention needs to know of a model.

    ``scales`` holds, layer by layer, the factor on query times key.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    scales: tuple[float, ...]

    @property
    def query_width(self) -> int:
        """Columns that hold the queries, the first of a token's packed projections."""
        return self.num_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Columns that hold the keys and then the values."""
        return 2 * self.num_kv_heads * self.head_dim


class KVCache:
    """Keys and values of every layer.

    ``layers`` holds for each layer [slots * length, kv_width]: a row has the keys, then the values, of one
    token; ``rows`` tells which. ``grid`` shows the same memory as [layers, slots, length, kv_width].
    """

    def __init__(
        self,
        shape: CacheShape,
        num_slots: int,
        length: int,
        dtype: torch.dtype,
        device: torch.device,
        *,
        is_blank: bool = True,
    ):
        """Makes room.

        Args:
            shape: of the model.
            num_slots: slots.
            length: tokens in each.
            dtype: of keys and values.
            device: where they are.
            is_blank: False: only the first token of each slot is zeros, and memory is taken as it is filled;
                for those who never read what was not written.
        """
        self.shape, self.device, self.dtype = shape, device, dtype
        self.num_slots, self.length = num_slots, length
        # Zeros, not rubbish: a masked key has weight 0, but 0 times NaN would still be NaN.
        size = (len(shape.scales), num_slots * length, shape.kv_width)
        data = (torch.zeros if is_blank else torch.empty)(size, dtype=dtype, device=device)
        if not is_blank:
            data[:, ::length] = 0
        self.layers = data.unbind(0)
        self.grid = data.unflatten(1, (num_slots, length))

    def rows(self, slots: Tensor, positions: Tensor) -> Tensor:
        """Returns the rows of ``layers`` for tokens at these positions of these slots."""
        return slots * self.length + positions

    def copy(self, source: IntArray, target: IntArray, length: int) -> None:
        """Copies the first ``length`` positions of each source slot into the target slot beside it."""
        rows = torch.from_numpy(source).to(self.device)
        self.grid[:, torch.from_numpy(target).to(self.device), :length] = self.grid[:, rows, :length]

    def split(self, stored: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Splits [layers, n, t, kv_width] into the keys and the values, views [n, kv_heads, t, head_dim]."""
        shape = self.shape
        heads = stored.unflatten(-1, (2, shape.num_kv_heads, shape.head_dim)).permute(3, 0, 1, 4, 2, 5)
        keys, values = heads.unbind(0)
        return keys.unbind(0), values.unbind(0)
