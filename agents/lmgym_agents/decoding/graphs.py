"""Decode steps replayed from CUDA graphs, so that a step costs no Python and no kernel launches.

A graph has fixed shapes: the number of rows is rounded up to a power of two (or the number of slots), the
length of the cache that is read to a multiple of 128. Rows beyond those asked for write into slots that
nobody holds. A graph reads the model's own tensors; it is thrown away when one of them has moved.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmgym_agents.decoding.attention import StepPlan
from lmgym_agents.decoding.kv_cache import IntArray, KVCache

_LENGTH_STEP = 128
_NUM_WARM_UPS = 3


@dataclass(frozen=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    tokens: Tensor
    positions: Tensor
    logits: Tensor


class StepGraphs:
    """The graphs of one model and one cache."""

    def __init__(self, model: PreTrainedModel, forward: Callable[[Tensor, StepPlan], Tensor]):
        self._model, self._forward = model, forward
        self._cache: KVCache | None = None
        self._graphs: dict[tuple[int, int], _Graph] = {}
        self._addresses: tuple[int, ...] = ()
        self._is_broken = False
        self._pool = torch.cuda.graph_pool_handle()  # one memory pool: no two graphs run at once

    def begin(self, cache: KVCache) -> None:
        """Prepares for steps over this cache with the model's tensors as they lie now."""
        addresses = tuple(tensor.data_ptr() for tensor in self._model.state_dict().values())
        if cache is not self._cache or addresses != self._addresses:
            self.clear()
            self._cache, self._addresses = cache, addresses

    def clear(self) -> None:
        """Throws all graphs away."""
        self._graphs.clear()
        self._cache = None

    def step(self, tokens: Tensor, positions: IntArray, length: int) -> Tensor:
        """Returns the logits [n, V] of one step; they are overwritten by the next."""
        cache = self._cache
        assert cache is not None, "begin() comes first"
        n = len(tokens)
        rows = torch.from_numpy(positions).to(tokens.device)
        if not self._is_broken:
            try:
                graph = self._find(cache, n, length)
            except RuntimeError as error:  # whatever a driver or a kernel has against being captured
                self._is_broken = True
                warnings.warn(
                    f"CUDA graph capture failed, so decode steps run eagerly (slower): {error}", stacklevel=2
                )
            else:
                graph.tokens[:n].copy_(tokens)
                graph.positions.zero_()
                graph.positions[:n].copy_(rows)
                graph.graph.replay()
                return graph.logits[:n]
        return self._forward(tokens, StepPlan(cache, rows, length, is_ragged=True))

    def _find(self, cache: KVCache, n: int, length: int) -> _Graph:
        rows = min(1 << (n - 1).bit_length(), cache.num_slots)
        span = min(-(-length // _LENGTH_STEP) * _LENGTH_STEP, cache.length)
        if (rows, span) not in self._graphs:
            self._graphs[rows, span] = self._capture(cache, rows, span)
        return self._graphs[rows, span]

    def _capture(self, cache: KVCache, rows: int, span: int) -> _Graph:
        device = cache.device
        tokens = torch.zeros(rows, dtype=torch.int64, device=device)
        # The trial runs write at the last position read; whoever owns it writes it before reading it.
        positions = torch.full((rows,), span - 1, dtype=torch.int64, device=device)

        def run() -> Tensor:
            return self._forward(tokens, StepPlan(cache, positions, span, is_ragged=True))

        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_NUM_WARM_UPS):
                run()
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = run()
        return _Graph(graph, tokens, positions, logits)
