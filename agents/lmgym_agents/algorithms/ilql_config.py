"""The options of learning from recorded trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.optimizers import Kind, Schedule

OfflineMethod = Literal["ilql", "mc", "bc", "filtered_bc"]


@dataclass(frozen=True, kw_only=True)
class ILQLConfig:
    """Options of ILQL and of what it is compared with."""

    seed: int = 0
    """names the order of the data and the first weights"""
    method: OfflineMethod = "ilql"
    """"mc" regresses Q on whole returns; "bc" imitates all episodes, "filtered_bc" the best of them"""
    iterations: int = 400
    """optimiser steps"""
    batch_rows: int = 32
    """episodes in each step"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""

    gamma: float = 0.99
    """discount of each action (token)"""
    expectile: float = 0.9
    """of the value function: 1/2 is the mean of the data's actions, towards 1 the best of them"""
    q_weight: float = 1.0
    """of the regression of Q; where returns are large, a small one leaves the language head its share"""
    value_weight: float = 1.0
    """of the value function's loss"""
    cql_weight: float = 0.01
    """of the cross-entropy of Q as logits, which keeps actions that nobody took from looking good"""
    bc_weight: float = 1.0
    """of imitation by the language head, the prior that Q improves"""
    bc_beta: float = 0.0
    """imitation weighs an action by exp(bc_beta * advantage); 0: all alike"""
    max_bc_weight: float = 20.0
    """largest such weight"""
    target_rate: float = 0.005
    """share of the way that the slow copies of the Q heads go after each step"""
    best_share: float = 0.1
    """share of the episodes, by return, that "filtered_bc" imitates"""

    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-3
    """of the language model, after warm-up"""
    head_learning_rate: float | None = None
    """of the Q and V heads; none: learning_rate"""
    schedule: Schedule = "constant"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 20
    """steps in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    adam_beta1: float = 0.9
    """decay of Adam's first moment"""
    adam_beta2: float = 0.95
    """decay of Adam's second moment"""
    adam_eps: float = 1e-8
    """added to the root of Adam's second moment"""
    weight_decay: float = 0.01
    """decoupled weight decay"""

    def __post_init__(self) -> None:
        if self.method not in get_args(OfflineMethod):
            raise UnknownNameError("ILQLConfig.method", self.method, get_args(OfflineMethod))
        for name in ("iterations", "batch_rows"):
            if getattr(self, name) < 1:
                self._refuse(name, "integers from 1")
        for name in ("q_weight", "value_weight", "cql_weight", "bc_weight", "bc_beta", "max_bc_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                self._refuse(name, "numbers from 0")
        for name in ("gamma", "target_rate", "best_share"):
            if not 0 < getattr(self, name) <= 1:
                self._refuse(name, "numbers in (0, 1]")
        if not 0 < self.expectile < 1:
            self._refuse("expectile", "numbers in (0, 1)")
        check_numbers(self)

    def _refuse(self, name: str, allowed: str) -> None:
        raise InvalidValueError(f"ILQLConfig.{name} is {getattr(self, name)!r}; allowed: {allowed}.")
