"""The loss of a pair of scores under a model of how people choose, ties included: a pure function.

In: scores of the better and the worse response, [N]. Out: a scalar and statistics, as in ``losses``: sums
over pairs, divided by a denominator of the whole batch, so that the shares of micro-batches add up.

The model is Davidson's: with z = (r_better - r_worse) / 2 and the tie parameter ν,

    P(better) = e^z / (e^z + e^-z + ν),   P(tie) = ν / (e^z + e^-z + ν).

Of Davidson's and Rao and Kupper's it is the one in which the odds of better against worse, once it is known
that there was no tie, are exactly Bradley and Terry's e^(2z), whatever ν is: scores mean the same with and
without ties, and ν = 0 is Bradley and Terry. A target of one half in each direction, the usual makeshift,
gives ties no probability at all; it is there as ``tie_loss="half"`` for data whose ties are noise.

Source: Bradley and Terry 1952; Davidson 1970, eq. 2.3. The margin: Touvron et al. 2023 (Llama 2), eq. 2. The
centring term: Eisenstein et al. 2023, section 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import softplus

from lmgym.errors import InvalidValueError
from lmgym_agents.losses import Loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

TieLoss = Literal["davidson", "half"]


def preference_loss(
    better: Float[Tensor, " N"],
    worse: Float[Tensor, " N"],
    *,
    denominator: float,
    is_tie: Bool[Tensor, " N"] | None = None,
    weights: Float[Tensor, " N"] | None = None,
    margins: Float[Tensor, " N"] | None = None,
    label_smoothing: float = 0.0,
    tie_loss: TieLoss = "davidson",
    tie_parameter: float = 0.0,
    centre_coefficient: float = 0.0,
) -> Loss:
    """Returns Σ w (ℓ + c (r_better + r_worse)²) / ``denominator``, nats.

    A decided pair with margin m and smoothing ε has ℓ = (1 - ε) f(d - m) + ε f(-d - m), where
    d = r_better - r_worse and f(x) is minus the log-probability that a difference of x wins: a label that is
    believed to be turned round asks for its margin on the other side. A tie has minus the log-probability of
    a tie, and knows neither margin nor smoothing.

    Args:
        better: scores of the better responses.
        worse: scores of the worse ones.
        denominator: the sum of the weights of the whole batch, of which these pairs may be a part.
        is_tie: True where neither is better; None: nowhere.
        weights: w, from 0; None: ones.
        margins: m, from 0; None: zeros. Ties ignore them.
        label_smoothing: ε in [0, 0.5).
        tie_loss: "davidson", or "half": a tie is half a pair in each direction.
        tie_parameter: ν, from 0; must be positive where "davidson" meets a tie.
        centre_coefficient: c; holds the mean of the scores near 0, which no comparison does.

    Raises:
        InvalidValueError: a parameter out of its range.
    """
    _check(denominator, label_smoothing, tie_loss, tie_parameter, centre_coefficient)
    ties = torch.zeros_like(better, dtype=torch.bool) if is_tie is None else is_tie
    if tie_loss == "davidson" and tie_parameter == 0 and bool(ties.any()):
        raise InvalidValueError("a tie has probability 0 with tie_parameter 0; give one, or tie_loss='half'.")
    nu = tie_parameter if tie_loss == "davidson" else 0.0
    shift = torch.zeros_like(better) if margins is None else torch.where(ties, 0, margins)
    weight = torch.ones_like(better) if weights is None else weights
    d = better - worse
    eps = label_smoothing
    decided = (1 - eps) * _win_loss(d - shift, nu)
    if eps:
        decided = decided + eps * _win_loss(-d - shift, nu)
    drawn = _tie_loss(d, nu) if nu else (softplus(d) + softplus(-d)) / 2
    losses = torch.where(ties, drawn, decided)
    if centre_coefficient:
        losses = losses + centre_coefficient * (better + worse).square()
    stats = {
        "accuracy": (((d > 0).double() + (d == 0).double() / 2) * ~ties).sum(),
        "score_gap": (d * ~ties).sum(),
        "num_tokens": (~ties).sum(),
    }
    return Loss((weight * losses).sum() / denominator, {name: x.detach() for name, x in stats.items()})


def estimate_tie_parameter(num_ties: int, num_pairs: int) -> float:
    """Returns ν with which responses of equal score tie as often as the data do: 2 s / (1 - s).

    Args:
        num_ties: of the pairs.
        num_pairs: at least 1. Where all of them are ties s counts as (n - 1/2) / n.
    """
    share = min(num_ties, num_pairs - 0.5) / num_pairs
    return 2 * share / (1 - share)


def _win_loss(d: Tensor, nu: float) -> Tensor:
    """Returns -log P(better) of a difference: log(1 + e^-d + ν e^(-d/2))."""
    if not nu:
        return softplus(-d)
    parts = torch.stack((torch.zeros_like(d), -d, math.log(nu) - d / 2))
    return torch.logsumexp(parts, dim=0)


def _tie_loss(d: Tensor, nu: float) -> Tensor:
    """Returns -log P(tie) of a difference: log(1 + (e^(d/2) + e^(-d/2)) / ν)."""
    parts = torch.stack((torch.zeros_like(d), d / 2 - math.log(nu), -d / 2 - math.log(nu)))
    return torch.logsumexp(parts, dim=0)


def _check(denominator: float, smoothing: float, tie_loss: str, nu: float, centre: float) -> None:
    checks = (
        ("denominator", denominator, denominator > 0, "positive numbers"),
        ("label_smoothing", smoothing, 0 <= smoothing < 0.5, "numbers in [0, 0.5)"),
        ("tie_loss", tie_loss, tie_loss in get_args(TieLoss), " or ".join(get_args(TieLoss))),
        ("tie_parameter", nu, 0 <= nu < math.inf, "numbers from 0"),
        ("centre_coefficient", centre, 0 <= centre < math.inf, "numbers from 0"),
    )
    for name, value, holds, allowed in checks:
        if not holds:
            raise InvalidValueError(f"{name} is {value!r}; allowed: {allowed}.")
