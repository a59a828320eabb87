"""Next tokens drawn from logits, each with the log-prob of the distribution it was really drawn from.

In: logits, the parameters, one uniform number a row. Out: token ids and log-probs. Left out: models,
caches and batching (see ``engine``).

The uniforms are counter-based: the number for a token depends on (seed, request, position) and on nothing
else, so neither the batch nor the order of work can change what is sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How tokens are drawn; the truncations apply after the temperature, top-k before top-p."""

    max_new_tokens: int
    """most tokens a request may add, the stop token included"""
    temperature: float = 1.0
    """logits are divided by this; 0 takes the most likely token (the lowest id of equals)"""
    top_k: int = 0
    """keep the k most likely tokens; 0 keeps all"""
    top_p: float = 1.0
    """keep the fewest most likely tokens whose probabilities sum to at least this; 1 keeps all"""
    stop_ids: tuple[int, ...] = ()
    """a request ends with the first of these that it samples; the stop token is kept as its last token"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop_ids", tuple(int(token) for token in self.stop_ids))
        _require(self.max_new_tokens >= 1, "max_new_tokens", self.max_new_tokens, "an integer from 1")
        temperature_ok = math.isfinite(self.temperature) and self.temperature >= 0
        _require(temperature_ok, "temperature", self.temperature, "a finite number from 0 (0 is greedy)")
        _require(self.top_k >= 0, "top_k", self.top_k, "an integer from 0 (0 keeps all tokens)")
        _require(0 < self.top_p <= 1, "top_p", self.top_p, "a number in (0, 1] (1 keeps all tokens)")

    @property
    def is_greedy(self) -> bool:
        """Whether the most likely token is taken and no randomness used."""
        return self.temperature == 0


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"SamplingParams.{field} is {given!r}; allowed: {allowed}.")


_LEAST_TEMPERATURE = 1e-30
"""Anything below picks the same token, and is no float32 where denormal numbers are flushed to 0."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xD1342543DE82EF95)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns a bijective hash of 64-bit words in which each input bit flips each output bit half the time.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014; constants of Stafford's variant 13).
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def make_uniforms(
    seed: int, requests: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns numbers in [0, 1), each a pure function of (seed, request, position).

    Args:
        seed: non-negative integer of any size.
        requests: int64, any shape that broadcasts with ``positions``.
        positions: int64; 0 is a request's first new token.

    Returns:
        float64 of the broadcast shape, multiples of 2**-52, so that a product with a total stays below it.
    """
    key = np.uint64(make_key(seed, "engine"))
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is meant
        rows = _mix(np.asarray(requests, np.int64).astype(np.uint64) * _GOLDEN + key)
        words = _mix(_mix(rows + np.asarray(positions, np.int64).astype(np.uint64) * _ODD) + _GOLDEN)
    return (words >> np.uint64(12)).astype(np.float64) * 2.0**-52


def sampling_logps(logits: Tensor, params: SamplingParams, is_banned: Tensor | None = None) -> Tensor:
    """Returns the log-probs of the distribution that ``sample`` draws from, over the whole vocabulary.

    Temperature first, then the top-k tokens, then the top-p of what is left, then renormalised; a dropped
    token has -inf. At temperature 0, where the choice isn't random, the plain softmax (temperature 1, no
    truncation) of the tokens that aren't banned: the number that evaluations want to know.

    Args:
        logits: float[n, V], any dtype; computed in float32.
        params: see ``SamplingParams``.
        is_banned: bool[V] or None; True for tokens that may not be drawn.

    Returns:
        float32[n, V]; a row with NaN or +inf among its logits, or with nothing but -inf, is NaN throughout.
    """
    logits = logits.float()
    if is_banned is not None:
        logits = logits.masked_fill(is_banned, -torch.inf)
    if params.temperature not in (0, 1):
        # The maximum goes first: a tiny temperature would overflow without it.
        logits = (logits - logits.amax(-1, keepdim=True)) / max(params.temperature, _LEAST_TEMPERATURE)
    logps = logits.log_softmax(-1)
    if params.is_greedy or (params.top_k == 0 and params.top_p == 1):
        return logps
    return logps.masked_fill(~_is_kept(logps, params), -torch.inf).log_softmax(-1)


def _is_kept(logps: Tensor, params: SamplingParams) -> Tensor:
    """Returns bool[n, V]: what top-k and top-p leave; of equals at the edge, the lower ids."""
    size = logps.shape[-1]
    num_candidates = min(params.top_k, size) if params.top_k else size
    descending = logps.topk(num_candidates, dim=-1).values
    num_kept = torch.full_like(descending[:, :1], num_candidates, dtype=torch.int64)
    if params.top_p < 1:
        # The token that crosses top_p is kept: a token goes when those above it already have the mass.
        mass = descending.softmax(-1).cumsum(-1, dtype=torch.float64)
        num_kept = 1 + (mass[:, :-1] < params.top_p).sum(-1, keepdim=True)
    edge = descending.gather(-1, num_kept - 1)
    is_above, is_edge = logps > edge, logps == edge
    return is_above | (is_edge & (is_edge.cumsum(-1) <= num_kept - is_above.sum(-1, keepdim=True)))


def sample(
    logits: Tensor, uniforms: Tensor, params: SamplingParams, is_banned: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Returns one token a row and its log-prob under the distribution it was drawn from.

    Inverse of the cumulative distribution: one uniform number a token, and a rounding error of 1e-7 in the
    logits changes a token with a probability of that order only.

    Args:
        logits: float[n, V].
        uniforms: float64[n] in [0, 1); unused at temperature 0.
        params: see ``SamplingParams``.
        is_banned: bool[V] or None; True for tokens that may not be drawn.

    Returns:
        tokens int64[n] and log-probs float32[n]; a log-prob is NaN where ``sampling_logps`` is (the token
        is then meaningless, but a legal index).
    """
    logps = sampling_logps(logits, params, is_banned)
    if params.is_greedy:
        tokens = logps.argmax(-1, keepdim=True)
    else:
        # float64, because float32 sums over a large vocabulary lose its rare tokens.
        cumulative = logps.exp().cumsum(-1, dtype=torch.float64)
        targets = uniforms[:, None] * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, targets, right=True).clamp_(max=logps.shape[-1] - 1)
    return tokens[:, 0], logps.gather(-1, tokens)[:, 0]
