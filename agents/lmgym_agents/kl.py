"""Estimators of the KL divergence from the policy to a reference, and controllers of its coefficient.

With d = logp_policy - logp_reference of a token drawn from the policy and KL = KL(policy || reference), each
kind is a value of a token, and has a gradient of its mean on tokens of the present policy:

- k1: d. Gradient 0 on average: pure noise. Use it in the reward only, where no gradient passes and the policy
  gradient of -beta * k1 is that of -beta * KL.
- k2: d^2 / 2. Gradient that of KL, exactly. The value is biased: d^2 / 2 is not KL.
- k3: exp(-d) - 1 + d. Gradient that of the other divergence, KL(reference || policy). The value is that of
  KL, never negative, with less noise than k1. Near the reference the two divergences agree to second order,
  far from it they do not.
- k1+: k1 in value, k2 in gradient: unbiased in both.
- k3+: k3 in value, k2 in gradient: unbiased in both and never negative; the default as a loss.

On tokens of an older policy a loss needs the ratio of the two policies as a weight (``ratio``): the mean of
ratio * k3 then has the value and, differentiated through the ratio, the gradient of KL.

Sources: Schulman 2020, "Approximating KL divergence"; Ziegler et al. 2019, section 2.2 (controller).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.losses import MAX_LOG_RATIO, Aggregation, Loss, aggregate

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Estimator = Literal["k1", "k2", "k3", "k1+", "k3+"]


def estimate_kl(
    logp_policy: Float[Tensor, "*cells"], logp_reference: Float[Tensor, "*cells"], kind: Estimator = "k3"
) -> Float[Tensor, "*cells"]:
    """Returns the estimate of each token, in nats; the module says what each kind is good for.

    Log-ratios are clamped to ±20. ``logp_reference`` is a constant.

    Raises:
        InvalidValueError: unknown ``kind``.
    """
    if kind not in get_args(Estimator):
        raise InvalidValueError(f"kind must be one of {', '.join(get_args(Estimator))}, got {kind!r}.")
    d = (logp_policy - logp_reference.detach()).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    if kind == "k1":
        return d
    if kind == "k3":
        return (-d).exp() - 1 + d
    k2 = 0.5 * d.square()
    if kind == "k2":
        return k2
    value = d if kind == "k1+" else (-d).exp() - 1 + d
    return k2 + (value - k2).detach()  # straight through: the value of one, the gradient of the other


def exact_kl(
    logits_policy: Float[Tensor, "N V"], logits_reference: Float[Tensor, "N V"]
) -> Float[Tensor, " N"]:
    """Returns KL(policy || reference) of each next-token distribution over the whole vocabulary, in nats.

    It needs both [N, V] arrays at once, so it is for small vocabularies and for checks. A token that the
    policy never takes (logit -inf) contributes 0.
    """
    logp = logits_policy.log_softmax(dim=-1)
    logq = logits_reference.log_softmax(dim=-1)
    p = logp.exp()
    return torch.where(p > 0, p * (logp - logq), 0).sum(dim=-1)


def kl_loss(
    *,
    logp_policy: Float[Tensor, "B L"],
    logp_reference: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    denominator: float,
    aggregation: Aggregation = "token",
    kind: Estimator = "k3+",
    logp_old: Float[Tensor, "B L"] | None = None,
) -> Loss:
    """Returns the mean estimate over actions, to be differentiated (times a coefficient).

    Args:
        logp_policy: under the weights that are being changed.
        logp_reference: under the frozen reference; a constant.
        is_action: the tokens that count.
        denominator: ``loss_denominator`` of the whole batch.
        aggregation: see ``losses.aggregate``.
        kind: k1 is refused here, because its gradient is noise around 0.
        logp_old: where the tokens were drawn by older weights, their log-probs: each token is weighted by the
            ratio of the policies (with gradient for k3, constant for the kinds whose gradient is k2's).

    Returns:
        The loss, and the sums ``kl_loss`` and ``num_tokens``.

    Raises:
        InvalidValueError: ``kind`` is k1 or unknown.
    """
    if kind == "k1":
        raise InvalidValueError("kind='k1' has a gradient of mean 0 as a loss; allowed: k2, k3, k1+, k3+.")
    policy = torch.where(is_action, logp_policy, 0)
    per_token = estimate_kl(policy, torch.where(is_action, logp_reference, 0), kind)
    if logp_old is not None:
        log_ratio = policy - torch.where(is_action, logp_old.detach(), 0)
        ratio = log_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
        per_token = per_token * (ratio if kind == "k3" else ratio.detach())
    loss = aggregate(per_token, is_action, denominator, aggregation)
    stats = {"kl_loss": torch.where(is_action, per_token.detach(), 0).sum(), "num_tokens": is_action.sum()}
    return Loss(loss, stats)


def penalise_rewards(
    *,
    rewards: Float[Tensor, "B L"],
    logp_behaviour: Float[Tensor, "B L"],
    logp_reference: Float[Tensor, "B L"],
    is_action: Bool[Tensor, "B L"],
    coefficient: float,
) -> Float[Tensor, "B L"]:
    """Returns ``rewards - coefficient * k1`` at the actions and ``rewards`` elsewhere: KL in the reward.

    ``logp_behaviour`` is that of the policy that drew the tokens, at the temperature it drew them with; the
    reference must be asked at the same temperature. Nothing here carries a gradient.
    """
    behaviour = torch.where(is_action, logp_behaviour.detach(), 0)
    reference = torch.where(is_action, logp_reference.detach(), 0)
    return rewards - coefficient * torch.where(is_action, estimate_kl(behaviour, reference, "k1"), 0)


@dataclass
class FixedKL:
    """A coefficient that stays as it is."""

    coefficient: float

    def update(self, kl: float, num_episodes: int) -> None:
        """Does nothing."""


@dataclass
class AdaptiveKL:
    """A coefficient that is steered so that the KL of an episode stays near a target.

    After each batch, with error = clip(kl / target - 1, -0.2, 0.2)::

        coefficient *= 1 + error * num_episodes / horizon

    Source: Ziegler et al. 2019, section 2.2 (there: start 0.15, target 6 nats, horizon 10,000 episodes).
    """

    coefficient: float
    """Changed by ``update``; save it with a checkpoint."""
    target: float
    """KL of a whole episode, in nats: the sum over its actions."""
    horizon: int
    """Episodes over which an error of 1 would double the coefficient."""

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.coefficient <= 0 or self.target <= 0 or self.horizon < 1:
            raise InvalidValueError(
                "AdaptiveKL needs a positive coefficient and target and a horizon of at least 1, got "
                f"{self.coefficient}, {self.target}, {self.horizon}."
            )

    def update(self, kl: float, num_episodes: int) -> None:
        """Moves the coefficient after a batch.

        Args:
            kl: mean over the batch's episodes of the sum of k1 over their actions, in nats.
            num_episodes: episodes in the batch.
        """
        error = min(max(kl / self.target - 1, -0.2), 0.2)
        self.coefficient *= 1 + error * min(num_episodes / self.horizon, 1)
