"""The options of direct preference optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.dpo_losses import PairLoss
from lmgym_agents.optimizers import Kind, Schedule

Ties = Literal["leave_out", "half"]


@dataclass(frozen=True, kw_only=True)
class DPOConfig:
    """Options of DPO and IPO. The defaults train a tiny model within a minute or two on a CPU."""

    seed: int = 0
    """names the order of the pairs"""
    iterations: int = 200
    """optimiser steps; the pairs are gone through in epochs, each in an order of its own"""
    batch_pairs: int = 64
    """pairs in each step"""
    kind: PairLoss = "sigmoid"
    """"sigmoid" is DPO, "ipo" regresses the margin to 1 / (2 beta)"""
    beta: float = 0.1
    """how strongly the policy is held to the reference: the smaller, the further it may go"""
    label_smoothing: float = 0.0
    """share of the pairs that are believed to be labelled the wrong way round (conservative DPO)"""
    ties: Ties = "leave_out"
    """a tie is left out and counted, or is half a pair in each direction"""
    sft_coefficient: float = 0.0
    """weight of the cross-entropy of the preferred response beside the loss; keeps it from losing its
    probability together with the other one"""
    length_normalised: bool = False
    """log-probs are means over the tokens of a response and not sums; wants a beta some ten times larger"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-4
    """after warm-up"""
    schedule: Schedule = "linear"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 10
    """steps in which the learning rate rises"""
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
    evaluate_every: int = 20
    """steps between two measurements on held-out pairs"""

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_pairs", "evaluate_every", "max_tokens_per_micro_batch"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        for name in ("learning_rate", "sft_coefficient", "warmup_iterations", "weight_decay"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "numbers from 0")
        _require(self.beta > 0, "beta", self.beta, "positive numbers")
        _require(0 <= self.label_smoothing < 0.5, "label_smoothing", self.label_smoothing, "[0, 0.5)")
        _require(self.kind in get_args(PairLoss), "kind", self.kind, " or ".join(get_args(PairLoss)))
        _require(self.ties in get_args(Ties), "ties", self.ties, " or ".join(get_args(Ties)))
        check_numbers(self)


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"DPOConfig.{field} is {given!r}; allowed: {allowed}.")
