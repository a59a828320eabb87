"""The options of GRPO and its family."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.algorithms.grpo_methods import (
    KLEstimator,
    Method,
    Overlong,
    Preset,
    UniformGroups,
    make_method,
)
from lmgym_agents.group_advantages import Kind
from lmgym_agents.losses import Aggregation
from lmgym_agents.optimizers import Kind as OptimizerKind
from lmgym_agents.optimizers import Schedule
from lmgym_agents.sampling import SamplingParams


@dataclass(frozen=True, kw_only=True)
class GRPOConfig:
    """Options of GRPO. The preset chooses the member of its family; an option that is given wins over it."""

    seed: int = 0
    """names every random choice of the run"""
    preset: Preset = "grpo"
    """what the options that are none stand for"""
    iterations: int = 60
    """rollouts, each followed by an update"""

    advantages: Kind | None = None
    """what a return is compared with: grpo: its group's mean, over the group's std; dr_grpo: the mean alone;
    rloo: the group's other rows; reinforce: the batch's mean; reinforce++: whitened over the batch"""
    group_size: int | None = None
    """rows in succession that answer the same problem"""
    uniform_groups: UniformGroups | None = None
    """groups whose returns are all equal: keep them in the loss's mean, drop them, or resample (DAPO)"""
    max_sampling_rounds: int = 4
    """rollouts of one iteration at most, where uniform_groups="resample" """

    temperature: float = 1.0
    """of the sampling; the learner divides its logits by the same number"""
    top_k: int = 0
    """sample from the k most likely tokens (0: all); needs old_logps="trainer" """
    top_p: float = 1.0
    """sample from the most likely tokens of this mass (1: all); needs old_logps="trainer" """

    overlong: Overlong | None = None
    """rows with a turn that nears its budget or is cut by it: keep, punish (DAPO), or mask in the loss"""
    overlong_buffer: float = 0.25
    """share of a turn's budget, at its end, over which the punishment rises"""
    overlong_penalty: float = 1.0
    """taken from the reward at the budget"""

    epochs: int = 1
    """passes over a rollout"""
    minibatches: int | None = None
    """optimiser steps in each pass"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""

    optimizer: OptimizerKind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 3e-4
    """after warm-up"""
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

    ratio: Literal["token", "sequence"] | None = None
    """what is clipped: the ratio of each token, or of the whole response (GSPO)"""
    clip_low: float | None = None
    """how far below 1 the ratio may push the policy"""
    clip_high: float | None = None
    """how far above 1; larger than clip_low keeps unlikely tokens learnable"""
    dual_clip: float | None = None
    """bound on the ratio of tokens with a negative advantage; 0: no bound"""
    aggregation: Aggregation | None = None
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

    kl_coefficient: float | None = None
    """weight of the KL divergence to the policy at the start"""
    kl_in: Literal["reward", "loss"] | None = None
    """the penalty is part of each token's reward (k1), or of the loss"""
    kl_estimator: KLEstimator | None = None
    """estimator of the KL in the loss"""
    kl_rows: int = 64
    """rows whose KL to the reference is measured for the log when it is not penalised; 0: none"""

    def __post_init__(self) -> None:
        counts = ("iterations", "epochs", "max_tokens_per_micro_batch", "max_sampling_rounds")
        for name in counts:
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        for name in ("adam_beta1", "adam_beta2", "end_rate"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "numbers in [0, 1]")
        for name in ("learning_rate", "overlong_penalty", "kl_rows", "warmup_iterations"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "numbers from 0")
        _require(0 < self.overlong_buffer <= 1, "overlong_buffer", self.overlong_buffer, "numbers in (0, 1]")
        _require(
            self.temperature > 0, "temperature", self.temperature, "positive numbers (greedy can't learn)"
        )
        _require(
            (self.top_k == 0 and self.top_p == 1) or self.old_logps == "trainer", "old_logps", self.old_logps,
            "'trainer' where top_k or top_p cut the distribution, as the sampler's log-probs then belong to "
            "another distribution than the learner's",
        )  # fmt: skip
        check_numbers(self)
        assert self.method  # made here, so that a bad option is refused at once

    @cached_property
    def method(self) -> Method:
        """The options that a preset chooses, as they are for this run."""
        names = [field.name for field in fields(Method)]
        return make_method(self.preset, **{name: getattr(self, name) for name in names})

    @property
    def sampling(self) -> SamplingParams:
        """How responses are drawn; the environment says how long they may be."""
        return SamplingParams(
            max_new_tokens=1, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p
        )


def preset_config(preset: Preset, **options: Any) -> GRPOConfig:
    """Returns the configuration of a method by name, such as ``preset_config("dapo", iterations=100)``."""
    return GRPOConfig(preset=preset, **options)


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"GRPOConfig.{field} is {given!r}; allowed: {allowed}.")
