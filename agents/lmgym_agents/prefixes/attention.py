"""Attention over a pool of single cells, with the log-sum-exp by which partial results can be merged.

In: queries, and tables that say in which cells the keys and values of each row lie. Out: what the queries
attend to. Left out: which queries see which cells (``plans``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmgym_agents.decoding.kv_cache import CacheShape, IntArray, KVCache

Paths = Sequence[Sequence[int]]
"""The cells of each row's tokens."""


class Cells:
    """Copies of the cells [n, width] of a table, or a view of them where they lie in one run."""

    def __init__(self, cache: KVCache, table: IntArray) -> None:
        self._cache, self._shape = cache, table.shape
        flat, first = table.ravel(), int(table[0, 0])
        self._run: slice | None = None
        if flat[-1] == first + len(flat) - 1 and bool((np.diff(flat) == 1).all()):
            self._run = slice(first, first + len(flat))
        else:
            self._cells = torch.from_numpy(flat).to(cache.device)

    def read(self, layer: int) -> tuple[Tensor, Tensor]:
        """Returns the keys and the values, both [n, kv_heads, width, head_dim]."""
        stored = self._cache.layers[layer]
        found = stored[self._run] if self._run is not None else stored.index_select(0, self._cells)
        return split_heads(found.unflatten(0, self._shape), self._cache.shape)


def split_heads(stored: Tensor, shape: CacheShape) -> tuple[Tensor, Tensor]:
    """Splits [n, t, kv_width] into keys and values, both [n, kv_heads, t, head_dim]."""
    keys, values = stored.unflatten(-1, (2, shape.num_kv_heads, shape.head_dim)).permute(2, 0, 3, 1, 4)
    return keys, values


def make_table(paths: Paths, starts: IntArray) -> IntArray:
    """Returns the paths from ``starts`` on as one array, int64[n, width], 0 beyond their ends."""
    width = max(len(path) - start for path, start in zip(paths, starts.tolist(), strict=True))
    table = np.zeros((len(paths), width), np.int64)
    for row, (path, start) in enumerate(zip(paths, starts.tolist(), strict=True)):
        table[row, : len(path) - start] = path[start:]
    return table


def make_bias(is_visible: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns what is added to scores: 0 where a key is visible, -inf elsewhere."""
    return torch.zeros(is_visible.shape, dtype=dtype, device=is_visible.device).masked_fill_(
        ~is_visible, -torch.inf
    )


class Attention(NamedTuple):
    """A result that can be merged with that over other keys."""

    out: Tensor
    """[n, t, heads, head_dim]"""
    lse: Tensor
    """[n, t, heads], the log-sum-exp of the scores"""


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    bias: Tensor | None,
    scale: float,
    *,
    is_causal: bool = False,
) -> Attention:
    """Returns what the queries [n, t, heads, head_dim] attend to among [n, kv_heads, s, head_dim].

    Args:
        queries: several neighbouring heads share a key head.
        keys: see above.
        values: see above.
        bias: added to the scores, [n, 1, t or 1, s].
        scale: of the products of queries and keys.
        is_causal: t is s, and a query sees the keys up to its own place.
    """
    n, t, num_heads, head_dim = queries.shape
    shared = num_heads // keys.shape[1]
    if is_causal and shared > 1:
        keys, values = (side.repeat_interleave(shared, dim=1) for side in (keys, values))
        shared = 1
    # Heads that share a key head stand where its queries' places would: no key is repeated.
    heads = (
        queries.view(n, t, -1, shared, head_dim).permute(0, 2, 3, 1, 4).reshape(n, -1, shared * t, head_dim)
    )
    if bias is not None and shared > 1 and bias.shape[2] > 1:
        bias = bias.repeat(1, 1, shared, 1)
    if queries.device.type == "cpu":
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            heads, keys, values, 0.0, is_causal, attn_mask=bias, scale=scale
        )
    else:
        out, lse = _attend_plainly(heads, keys, values, bias, scale, is_causal=is_causal)
    out = out.unflatten(2, (shared, t)).permute(0, 3, 1, 2, 4).flatten(2, 3)
    return Attention(out, lse.unflatten(2, (shared, t)).permute(0, 3, 1, 2).flatten(2, 3))


def _attend_plainly(
    heads: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, scale: float, *, is_causal: bool
) -> tuple[Tensor, Tensor]:
    scores = (heads @ keys.transpose(-1, -2)).float() * scale
    if is_causal:
        t = scores.shape[-1]
        is_visible = torch.ones(t, t, dtype=torch.bool, device=heads.device).tril()
        scores = scores + make_bias(is_visible, scores.dtype)
    elif bias is not None:
        scores = scores + bias
    lse = scores.logsumexp(-1)
    return (scores - lse[..., None]).exp().to(values.dtype) @ values, lse
