"""Advantages without a value function: what an episode earned, against what others earned.

In: rewards of B episodes that did not fail, which rows answer the same problem, which tokens are actions.
Out: an advantage for each action. Left out: the KL penalty (it is part of the rewards by the time they come
here), and which groups are worth learning from (``is_informative`` says it, the algorithm decides).

An episode is worth its return: the sum of all that was paid in it, over all of its turns. Every action of an
episode has the same advantage, so an action of the last turn is also praised for what the first turn earned;
"reinforce++" alone counts for each action only what was paid from there on. There is no value function to
say what an episode that its budget cut would still have earned: it is worth what it was paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.advantages import whiten

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Kind = Literal["grpo", "dr_grpo", "rloo", "reinforce++", "reinforce++_baseline", "reinforce"]

GROUP_KINDS: Final = ("grpo", "dr_grpo", "rloo", "reinforce++_baseline")
"""Those that compare the rows of a group, and learn nothing from a group of one or of equal returns."""


def estimate_advantages(
    *,
    rewards: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    group: Int[Tensor, " B"],
    kind: Kind = "grpo",
    eps: float = 1e-6,
) -> Float[Tensor, "B L"]:
    """Returns the advantage of each action; 0 where no action.

    With R the return of a row, and mean and std (of a sample) those of the returns of its group::

        grpo                  (R - mean) / (std + eps)
        dr_grpo               R - mean
        rloo                  R - mean of the group's other rows
        reinforce++_baseline  R - mean, then whitened over all actions of the batch
        reinforce++           rewards from the action on, then whitened over all actions of the batch
        reinforce             R - mean over all rows of the batch

    Args:
        rewards: paid at token t; cells beyond a row must be 0.
        is_action: True where the policy chose the token.
        group: rows that answer the same problem share a number; groups may differ in size.
        kind: one of those above.
        eps: keeps a small spread from being blown up.

    Raises:
        InvalidValueError: unknown ``kind``.

    Source:
        Shao et al. 2024 (DeepSeekMath), section 4.1.2; Liu et al. 2025 (Dr. GRPO), section 3.2; Kool et al.
        2019 and Ahmadian et al. 2024 (RLOO); Hu et al. 2025 (REINFORCE++); Williams 1992.
    """
    if kind not in get_args(Kind):
        raise InvalidValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}.")
    if kind == "reinforce++":
        to_come = rewards.double().flip(1).cumsum(1).flip(1)
        return whiten(torch.where(is_action, to_come, 0), is_action).to(rewards.dtype)
    returns = rewards.double().sum(dim=1)
    everyone = torch.ones_like(group, dtype=torch.bool)
    of_row = group_advantages(
        returns,
        torch.zeros_like(group) if kind == "reinforce" else group,
        everyone,
        baseline="others" if kind == "rloo" else "mean",
        scale="std" if kind == "grpo" else "none",
        eps=eps,
    )
    advantages = torch.where(is_action, of_row[:, None], 0)
    if kind == "reinforce++_baseline":
        advantages = whiten(advantages, is_action)
    return advantages.to(rewards.dtype)


def group_advantages(
    scores: Float[Tensor, " B"],
    group: Int[Tensor, " B"],
    valid_rows: Bool[Tensor, " B"],
    *,
    baseline: str = "mean",
    scale: str = "none",
    eps: float = 1e-6,
) -> Float[Tensor, " B"]:
    """Returns each row's score against the scores of the other rows with the same ``group`` number.

    Args:
        scores: one number for each row.
        group: rows that answer the same problem share a number; groups may differ in size.
        valid_rows: False: the row failed; its advantage is 0 and its score is never read.
        baseline: ``"mean"`` of the group (GRPO), or ``"others"``: the mean of the group's other rows (RLOO).
        scale: ``"none"`` (Dr. GRPO), or ``"std"``: divided by the group's sample standard deviation
            + ``eps`` (GRPO).
        eps: keeps a group without spread from dividing by 0.

    Returns:
        Advantages; exactly 0 in a group with a single valid row or with all scores equal. Permuting the
        rows permutes them, to the last bit.

    Raises:
        InvalidValueError: ``baseline`` or ``scale`` is none of the words above.
    """
    for name, given, allowed in (
        ("baseline", baseline, ("mean", "others")),
        ("scale", scale, ("none", "std")),
    ):
        if given not in allowed:
            raise InvalidValueError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")
    x = torch.where(valid_rows, scores, 0).double()
    count, mean = _group_means(x, group, valid_rows)
    centred = torch.where(valid_rows, x - mean, 0)
    advantages = centred
    if baseline == "others":  # x - (n * mean - x) / (n - 1) = n / (n - 1) * (x - mean)
        advantages = centred * count / (count - 1).clamp(min=1)
    if scale == "std":
        _, variance = _group_means(centred.square(), group, valid_rows)
        advantages = advantages / ((variance * count / (count - 1).clamp(min=1)).sqrt() + eps)
    spread = is_informative(scores, group, valid_rows)
    return torch.where(valid_rows & spread, advantages, 0).to(scores.dtype)


def is_informative(
    scores: Float[Tensor, " B"], group: Int[Tensor, " B"], valid_rows: Bool[Tensor, " B"]
) -> Bool[Tensor, " B"]:
    """Returns True for the valid rows whose group holds at least two different valid scores.

    The others have advantage 0 and teach a group method nothing; dynamic sampling replaces them.
    """
    _, index = torch.unique(group, return_inverse=True)
    num_groups = int(index.max()) + 1 if index.numel() else 0
    top = torch.full((num_groups,), -torch.inf, dtype=torch.float64, device=scores.device)
    low = -top
    x = scores.double()
    top = top.scatter_reduce(0, index, torch.where(valid_rows, x, -torch.inf), "amax")
    low = low.scatter_reduce(0, index, torch.where(valid_rows, x, torch.inf), "amin")
    return valid_rows & (top > low)[index]


def _group_means(x: Tensor, group: Tensor, valid_rows: Tensor) -> tuple[Tensor, Tensor]:
    """Returns for each row the number of valid rows in its group and the mean of their ``x``, float64[B]."""
    _, index = torch.unique(group, return_inverse=True)
    num_groups = int(index.max()) + 1 if index.numel() else 0
    weight = valid_rows.double()
    count = torch.zeros(num_groups, dtype=torch.float64, device=x.device).index_add_(0, index, weight)
    # Summing in sorted order makes the means independent of the order of the rows.
    order = torch.argsort(x)
    total = torch.zeros_like(count).index_add_(0, index[order], (x * weight)[order])
    return count[index], (total / count.clamp(min=1))[index]
