"""The options of a reward model's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.optimizers import Schedule
from lmgym_agents.reward_models.losses import TieLoss


@dataclass(frozen=True, kw_only=True)
class RewardModelConfig:
    """Options of a reward model's training. The defaults suit tiny models on a CPU."""

    seed: int = 0
    """names the order of the pairs"""
    iterations: int = 300
    """optimiser steps at most"""
    batch_pairs: int = 64
    """pairs in each step"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    learning_rate: float = 1e-3
    """of the backbone, after warm-up; pretrained models want 1e-5 to 1e-4"""
    head_learning_rate: float | None = None
    """of the scalar head; none: that of the backbone"""
    schedule: Schedule = "linear"
    """how the learning rates fall over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 10
    """steps in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    weight_decay: float = 0.01
    """decoupled weight decay"""
    label_smoothing: float = 0.0
    """share of the verdicts that are believed to be turned round"""
    tie_loss: TieLoss = "davidson"
    """"davidson": ties have a probability of their own; "half": a tie is half a pair in each direction"""
    centre_coefficient: float = 0.01
    """holds the mean score of a pair near 0, which no comparison does; 0: leave it free"""
    evaluate_every: int = 20
    """steps between two measurements of the loss on validation pairs"""
    validation_pairs: int = 1024
    """pairs in each of them, the first ones"""
    patience: int = 5
    """stop after so many measurements without a new lowest loss; the weights of the lowest are kept. 0: never
    stop early (the weights of the lowest are kept all the same)"""

    def __post_init__(self) -> None:
        for name in (
            "iterations", "batch_pairs", "evaluate_every", "validation_pairs", "max_tokens_per_micro_batch",
        ):  # fmt: skip
            self._require(getattr(self, name) >= 1, name, "integers from 1")
        for name in ("learning_rate", "weight_decay", "warmup_iterations", "centre_coefficient", "patience"):
            self._require(getattr(self, name) >= 0, name, "numbers from 0")
        rate = self.head_learning_rate
        self._require(rate is None or rate >= 0, "head_learning_rate", "numbers from 0, or none")
        self._require(0 <= self.label_smoothing < 0.5, "label_smoothing", "numbers in [0, 0.5)")
        check_numbers(self)
        self._require(self.tie_loss in get_args(TieLoss), "tie_loss", " or ".join(get_args(TieLoss)))

    def _require(self, holds: bool, name: str, allowed: str) -> None:
        if not holds:
            raise InvalidValueError(
                f"RewardModelConfig.{name} is {getattr(self, name)!r}; allowed: {allowed}."
            )
