"""Losses on pairs of responses, one right and one wrong, to the same prompt.

In: log-probs of whole responses under the policy and under a frozen reference. Out: a loss and what to log.
Left out: where pairs come from (``solution_pool``) and how log-probs are computed (``policy``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.losses import Loss

if TYPE_CHECKING:
    from jaxtyping import Float

PairLoss = Literal["sigmoid", "ipo"]


def dpo_loss(
    right: Float[Tensor, " n"],
    wrong: Float[Tensor, " n"],
    reference_right: Float[Tensor, " n"],
    reference_wrong: Float[Tensor, " n"],
    *,
    beta: float = 0.1,
    kind: PairLoss = "sigmoid",
    label_smoothing: float = 0.0,
    num_pairs: int | None = None,
) -> Loss:
    """Returns the loss that raises right responses over wrong ones, measured from a reference.

    With h = (log π(right) - log π_ref(right)) - (log π(wrong) - log π_ref(wrong)):

        sigmoid   -(1 - ε) log σ(β h) - ε log σ(-β h)        (DPO; ε > 0: conservative DPO)
        ipo       (h - 1 / (2 β))²

    Args:
        right: log-prob of each right response, the sum over its tokens, nats, with gradient.
        wrong: of the wrong one.
        reference_right: under the reference.
        reference_wrong: under the reference.
        beta: β > 0; the smaller, the further the policy may go.
        kind: see above.
        label_smoothing: ε in [0, 0.5), the share of pairs that are labelled the wrong way round.
        num_pairs: pairs of the whole batch, of which these may be a part; by default these are all.

    Returns:
        The sum over the pairs divided by ``num_pairs``; ``num_tokens`` in the statistics counts pairs.

    Raises:
        InvalidValueError: β or ε out of range, or an unknown kind.

    Source: Rafailov et al. 2023, eq. 7; Azar et al. 2023, eq. 17; Mitchell 2023 (conservative DPO).
    """
    if kind not in get_args(PairLoss) or not beta > 0 or not 0 <= label_smoothing < 0.5:
        raise InvalidValueError(
            "dpo_loss needs beta > 0, label_smoothing in [0, 0.5) and kind sigmoid or ipo, got "
            f"{beta!r}, {label_smoothing!r} and {kind!r}."
        )
    h = (right - reference_right) - (wrong - reference_wrong)
    if kind == "ipo":
        each = (h - 1 / (2 * beta)) ** 2
    else:
        log_sigmoid = torch.nn.functional.logsigmoid
        each = -(1 - label_smoothing) * log_sigmoid(beta * h) - label_smoothing * log_sigmoid(-beta * h)
    with torch.no_grad():
        stats = {
            "margin": beta * h.sum(),
            "pairs_right": (h > 0).sum(),
            "logp_right": right.sum(),
            "logp_wrong": wrong.sum(),
            "num_tokens": torch.tensor(len(h), device=h.device),
        }
    return Loss(each.sum() / (num_pairs or max(1, len(h))), stats)
