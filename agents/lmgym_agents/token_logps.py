"""Log-probs and entropies of chosen tokens from hidden states, without ever holding all logits at once.

A float32 array of [positions, vocabulary] is what runs out of memory first when a language model is trained.
Here only positions of actions come in, and they pass through the output layer in chunks, whose logits are
made again in the backward pass. Small vocabularies take the plain path, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lmgym.errors import InvalidValueError

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PLAIN_MAX_LOGITS = 1 << 24
"""Up to this many logits (64 MiB in float32) are held at once, both as the plain path and as a chunk."""


def token_logps(
    hidden: Float[Tensor, "N D"],
    targets: Int[Tensor, " N"],
    output_layer: Callable[[Tensor], Tensor],
    *,
    vocab_size: int,
    temperature: float = 1.0,
    need_entropy: bool = False,
    max_logits: int = PLAIN_MAX_LOGITS,
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"] | None]:
    """Returns the log-prob of each target, and the entropy of each distribution if asked for, in nats.

    The distribution is softmax(output_layer(hidden) / temperature), computed in float32 (float64 where the
    logits are).

    Args:
        hidden: last hidden state at the position before each target.
        targets: token ids.
        output_layer: gives the logits [n, V] of n hidden states.
        vocab_size: V.
        temperature: what the sampler divided its logits by.
        need_entropy: whether the entropy is computed.
        max_logits: N * V up to this takes the plain path; above it, chunks of at most this many logits.

    Raises:
        InvalidValueError: ``temperature`` is not positive: greedy decoding has no log-probs to learn from.
    """
    if not temperature > 0:
        raise InvalidValueError(f"temperature must be positive, got {temperature}; 1.0 is the model's own.")

    def evaluate(hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = output_layer(hidden)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        logits = logits / temperature if temperature != 1.0 else logits
        normaliser = logits.logsumexp(dim=-1)
        logps = logits.gather(-1, targets[:, None]).squeeze(-1) - normaliser
        if not need_entropy:
            return logps, torch.zeros_like(normaliser)
        probabilities = (logits - normaliser[:, None]).exp()
        # A token that is ruled out (logit -inf) has probability 0 and adds nothing.
        expected = torch.where(probabilities > 0, probabilities * logits, 0).sum(dim=-1)
        return logps, normaliser - expected

    chunk_rows = max(1, max_logits // vocab_size)
    if len(hidden) <= chunk_rows:
        logps, entropies = evaluate(hidden, targets)
        return logps, entropies if need_entropy else None
    parts = []
    for start in range(0, len(hidden), chunk_rows):
        chunk = hidden[start : start + chunk_rows], targets[start : start + chunk_rows]
        if torch.is_grad_enabled():
            parts.append(checkpoint(evaluate, *chunk, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(evaluate(*chunk))
    logps, entropies = (torch.cat(column) for column in zip(*parts, strict=True))
    return logps, entropies if need_entropy else None
