"""Attention over a slot cache, and the cells of the cache that a forward pass fills.

In: the queries, keys and values of new tokens, packed without padding. Out: what they attend to. A *plan*
says once for all layers which slots and positions the tokens of one forward pass have:

- ``PromptPlan``: whole prompts into empty slots;
- ``StepPlan``: one token for each of the first n slots (the hot path, which copies nothing);
- ``ExtendPlan``: any number of tokens after what any slots hold.

Left out: projections, position encodings and everything else that differs between architectures.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lmgym_agents.decoding.kv_cache import IntArray, KVCache


class Plan(Protocol):
    """Where the tokens of one forward pass stand.

    ``positions`` is int64[m], the position of each packed token in its row; ``last`` is int64[n], the index
    of each row's last token among the packed ones, or None where every token is its row's last.
    """

    positions: Tensor
    last: Tensor | None

    def bind(self, qkv: Tensor) -> None:
        """Names the tensor in which the layers leave queries, keys and values.

        Args:
            qkv: [m, query_width + kv_width], of the packed tokens.
        """

    def attend(self, layer: int) -> Tensor:
        """Stores the new keys and values and returns what the queries attend to, [m, query_width]."""


class StepPlan:
    """One new token for each of the slots 0 … n-1; reads the cache in place."""

    last: Tensor | None = None

    def __init__(self, cache: KVCache, positions: Tensor, length: int, *, is_ragged: bool):
        """Plans a step.

        Args:
            cache: the cache.
            positions: int64[n] on the cache's device; where each slot's new token goes.
            length: one more than the largest of ``positions`` (or anything above that).
            is_ragged: whether a slot ends before ``length``, so that its tail must be masked.
        """
        n = positions.shape[0]
        self.positions = positions
        self._cache, self._n = cache, n
        stored = cache.grid[:, :n, :length]
        self._keys, self._values = cache.split(stored)
        self._bias: Tensor | None = None
        if is_ragged:
            self._rows = cache.rows(torch.arange(n, device=cache.device), positions)
            is_hidden = torch.arange(length, device=cache.device) > positions[:, None]
            bias = torch.zeros(is_hidden.shape, dtype=cache.dtype, device=cache.device)
            self._bias = bias.masked_fill_(is_hidden, -torch.inf)[:, None, None]
        else:
            self._columns = stored[:, :, length - 1].unbind(0)

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        shape = self._cache.shape
        query, self._new = qkv[:, : shape.query_width], qkv[:, shape.query_width :]
        # The query heads that share a key head stand where a query's positions would: no key is repeated.
        self._query = query.view(self._n, shape.num_kv_heads, -1, shape.head_dim)

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        if self._bias is None:
            self._columns[layer].copy_(self._new)
        else:
            self._cache.layers[layer].index_copy_(0, self._rows, self._new)
        keys, values, scale = self._keys[layer], self._values[layer], self._cache.shape.scales[layer]
        out = F.scaled_dot_product_attention(self._query, keys, values, attn_mask=self._bias, scale=scale)
        return out.reshape(self._n, -1)


class PackedRows:
    """Rows of different lengths packed one after the other, and how to pad them."""

    def __init__(self, starts: IntArray, lengths: IntArray, device: torch.device):
        self.n, self.width = len(lengths), int(lengths.max())
        self.is_even = bool((lengths == self.width).all())
        row = np.repeat(np.arange(self.n), lengths)
        first = np.cumsum(lengths) - lengths
        offset = np.arange(int(lengths.sum())) - first[row]
        self.row = torch.from_numpy(row).to(device)
        self.positions = torch.from_numpy(offset + starts[row]).to(device)
        self.last = torch.from_numpy(first + lengths - 1).to(device)
        self._cells = torch.from_numpy(row * self.width + offset).to(device)

    def pad(self, packed: Tensor) -> Tensor:
        """Returns [n, width, …] from [m, …], zeros in the padding."""
        if self.is_even:
            return packed.unflatten(0, (self.n, self.width))
        padded = packed.new_zeros((self.n * self.width, *packed.shape[1:]))
        return padded.index_copy_(0, self._cells, packed).unflatten(0, (self.n, self.width))

    def pack(self, padded: Tensor) -> Tensor:
        """Returns [m, …] from [n, width, …]."""
        flat = padded.flatten(0, 1)
        return flat if self.is_even else flat[self._cells]


class PromptPlan:
    """Whole prompts into empty slots: causal attention among the new tokens alone."""

    def __init__(self, cache: KVCache, slots: IntArray, lengths: IntArray):
        device = cache.device
        self._cache = cache
        self._packed = PackedRows(np.zeros_like(lengths), lengths, device)
        self.positions, self.last = self._packed.positions, self._packed.last
        self._rows = cache.rows(torch.from_numpy(slots).to(device)[self._packed.row], self.positions)

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        self._qkv = qkv

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        shape = self._cache.shape
        self._cache.layers[layer].index_copy_(0, self._rows, self._qkv[:, shape.query_width :])
        heads = self._packed.pad(self._qkv).unflatten(-1, (-1, shape.head_dim)).transpose(1, 2)
        query, key, value = heads.split((shape.num_heads, shape.num_kv_heads, shape.num_kv_heads), dim=1)
        # Padding stands to the right: causality already hides it from every real query.
        out = F.scaled_dot_product_attention(
            query,
            key,
            value,
            is_causal=True,
            scale=shape.scales[layer],
            enable_gqa=shape.num_heads != shape.num_kv_heads,
        )
        return self._packed.pack(out.transpose(1, 2).flatten(2))


class ExtendPlan:
    """New tokens for any slots, after the tokens that they hold; reads copies of these slots."""

    def __init__(self, cache: KVCache, slots: IntArray, starts: IntArray, lengths: IntArray):
        device = cache.device
        self._cache = cache
        self._slots = torch.from_numpy(slots).to(device)
        self._packed = PackedRows(starts, lengths, device)
        self.positions, self.last = self._packed.positions, self._packed.last
        self._rows = cache.rows(self._slots[self._packed.row], self.positions)
        self._length = int((starts + lengths).max())
        columns = torch.arange(self._length, device=device)
        is_visible = columns <= self._packed.pad(self.positions)[..., None]
        self._is_visible = is_visible[:, None]  # a padded query sees column 0: its result is dropped

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        self._qkv = qkv

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        cache, shape, qkv = self._cache, self._cache.shape, self._qkv
        cache.layers[layer].index_copy_(0, self._rows, qkv[:, shape.query_width :])
        stored = cache.grid[layer : layer + 1, self._slots, : self._length]
        keys, values = cache.split(stored)
        query = self._packed.pad(qkv[:, : shape.query_width]).unflatten(-1, (-1, shape.head_dim))
        out = F.scaled_dot_product_attention(
            query.transpose(1, 2),
            keys[0],
            values[0],
            attn_mask=self._is_visible,
            scale=shape.scales[layer],
            enable_gqa=shape.num_heads != shape.num_kv_heads,
        )
        return self._packed.pack(out.transpose(1, 2).flatten(2))
