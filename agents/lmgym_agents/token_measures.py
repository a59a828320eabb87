"""What a model says of each token of finished episodes: log-prob, entropy, value, Q, advantage, KL.

In: a rollout and the model, as it is now. Out: ``TokenMeasures``, arrays over the rollout's cells. Left out:
playing the episodes, and what is written of them (``token_records``).

All is said of the model's own distribution, at temperature 1, whatever the tokens were drawn with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from lmgym_agents.advantages import gae, monte_carlo_returns
from lmgym_agents.kl import estimate_kl
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel
from lmgym_agents.reference import Reference
from lmgym_agents.rollout import Rollout

if TYPE_CHECKING:
    from jaxtyping import Float

AdvantageKind = Literal["gae", "return", "q-v"]
LAMBDA = 0.95
_MAX_CELLS = 1 << 16
"""Tokens that pass through a model at once."""


@dataclass(frozen=True, kw_only=True)
class TokenMeasures:
    """Numbers of each cell of B rows of width L, 0 where no action; None: the model says nothing of it."""

    logps: Float[Tensor, "B L"]
    """Log-prob of the token, nats."""
    entropies: Float[Tensor, "B L"]
    """Of the distribution that it is one draw of, nats."""
    values: Float[Tensor, "B L"] | None
    """Of the state before the token, in the reward's unit; None: the value head never learned."""
    q: Float[Tensor, "B L"] | None
    """Of the token in that state: the smallest of the Q heads."""
    advantages: Float[Tensor, "B L"]
    advantage_kind: AdvantageKind
    """"gae": gamma 1, lambda 0.95, with the policy's values. "return": what the episode still pays, where
    there are no values. "q-v": Q(s, a) - V(s)."""
    kl: Float[Tensor, "B L"] | None
    """k1 of the token: its log-prob less the reference's; on average over draws the divergence. nats."""


@torch.inference_mode()
def measure_tokens(
    model: Policy | QModel, rollout: Rollout, reference: Policy | Reference | None = None
) -> TokenMeasures:
    """Returns what ``model`` says of the actions of ``rollout``.

    Args:
        model: a policy, or a Q model, whose log-probs are those of its language head.
        rollout: finished episodes.
        reference: what KL is measured from; by default that of a Q model whose logits are Q, else nothing.
    """
    if isinstance(model, QModel):
        return _measure_q(model, rollout, reference or model.reference)
    return _measure_policy(model, rollout, reference)


def _measure_policy(policy: Policy, rollout: Rollout, reference: Policy | Reference | None) -> TokenMeasures:
    shape = rollout.input_ids.shape
    logps, entropies, values, last = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape), []
    for rows, ids, lengths, acts in _chunks(rollout):
        found = policy.evaluate(ids, lengths, is_action=acts, need_entropy=True)
        assert found.entropies is not None
        logps[rows], entropies[rows] = found.logps.cpu().float(), found.entropies.cpu().float()
        values[rows] = found.values[:, :-1].cpu().float()
        last.append(found.bootstrap_values(lengths).cpu().float())
    has_values = bool(policy.value_head.weight.any() or policy.value_head.bias.any())
    advantages = _advantages(rollout, values if has_values else None, torch.cat(last))
    return TokenMeasures(
        logps=logps,
        entropies=entropies,
        values=torch.where(rollout.is_action, values, 0) if has_values else None,
        q=None,
        advantages=advantages,
        advantage_kind="gae" if has_values else "return",
        kl=_kl(logps, rollout, reference),
    )


def _measure_q(model: QModel, rollout: Rollout, reference: Policy | Reference | None) -> TokenMeasures:
    shape = rollout.input_ids.shape
    logps, entropies, values, q = (torch.zeros(shape) for _ in range(4))
    for rows, ids, lengths, acts in _chunks(rollout):
        if not acts.any():
            continue
        found = model.evaluate(ids, lengths, acts)
        cells = acts.nonzero(as_tuple=True)
        tokens = ids[cells][:, None].to(found.logits.device)
        own = found.logits.log_softmax(-1)
        at = (cells[0] + rows.start, cells[1])
        logps[at] = own.gather(-1, tokens).squeeze(-1).cpu().float()
        entropies[at] = -torch.where(own.exp() > 0, own.exp() * own, 0).sum(-1).cpu().float()
        values[at] = found.values.cpu().float()
        q[at] = found.min_q.gather(-1, tokens).squeeze(-1).cpu().float()
    return TokenMeasures(
        logps=logps,
        entropies=entropies,
        values=values,
        q=q,
        advantages=q - values,
        advantage_kind="q-v",
        kl=_kl(logps, rollout, reference),
    )


def _chunks(rollout: Rollout) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Yields (rows, ids, lengths, actions), few rows at a time."""
    num_rows, width = rollout.input_ids.shape
    size = max(1, _MAX_CELLS // max(width, 1))
    for start in range(0, num_rows, size):
        rows = slice(start, min(start + size, num_rows))
        yield rows, rollout.input_ids[rows], rollout.lengths[rows], rollout.is_action[rows]


def _advantages(rollout: Rollout, values: Tensor | None, bootstrap: Tensor) -> Tensor:
    if values is None:
        return monte_carlo_returns(
            rewards=rollout.rewards, is_action=rollout.is_action, lengths=rollout.lengths,
            terminated=rollout.terminated, bootstrap_values=torch.zeros_like(bootstrap),
        )  # fmt: skip
    return gae(
        rewards=rollout.rewards, values=values, is_action=rollout.is_action, lengths=rollout.lengths,
        terminated=rollout.terminated, bootstrap_values=bootstrap, lam=LAMBDA,
    ).advantages  # fmt: skip


def _kl(logps: Tensor, rollout: Rollout, reference: Policy | Reference | None) -> Tensor | None:
    if reference is None:
        return None
    theirs = torch.zeros_like(logps)
    for rows, ids, lengths, acts in _chunks(rollout):
        if isinstance(reference, Reference):
            found = reference.logps(ids, lengths, is_action=acts)
        else:
            found = reference.evaluate(ids, lengths, is_action=acts, need_values=False).logps
        theirs[rows] = found.cpu().float()
    return torch.where(rollout.is_action, estimate_kl(logps, theirs, "k1"), 0)
