"""Slow truths of decoding: distributions in float64 loops, log-probs from whole forward passes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel


def truncated_distribution(
    logits: Sequence[float],
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    allowed: Sequence[int] | None = None,
) -> list[float]:
    """Returns the probabilities of temperature, then top-k, then top-p sampling, token by token."""
    ids = list(range(len(logits))) if allowed is None else sorted(allowed)
    scaled = {token: logits[token] / temperature for token in ids}
    ranked = sorted(ids, key=lambda token: (-scaled[token], token))
    if top_k:
        ranked = ranked[:top_k]
    weights = {token: math.exp(scaled[token] - scaled[ranked[0]]) for token in ranked}
    total = math.fsum(weights.values())
    kept, mass = [], 0.0
    for token in ranked:
        kept.append(token)
        mass += weights[token] / total
        if mass >= top_p:
            break
    total = math.fsum(weights[token] for token in kept)
    return [weights[token] / total if token in kept else 0.0 for token in range(len(logits))]


def logits_of_rows(model: PreTrainedModel, prompt: Sequence[int], new: Sequence[int]) -> NDArray[np.float64]:
    """Returns the logits [len(new), V] for each new token, from one plain forward pass without a cache."""
    ids = torch.tensor([[*map(int, prompt), *map(int, new)]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].double().numpy()
    return logits[len(prompt) - 1 : -1]


def logps_of_rows(model: PreTrainedModel, prompt: Sequence[int], new: Sequence[int]) -> NDArray[np.float64]:
    """Returns the log-prob of each new token under the model's plain softmax."""
    logits = logits_of_rows(model, prompt, new)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logps = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logps[np.arange(len(new)), np.asarray(new, np.int64)]


def greedy_continuation(
    model: PreTrainedModel, prompt: Sequence[int], max_new_tokens: int, stop_ids: Sequence[int] = ()
) -> list[int]:
    """Returns the most likely continuation, a whole forward pass for every token."""
    row = [int(token) for token in prompt]
    for _ in range(max_new_tokens):
        with torch.no_grad():
            row.append(int(model(input_ids=torch.tensor([row])).logits[0, -1].argmax()))
        if row[-1] in stop_ids:
            break
    return row[len(prompt) :]
