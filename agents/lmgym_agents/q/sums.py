"""The two numbers that logits as Q need of each state: the chosen token's log-prob and the logsumexp.

In: rows of tokens. Out: arrays over actions and states, from one forward pass, without ever holding the
logits of a large vocabulary at once (chunks are made again in the backward pass, see ``token_logps``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lmgym_agents.policy import Policy
from lmgym_agents.q.action_rows import ActionRows

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class LogitSums(NamedTuple):
    """What a policy says of rows; 0 where there is no action or no state."""

    logps: Float[Tensor, "B A"]
    """log π(a|s) of each action, nats."""
    normalisers: Float[Tensor, "B A+1"]
    """logsumexp of the logits in each state."""
    entropies: Float[Tensor, "B A"]
    """Of the distribution that each action was drawn from, nats; detached."""


def logit_sums(policy: Policy, input_ids: Int[Tensor, "B L"], rows: ActionRows) -> LogitSums:
    """Returns log-probs and normalisers of rows, with gradients.

    Args:
        policy: any.
        input_ids: right-padded.
        rows: where the actions and the states are; on the policy's device, as wide as ``input_ids``.
    """
    ids = input_ids.to(policy.device)
    at_row, at_column = rows.is_state.nonzero(as_tuple=True)
    hidden = policy.hidden_states(ids)[at_row, at_column]
    # After a row's last token nothing was chosen; the number that stands there is not used.
    tokens = ids[at_row, (at_column + 1).clamp(max=ids.shape[1] - 1)]

    def evaluate(hidden: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = policy.output_logits(hidden)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        normalisers = logits.logsumexp(dim=-1)
        logps = logits.gather(-1, tokens[:, None]).squeeze(-1) - normalisers
        plain = (logits - normalisers[:, None]).detach()
        return logps, normalisers, -torch.where(plain > -torch.inf, plain.exp() * plain, 0).sum(dim=-1)

    chunk = max(1, policy.max_logits // policy.vocab_size)
    parts = []
    for start in range(0, max(1, len(hidden)), chunk):
        part = hidden[start : start + chunk], tokens[start : start + chunk]
        if torch.is_grad_enabled() and len(hidden) > chunk:
            parts.append(checkpoint(evaluate, *part, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(evaluate(*part))
    logps, normalisers, entropies = (torch.cat(column) for column in zip(*parts, strict=True))
    chosen = rows.actions_among_states()
    return LogitSums(
        rows.of_actions(logps[chosen]), rows.of_states(normalisers), rows.of_actions(entropies[chosen])
    )
