"""Attention of new tokens that each see the tokens before them in a tree, over a pool of single cells.

In: rows of a trie as paths of cells, the last tokens of each of them new. Out: ``decoding.attention.Plan``s
over a ``KVCache`` that is used as one slot of many cells, where every token has a cell wherever there was
room:

- ``RowsPlan``: each row reads copies of all cells of its path; whole new rows need no copy;
- ``CascadePlan``: the rows of a group read the trunk that they share once, side by side, each row reads the
  rest of its path, and the two results are merged by their log-sum-exp;
- ``PackedPlan``: a group's new tokens stand in one row, behind the trunk and the rest of all paths, under a
  mask by which each sees its own ancestors.

Left out: the attention itself (``attention``), which rows form a group and what is held (``store``).

Source: the merging of partial attention is that of Ye et al. 2025 (FlashInfer) and of Juravsky et al. 2024
(Hydragen).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lmgym_agents.decoding.attention import PackedRows
from lmgym_agents.decoding.kv_cache import IntArray, KVCache
from lmgym_agents.prefixes.attention import (
    Attention,
    Cells,
    Paths,
    attend,
    make_bias,
    make_table,
    split_heads,
)


class NewRows(NamedTuple):
    """n rows whose last tokens are new; a token that several rows share is new in one of them only."""

    paths: Paths
    """The cells of each row's tokens."""
    starts: IntArray
    """int64[n], the place of each row's first new token, beyond the trunk."""
    groups: IntArray
    """int64[n], ascending from 0, the group that each row belongs to."""
    trunks: IntArray
    """int64[G], the tokens that each group's rows share, at least 1; none of them is new."""

    @property
    def new_cells(self) -> IntArray:
        """int64[m], the cells of the new tokens, row after row."""
        return np.concatenate([path[start:] for path, start in zip(self.paths, self.starts, strict=True)])

    @property
    def lengths(self) -> IntArray:
        """int64[n], tokens on each path."""
        return np.array([len(path) for path in self.paths], np.int64)


class _New:
    """The packed new tokens of a pass: where they stand, where their keys and values go."""

    def __init__(self, cache: KVCache, rows: NewRows) -> None:
        self.shape, self._cache = cache.shape, cache
        self.by_row = PackedRows(rows.starts, rows.lengths - rows.starts, cache.device)
        self._cells = torch.from_numpy(rows.new_cells).to(cache.device)

    def bind(self, qkv: Tensor) -> None:
        self.stored = qkv[:, self.shape.query_width :]
        self.queries = qkv[:, : self.shape.query_width].unflatten(-1, (-1, self.shape.head_dim))

    def write(self, layer: int) -> None:
        self._cache.layers[layer].index_copy_(0, self._cells, self.stored)

    def is_done(self, layer: int, last: Tensor | None) -> bool:
        """Whether nobody asks what comes above the keys and values of this layer."""
        return last is not None and not len(last) and layer == len(self.shape.scales) - 1


class RowsPlan:
    """Each row reads its own path."""

    def __init__(self, cache: KVCache, rows: NewRows, last: Tensor | None) -> None:
        """Plans a pass.

        Args:
            cache: a single slot.
            rows: trunks and groups are not looked at.
            last: int64[k], the packed tokens whose hidden states are wanted; None: all.
        """
        self._new, self.last = _New(cache, rows), last
        self.positions = self._new.by_row.positions
        self._cells: Cells | None = None
        self._bias: Tensor | None = None
        if rows.starts.any():
            table = make_table(rows.paths, np.zeros_like(rows.starts))
            self._cells = Cells(cache, table)
            columns = torch.arange(table.shape[1], device=cache.device)
            is_visible = columns <= self._new.by_row.pad(self.positions)[..., None]
            if not bool(is_visible.all()):
                self._bias = make_bias(is_visible, cache.dtype)[:, None]

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        self._new.bind(qkv)

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        new = self._new
        new.write(layer)
        if new.is_done(layer, self.last):
            return new.queries.flatten(1)
        queries, scale = new.by_row.pad(new.queries), new.shape.scales[layer]
        if self._cells is None:
            keys, values = split_heads(new.by_row.pad(new.stored), new.shape)
            found = attend(queries, keys, values, None, scale, is_causal=True)
        else:
            found = attend(queries, *self._cells.read(layer), self._bias, scale)
        return new.by_row.pack(found.out).flatten(1)


class CascadePlan:
    """The trunk is read once a group, the rest of each path by its row; merged by log-sum-exp."""

    def __init__(self, cache: KVCache, rows: NewRows, last: Tensor | None) -> None:
        """Plans a pass; see ``RowsPlan``."""
        self._new, self.last = _New(cache, rows), last
        by_row = self._new.by_row
        self.positions = by_row.positions
        self._by_group, trunk = _read_trunks(cache, rows)
        self._trunk = Cells(cache, trunk)
        self._trunk_bias = _trunk_bias(cache, rows.trunks)
        trunks = rows.trunks[rows.groups]
        self._rest: Cells | None = None
        if (rows.starts > trunks).any():
            table = make_table(rows.paths, trunks)
            self._rest = Cells(cache, table)
            columns = torch.arange(table.shape[1], device=cache.device)
            offsets = torch.from_numpy(trunks).to(cache.device)[:, None, None]
            # A padded query sees column 0, so that nothing is divided by 0.
            is_visible = columns <= (by_row.pad(self.positions)[..., None] - offsets).clamp_(min=0)
            self._rest_bias = make_bias(is_visible, cache.dtype)[:, None]

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        self._new.bind(qkv)

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        new, by_group = self._new, self._by_group
        new.write(layer)
        if new.is_done(layer, self.last):
            return new.queries.flatten(1)
        scale = new.shape.scales[layer]
        trunk = attend(by_group.pad(new.queries), *self._trunk.read(layer), self._trunk_bias, scale)
        rest = self._attend_rest(layer, scale)
        trunk_lse, rest_lse = by_group.pack(trunk.lse), new.by_row.pack(rest.lse)
        share = (rest_lse - trunk_lse).sigmoid_().to(rest.out.dtype)[..., None]
        return torch.lerp(by_group.pack(trunk.out), new.by_row.pack(rest.out), share).flatten(1)

    def _attend_rest(self, layer: int, scale: float) -> Attention:
        new = self._new
        queries = new.by_row.pad(new.queries)
        if self._rest is None:
            keys, values = split_heads(new.by_row.pad(new.stored), new.shape)
            return attend(queries, keys, values, None, scale, is_causal=True)
        return attend(queries, *self._rest.read(layer), self._rest_bias, scale)


class PackedPlan:
    """All new tokens of a group in one row, each seeing its ancestors by a mask."""

    def __init__(self, cache: KVCache, rows: NewRows, last: Tensor | None) -> None:
        """Plans a pass; see ``RowsPlan``."""
        self._new, self.last = _New(cache, rows), last
        self.positions = self._new.by_row.positions
        self._by_group, trunk = _read_trunks(cache, rows)
        table, is_visible = _ancestors(rows, trunk, self._by_group.width)
        self._cells = Cells(cache, table)
        self._bias = make_bias(torch.from_numpy(is_visible).to(cache.device), cache.dtype)[:, None]

    def bind(self, qkv: Tensor) -> None:
        """See ``Plan``."""
        self._new.bind(qkv)

    def attend(self, layer: int) -> Tensor:
        """See ``Plan``."""
        new, shape = self._new, self._new.shape
        new.write(layer)
        if new.is_done(layer, self.last):
            return new.queries.flatten(1)
        keys, values = self._cells.read(layer)
        out = F.scaled_dot_product_attention(
            self._by_group.pad(new.queries).transpose(1, 2),
            keys,
            values,
            attn_mask=self._bias,
            scale=shape.scales[layer],
            enable_gqa=shape.num_heads != shape.num_kv_heads,
        )
        return self._by_group.pack(out.transpose(1, 2)).flatten(1)


def _read_trunks(cache: KVCache, rows: NewRows) -> tuple[PackedRows, IntArray]:
    """Returns how new tokens are packed by group, and the cells of the trunks, int64[G, width]."""
    counts = np.bincount(rows.groups, weights=rows.lengths - rows.starts).astype(np.int64)
    firsts = np.searchsorted(rows.groups, np.arange(len(rows.trunks)))
    trunks = [rows.paths[first][:trunk] for first, trunk in zip(firsts, rows.trunks.tolist(), strict=True)]
    return PackedRows(np.zeros_like(counts), counts, cache.device), make_table(trunks, np.zeros_like(counts))


def _trunk_bias(cache: KVCache, trunks: IntArray) -> Tensor | None:
    """Returns [G, 1, 1, width], or None where all trunks are as long."""
    if (trunks == trunks[0]).all():
        return None
    columns = torch.arange(int(trunks.max()), device=cache.device)
    ends = torch.from_numpy(trunks).to(cache.device)
    return make_bias(columns < ends[:, None], cache.dtype)[:, None, None]


def _ancestors(rows: NewRows, trunk: IntArray, width: int) -> tuple[IntArray, NDArray[np.bool_]]:
    """Returns all cells that each group reads, int64[G, w], and whether each new token sees them.

    Args:
        rows: the new rows.
        trunk: int64[G, t], the trunks' cells.
        width: most new tokens of a group.
    """
    columns: list[dict[int, int]] = [{} for _ in rows.trunks]  # cell -> column, the trunk not counted
    for path, group in zip(rows.paths, rows.groups.tolist(), strict=True):
        known = columns[group]
        for cell in path[rows.trunks[group] :]:
            known.setdefault(cell, len(known))
    num_groups, size = trunk.shape
    table = np.zeros((num_groups, size + max(map(len, columns))), np.int64)
    table[:, :size] = trunk
    is_visible = np.zeros((num_groups, width, table.shape[1]), bool)
    is_visible[:, :, :size] = (np.arange(size) < rows.trunks[:, None])[:, None]
    places = [0] * num_groups
    for group, known in enumerate(columns):
        table[group, size : size + len(known)] = list(known)
    for path, start, group in zip(rows.paths, rows.starts.tolist(), rows.groups.tolist(), strict=True):
        rest = [size + columns[group][cell] for cell in path[rows.trunks[group] :]]
        new = len(path) - start
        sees = np.arange(len(rest)) <= np.arange(len(rest) - new, len(rest))[:, None]
        is_visible[group, places[group] : places[group] + new, rest] = sees.T
        places[group] += new
    return table, is_visible
