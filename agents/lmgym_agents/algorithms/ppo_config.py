"""The options of PPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.losses import Aggregation
from lmgym_agents.optimizers import Kind, Schedule
from lmgym_agents.sampling import SamplingParams


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Options of PPO. The defaults train a tiny model from a warm start within a minute or two on a CPU."""

    seed: int = 0
    """names every random choice of the run"""
    iterations: int = 60
    """rollouts, each followed by an update"""
    group_size: int = 1
    """rows in succession that answer the same problem; more problems teach faster than more answers"""

    replay_failed: float = 0.0
    """share of the rows that pose again what was failed before, until it is solved; 0: new problems alone"""
    max_replay: int = 8192
    """failed problems that are remembered, the latest"""

    temperature: float = 1.0
    """of the sampling; the learner divides its logits by the same number"""
    top_k: int = 0
    """sample from the k most likely tokens (0: all); needs old_logps="trainer" """
    top_p: float = 1.0
    """sample from the most likely tokens of this mass (1: all); needs old_logps="trainer" """

    epochs: int = 1
    """passes over a rollout"""
    minibatches: int = 4
    """optimiser steps in each pass"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""

    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 3e-4
    """of the policy, after warm-up"""
    value_learning_rate: float | None = None
    """of the value head (and of a separate value model); none: learning_rate"""
    schedule: Schedule = "linear"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 4
    """iterations in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    adam_beta1: float = 0.9
    """decay of Adam's first moment"""
    adam_beta2: float = 0.95
    """decay of Adam's second moment"""
    adam_eps: float = 1e-8
    """added to the root of Adam's second moment"""
    weight_decay: float = 0.0
    """decoupled weight decay"""

    clip_low: float = 0.2
    """how far below 1 the ratio of a token may push the policy"""
    clip_high: float = 0.28
    """how far above 1; larger than clip_low keeps unlikely tokens learnable"""
    dual_clip: float | None = 3.0
    """bound on the ratio of tokens with a negative advantage"""
    aggregation: Aggregation = "token"
    """mean over the tokens of the whole minibatch, over its rows' means, or a sum over a constant"""
    old_logps: Literal["sampler", "trainer"] = "sampler"
    """log-probs that ratios start from: those kept by the sampler, or recomputed by the trainer"""
    importance: Literal["none", "truncate", "mask", "sequence_mask"] = "truncate"
    """with old_logps="trainer": how sampled tokens are reweighted for a sampler that differs"""
    importance_max: float = 2.0
    """bound of that weight"""
    target_kl: float | None = None
    """stops the epochs of an iteration when a minibatch's approximate KL exceeds 1.5 times this"""
    entropy_coefficient: float = 0.0
    """weight of the entropy bonus"""

    gamma: float = 1.0
    """discount per action"""
    gae_lambda: float = 1.0
    """trace decay of the advantages; 1 for verified rewards at the end of short responses"""
    value_lambda: float | None = 1.0
    """trace decay of the value targets; none: gae_lambda"""
    length_adaptive_alpha: float | None = None
    """VAPO's decay for each row, 1 - 1 / (alpha * actions), in place of gae_lambda; usually 0.05"""
    whiten_advantages: bool = True
    """scale the advantages of the whole rollout to mean 0 and variance 1"""
    value_coefficient: float = 0.5
    """weight of the value loss"""
    value_clip: float | None = None
    """how far a value may move in one update before its gradient stops; usually 0.2 in PPO"""
    value_warmup_iterations: int = 2
    """iterations that train the value function alone, the policy frozen, on undiminished returns"""

    reward_scale: float = 1.0
    """factor of the environment's rewards"""
    reward_clip: float | None = 10.0
    """bound on the size of a row's scaled reward at each token"""
    whiten_rewards: bool = False
    """scale the rewards of the whole rollout to variance 1, without moving their mean"""
    missing_end_penalty: float = 0.0
    """taken from the last action of a row with a turn that did not end itself"""
    mask_overlong: bool = False
    """leave rows with a turn that did not end itself out of the losses"""

    kl_coefficient: float = 0.0
    """weight of the KL divergence to the policy at the start"""
    kl_in: Literal["reward", "loss"] = "reward"
    """the penalty is part of each token's reward (k1), or of the loss"""
    kl_estimator: Literal["k2", "k3", "k1+", "k3+"] = "k3+"
    """estimator of the KL in the loss"""
    kl_target: float | None = None
    """KL of an episode in nats towards which the coefficient is steered; none: it stays as it is"""
    kl_horizon: int = 10_000
    """episodes over which the steered coefficient may double"""
    kl_rows: int = 64
    """rows whose KL to the reference is measured for the log when it is not penalised; 0: none"""

    def __post_init__(self) -> None:
        counts = ("iterations", "group_size", "epochs", "minibatches", "max_tokens_per_micro_batch")
        for name in counts:
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        for name in ("gamma", "gae_lambda", "adam_beta1", "adam_beta2", "end_rate", "replay_failed"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "numbers in [0, 1]")
        for name in (
            "learning_rate", "kl_coefficient", "value_coefficient", "kl_rows", "value_warmup_iterations",
            "warmup_iterations",
        ):  # fmt: skip
            _require(getattr(self, name) >= 0, name, getattr(self, name), "numbers from 0")
        _require(
            self.temperature > 0, "temperature", self.temperature, "positive numbers (greedy can't learn)"
        )
        is_truncated = self.top_k != 0 or self.top_p != 1
        _require(
            not is_truncated or self.old_logps == "trainer", "old_logps", self.old_logps,
            "'trainer' where top_k or top_p cut the distribution, as the sampler's log-probs then belong to "
            "another distribution than the learner's",
        )  # fmt: skip
        _require(
            self.kl_target is None or (self.kl_coefficient > 0 and self.kl_target > 0), "kl_target",
            self.kl_target, "none, or a positive number with a positive kl_coefficient to start from",
        )  # fmt: skip
        check_numbers(self)

    @property
    def sampling(self) -> SamplingParams:
        """How responses are drawn; the environment says how long they may be."""
        return SamplingParams(
            max_new_tokens=1, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p
        )


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"PPOConfig.{field} is {given!r}; allowed: {allowed}.")
