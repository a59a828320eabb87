"""Decoders that call a Hugging Face model's own forward method, for architectures not written out here."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from lmgym_agents.decoding.kv_cache import IntArray

_CACHED_LAYERS = {"full_attention", "sliding_attention"}


def has_plain_cache(model: PreTrainedModel) -> bool:
    """Whether the model's only state is keys and values of all tokens, in a cache that it is handed."""
    layer_types = set(getattr(model.config, "layer_types", None) or ())
    # The frequencies of this kind depend on the length of the whole row, so that old keys go stale.
    has_stale_keys = "longrope" in repr(getattr(model.config, "rope_parameters", None))
    return (
        "past_key_values" in inspect.signature(model.forward).parameters
        and layer_types <= _CACHED_LAYERS
        and not getattr(model, "_is_stateful", False)
        and not has_stale_keys
    )


@dataclass(frozen=True)
class _Row:
    """What one slot holds: keys and values [heads, length, dim] of each layer; never written to."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    length: int


class CachedDecoder:
    """A decoder over Hugging Face's dynamic cache.

    The rows of a batch stand flush right in it, as in Hugging Face's own ``generate``, because that is what
    every model understands. While the same slots are stepped the cache just grows; when they change, it is
    taken apart into rows and put together anew.
    """

    def __init__(self, model: PreTrainedModel):
        self._model = model
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._takes_last_only = "logits_to_keep" in accepted
        self.clear()

    def begin(self, num_slots: int, length: int) -> None:
        """See ``decoder.Decoder``; rows are allocated as they come."""

    def clear(self) -> None:
        """See ``decoder.Decoder``."""
        self._rows: dict[int, _Row] = {}
        self._attached: list[int] = []
        self._cache: Any = None
        self._is_token = torch.empty(0, 0, dtype=torch.bool)

    def prefill(self, slots: IntArray, prompts: list[IntArray]) -> Tensor:
        """See ``decoder.Decoder``."""
        self._detach()
        self._attached = slots.tolist()
        self._cache = DynamicCache()
        width = max(map(len, prompts))
        tokens = np.zeros((len(prompts), width), np.int64)
        is_token = np.zeros((len(prompts), width), bool)
        for row, prompt in enumerate(prompts):
            tokens[row, width - len(prompt) :] = prompt
            is_token[row, width - len(prompt) :] = True
        device = self._model.device
        self._is_token = torch.zeros(len(prompts), 0, dtype=torch.bool, device=device)
        return self._run(torch.from_numpy(tokens).to(device), torch.from_numpy(is_token).to(device))

    def step(self, tokens: Tensor, positions: IntArray) -> Tensor:
        """See ``decoder.Decoder``."""
        slots = list(range(len(tokens)))
        if slots != self._attached:
            self._attach(slots, positions)
        return self._run(tokens[:, None], torch.ones_like(tokens, dtype=torch.bool)[:, None])

    def extend(self, slots: IntArray, starts: IntArray, tokens: list[IntArray]) -> Tensor:
        """See ``decoder.Decoder``; token by token."""
        logits: list[Tensor | None] = [None] * len(slots)
        for offset in range(max(map(len, tokens))):
            going = [row for row in range(len(slots)) if len(tokens[row]) > offset]
            self._attach([int(slots[row]) for row in going], starts[going] + offset)
            column = torch.tensor([[int(tokens[row][offset])] for row in going], device=self._model.device)
            stepped = self._run(column, torch.ones_like(column, dtype=torch.bool))
            for row, row_logits in zip(going, stepped, strict=True):
                logits[row] = row_logits
        return torch.stack([row_logits for row_logits in logits if row_logits is not None])

    def copy(self, source: IntArray, target: IntArray, length: int) -> None:
        """See ``decoder.Decoder``; rows are never written to, so a copy is a second name."""
        self._detach()
        rows = [self._rows[slot] for slot in source.tolist()]
        self._rows.update(zip(target.tolist(), rows, strict=True))

    def _run(self, tokens: Tensor, is_token: Tensor) -> Tensor:
        """Feeds [n, t] tokens to the attached rows and returns the logits after the last column."""
        self._is_token = torch.cat((self._is_token, is_token), dim=1)
        options: dict[str, Any] = {}
        if self._takes_positions:
            counts = self._is_token.long().cumsum(1) - 1
            options["position_ids"] = counts[:, -tokens.shape[1] :].clamp(min=0)
        if self._takes_last_only:
            options["logits_to_keep"] = 1
        out = self._model(
            input_ids=tokens,
            attention_mask=self._is_token.long(),
            past_key_values=self._cache,
            use_cache=True,
            **options,
        )
        self._cache = out.past_key_values
        return out.logits[:, -1]

    def _detach(self) -> None:
        """Takes the cache apart into rows."""
        if self._cache is None:
            return
        layers = self._cache.layers
        lengths = self._is_token.sum(1).tolist()
        for row, (slot, length) in enumerate(zip(self._attached, lengths, strict=True)):
            keys = tuple(layer.keys[row, :, -length:] for layer in layers)
            values = tuple(layer.values[row, :, -length:] for layer in layers)
            self._rows[slot] = _Row(keys, values, length)
        self._cache, self._attached = None, []

    def _attach(self, slots: list[int], lengths: IntArray) -> None:
        """Puts a cache together from the first ``lengths`` tokens of these slots."""
        self._detach()
        rows = [self._rows[slot] for slot in slots]
        # A slot that has finished may hold fewer tokens than the batch pretends; what it gives is unused.
        sizes = [min(row.length, int(length)) for row, length in zip(rows, lengths, strict=True)]
        width = max(sizes)
        self._cache = DynamicCache()
        for layer in range(len(rows[0].keys)):
            keys, values = (
                torch.stack(
                    [
                        F.pad(stored[layer][:, :size], (0, 0, width - size, 0))
                        for stored, size in zip(side, sizes, strict=True)
                    ]
                )
                for side in ([row.keys for row in rows], [row.values for row in rows])
            )
            self._cache.update(keys, values, layer)
        columns = torch.arange(width, device=self._model.device)
        self._is_token = columns >= width - torch.tensor(sizes, device=self._model.device)[:, None]
        self._attached = slots


class RecomputingDecoder:
    """A decoder without a cache, for models that keep another kind of state: slow, and right for all."""

    def __init__(self, model: PreTrainedModel):
        self._model = model
        self.clear()

    def begin(self, num_slots: int, length: int) -> None:
        """See ``decoder.Decoder``."""

    def clear(self) -> None:
        """See ``decoder.Decoder``."""
        self._rows: dict[int, IntArray] = {}

    def prefill(self, slots: IntArray, prompts: list[IntArray]) -> Tensor:
        """See ``decoder.Decoder``."""
        self._rows.update(zip(slots.tolist(), prompts, strict=True))
        width = max(map(len, prompts))
        tokens = np.zeros((len(prompts), width), np.int64)
        is_token = np.zeros((len(prompts), width), np.int64)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = prompt
            is_token[row, : len(prompt)] = 1
        device = self._model.device
        logits = self._model(
            input_ids=torch.from_numpy(tokens).to(device),
            attention_mask=torch.from_numpy(is_token).to(device),
            use_cache=False,
        ).logits
        last = torch.from_numpy(is_token.sum(1) - 1).to(device)
        return logits[torch.arange(len(prompts), device=device), last]

    def step(self, tokens: Tensor, positions: IntArray) -> Tensor:
        """See ``decoder.Decoder``."""
        return self.extend(np.arange(len(tokens)), positions, list(tokens.cpu().numpy()[:, None]))

    def extend(self, slots: IntArray, starts: IntArray, tokens: list[IntArray]) -> Tensor:
        """See ``decoder.Decoder``."""
        grown = [
            np.concatenate((self._rows[slot][:start], new))
            for slot, start, new in zip(slots.tolist(), starts.tolist(), tokens, strict=True)
        ]
        return self.prefill(slots, grown)

    def copy(self, source: IntArray, target: IntArray, length: int) -> None:
        """See ``decoder.Decoder``."""
        rows = [self._rows[slot][:length] for slot in source.tolist()]
        self._rows.update(zip(target.tolist(), rows, strict=True))
