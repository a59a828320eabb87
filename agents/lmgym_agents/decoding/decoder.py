"""Decoders: a model with a key-value cache of one slot a row, behind one small protocol.

Three of them, all with the same laws. ``SlotDecoder`` runs architectures whose forward pass is written out
here (Llama, Mistral, Qwen2, Qwen3, GPT-2); ``CachedDecoder`` and ``RecomputingDecoder`` of ``decoder_hf`` run
every other causal LM through its own forward method.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmgym_agents.decoding.attention import ExtendPlan, Plan, PromptPlan, StepPlan
from lmgym_agents.decoding.decoder_gpt2 import GPT2Forward, can_read_gpt2
from lmgym_agents.decoding.decoder_hf import CachedDecoder, RecomputingDecoder, has_plain_cache
from lmgym_agents.decoding.decoder_llama import LlamaForward, can_read_llama
from lmgym_agents.decoding.graphs import StepGraphs
from lmgym_agents.decoding.kv_cache import CacheShape, IntArray, KVCache


class Decoder(Protocol):
    """What the engine needs of a model. All logits are [n, V], those for the token after each row's last."""

    def begin(self, num_slots: int, length: int) -> None:
        """Makes room and looks up the weights; what the slots hold is lost if they have to grow."""

    def clear(self) -> None:
        """Forgets what the slots hold and frees their memory."""

    def prefill(self, slots: IntArray, prompts: list[IntArray]) -> Tensor:
        """Writes each prompt into its slot and returns the logits after it."""

    def step(self, tokens: Tensor, positions: IntArray) -> Tensor:
        """Adds one token to each of the slots 0 … n-1, at the position given, and returns the logits."""

    def extend(self, slots: IntArray, starts: IntArray, tokens: list[IntArray]) -> Tensor:
        """Adds some tokens to each of these slots, which hold ``starts`` tokens, and returns the logits."""

    def copy(self, source: IntArray, target: IntArray, length: int) -> None:
        """Copies the first ``length`` positions of each source slot into the target slot beside it."""


class Forward(Protocol):
    """One architecture's forward pass over a slot cache."""

    cache_shape: CacheShape

    def refresh(self, length: int) -> None:
        """Looks up the model's tensors as they are now; ``length`` is the number of positions needed."""

    def __call__(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns logits [n, V] after each row's last token, from packed tokens int64[m] and their plan."""

    def hidden(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns in their stead the states [n, D] that the output layer reads, good until the next call."""


class SlotDecoder:
    """A decoder that runs a forward pass of our own on the weights of the live model."""

    def __init__(self, model: PreTrainedModel, forward: Forward, *, use_graphs: bool):
        self._forward = forward
        self._dtype, self._device = model.dtype, model.device
        self._cache: KVCache | None = None
        self._graphs = StepGraphs(model, forward) if use_graphs else None

    def begin(self, num_slots: int, length: int) -> None:
        """See ``Decoder``."""
        self._forward.refresh(length)
        cache = self._cache
        if cache is None or cache.num_slots < num_slots or cache.length < length:
            num_slots = max(num_slots, cache.num_slots if cache else 0)
            length = max(length, cache.length if cache else 0)
            self.clear()  # the old cache goes before the new one is made
            self._cache = KVCache(self._forward.cache_shape, num_slots, length, self._dtype, self._device)
        if self._graphs is not None:
            self._graphs.begin(self._cache)

    def clear(self) -> None:
        """See ``Decoder``."""
        self._cache = None
        if self._graphs is not None:
            self._graphs.clear()

    def prefill(self, slots: IntArray, prompts: list[IntArray]) -> Tensor:
        """See ``Decoder``."""
        plan = PromptPlan(self._held, slots, _lengths(prompts))
        return self._forward(self._pack(prompts), plan)

    def step(self, tokens: Tensor, positions: IntArray) -> Tensor:
        """See ``Decoder``."""
        length = int(positions.max()) + 1
        if self._graphs is not None:
            return self._graphs.step(tokens, positions, length)
        is_ragged = int(positions.min()) + 1 < length
        rows = torch.from_numpy(positions).to(self._device)
        return self._forward(tokens, StepPlan(self._held, rows, length, is_ragged=is_ragged))

    def extend(self, slots: IntArray, starts: IntArray, tokens: list[IntArray]) -> Tensor:
        """See ``Decoder``."""
        plan = ExtendPlan(self._held, slots, starts, _lengths(tokens))
        return self._forward(self._pack(tokens), plan)

    def copy(self, source: IntArray, target: IntArray, length: int) -> None:
        """See ``Decoder``."""
        self._held.copy(source, target, length)

    @property
    def _held(self) -> KVCache:
        assert self._cache is not None, "begin() comes first"
        return self._cache

    def _pack(self, rows: list[IntArray]) -> Tensor:
        return torch.from_numpy(np.concatenate(rows)).to(self._device)


def _lengths(rows: list[IntArray]) -> IntArray:
    return np.array([len(row) for row in rows], np.int64)


def make_decoder(model: PreTrainedModel, *, use_graphs: bool) -> Decoder:
    """Returns the fastest decoder that computes what ``model`` computes.

    Args:
        model: a causal LM.
        use_graphs: replay decode steps from CUDA graphs where the decoder can.
    """
    if (forward := make_forward(model)) is not None:
        return SlotDecoder(model, forward, use_graphs=use_graphs)
    return CachedDecoder(model) if has_plain_cache(model) else RecomputingDecoder(model)


def make_forward(model: PreTrainedModel) -> Forward | None:
    """Returns the forward pass of our own that computes what ``model`` computes, None: there is none."""
    if len({parameter.device for parameter in model.parameters()}) != 1:
        return None
    if can_read_llama(model):
        return LlamaForward(model)
    return GPT2Forward(model) if can_read_gpt2(model) else None
