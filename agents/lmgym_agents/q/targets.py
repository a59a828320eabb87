"""Targets for Q heads: values of next states, and returns that mix them with what was really earned.

In: arrays over actions and states (``action_rows``). Out: targets [B, A], constants. Left out: the forward
passes, the losses (``losses``). Everything is computed in the dtype that comes in, float64 included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError, UnknownNameError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Backup = Literal["max", "expected", "soft"]
Trace = Literal["peng", "watkins"]


def best_actions(
    min_q: Float[Tensor, "N V"], excluded: Bool[Tensor, "N V"] | None = None
) -> Int[Tensor, " N"]:
    """Returns the best action of each state among those that are not ruled out; of equals the lowest id."""
    return min_q.argmax(-1) if excluded is None else min_q.masked_fill(excluded, -torch.inf).argmax(-1)


def state_values(
    backup: Backup,
    *,
    target_q: Float[Tensor, "K N V"],
    online_q: Float[Tensor, "K N V"] | None = None,
    acting_logps: Float[Tensor, "N V"] | None = None,
    prior_logps: Float[Tensor, "N V"] | None = None,
    temperature: float = 0.1,
    excluded: Bool[Tensor, "N V"] | None = None,
) -> Float[Tensor, " N"]:
    """Returns what a state is worth by the target network.

    With q(s, a) = min_k target_q[k, s, a]::

        max        max_a q(s, a), or with ``online_q`` (double Q) q(s, argmax_a min_k online_q[k, s, a])
        expected   Σ_a μ(a|s) q(s, a)
        soft       T log Σ_a π(a|s) exp(q(s, a) / T)

    Args:
        backup: see above.
        target_q: of each of K heads.
        online_q: of the network that is trained: it chooses, the target network judges.
        acting_logps: log μ of the policy that acts; needed by "expected".
        prior_logps: log π of "soft"; None: uniform over the actions that are not ruled out.
        temperature: T of "soft", in the reward's unit.
        excluded: actions that are ruled out, by the support that acting uses too; "max" and "soft" never look
            at them (μ has to give them no mass itself).

    Raises:
        UnknownNameError: no such backup.

    Source: van Hasselt et al. 2016 (double); Fujimoto et al. 2018 (the minimum).
    """
    if backup not in get_args(Backup):
        raise UnknownNameError("backup", backup, get_args(Backup))
    q = target_q.amin(dim=0)
    if backup == "max":
        judge = q if online_q is None else online_q.amin(dim=0)
        return q.gather(-1, best_actions(judge, excluded)[:, None]).squeeze(-1)
    if backup == "expected":
        assert acting_logps is not None, "expected needs acting_logps"
        chances = acting_logps.exp()
        return torch.where(chances > 0, chances * q, 0).sum(-1)
    if prior_logps is None:
        prior_logps = torch.zeros_like(q)
    if excluded is not None:
        prior_logps = prior_logps.masked_fill(excluded, -torch.inf)
    return temperature * (prior_logps.log_softmax(-1) + q / temperature).logsumexp(-1)


def lambda_returns(
    *,
    rewards: Float[Tensor, "B A"],
    values: Float[Tensor, "B A+1"],
    has_action: Bool[Tensor, "B A"],
    has_state: Bool[Tensor, "B A+1"],
    gamma: float = 1.0,
    lam: float = 1.0,
    is_greedy: Bool[Tensor, "B A"] | None = None,
) -> Float[Tensor, "B A"]:
    """Returns Q(λ) targets over whole rows.

    ::

        G_j = r_j + γ [(1 - λ) U_{j+1} + λ G_{j+1}],        G_j = r_j + γ U_n at the last action

    U is 0 after a terminated row and the value of the state after the last token of a truncated one. λ = 0
    gives one-step targets, λ = 1 what the row earned. This is Peng's mix, which goes on through actions that
    were not the best; with ``is_greedy`` it is Watkins': where action j + 1 was not the best, λ is 0.

    Args:
        rewards: what each action earned.
        values: U of each state.
        has_action: True where a row has an action.
        has_state: True where a row has a state; its column n says whether the row was truncated.
        gamma: discount per action.
        lam: λ in [0, 1].
        is_greedy: whether each action was a best one.

    Returns:
        Targets; 0 where there is no action.

    Source: Peng and Williams 1996; Watkins 1989; without a target network: Gallici et al. 2024 (PQN).
    """
    _check_fraction("lam", lam)
    reward = torch.where(has_action, rewards, 0)
    value = torch.where(has_state, values, 0)
    if not reward.shape[1]:
        return reward
    follows = torch.zeros_like(has_action)
    follows[:, :-1] = has_action[:, 1:]
    target = torch.zeros_like(reward[:, 0])
    targets = []
    for j in reversed(range(reward.shape[1])):
        mixed = (1 - lam) * value[:, j + 1] + lam * target
        goes_on = follows[:, j]
        if is_greedy is not None and j + 1 < reward.shape[1]:
            goes_on = goes_on & is_greedy[:, j + 1]
        after = torch.where(goes_on, mixed, value[:, j + 1])
        target = torch.where(has_action[:, j], reward[:, j] + gamma * after, 0)
        targets.append(target)
    return torch.stack(targets[::-1], dim=1)


def n_step_returns(
    *,
    rewards: Float[Tensor, "B A"],
    values: Float[Tensor, "B A+1"],
    has_action: Bool[Tensor, "B A"],
    has_state: Bool[Tensor, "B A+1"],
    steps: int,
    gamma: float = 1.0,
) -> Float[Tensor, "B A"]:
    """Returns n-step targets, Σ_{k < m} γ^k r_{j+k} + γ^m U_{j+m} with m = min(n, n_row - j).

    Args and returns are those of ``lambda_returns``.

    Raises:
        InvalidValueError: ``steps`` is below 1.
    """
    if steps < 1:
        raise InvalidValueError(f"steps must be at least 1, got {steps!r}.")
    reward = torch.where(has_action, rewards, 0)
    value = torch.where(has_state, values, 0)
    target = torch.where(has_action, reward + gamma * value[:, 1:], 0)
    for _ in range(min(steps, reward.shape[1]) - 1):
        # One step longer each time: where action j + 1 exists, its target takes the place of U_{j+1}.
        after = value[:, 1:].clone()
        after[:, :-1] = torch.where(has_action[:, 1:], target[:, 1:], after[:, :-1])
        target = torch.where(has_action, reward + gamma * after, 0)
    return target


def clip_targets(targets: Float[Tensor, "B A"], low: float, high: float) -> Float[Tensor, "B A"]:
    """Returns targets within the range of the possible returns: beyond it there is nothing but error.

    Raises:
        InvalidValueError: ``low`` is not below ``high``.
    """
    if not low < high:
        raise InvalidValueError(f"the range of values must have low < high, got {low!r} and {high!r}.")
    return targets.clamp(low, high)


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidValueError(f"{name} must lie in [0, 1], got {value!r}.")
