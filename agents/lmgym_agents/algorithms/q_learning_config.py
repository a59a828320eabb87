"""The options of online Q-learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.optimizers import Kind, Schedule
from lmgym_agents.q.engine import Acting, ActingRule, Support
from lmgym_agents.q.losses import ErrorKind
from lmgym_agents.q.model import QKind
from lmgym_agents.q.soft_losses import Variant
from lmgym_agents.q.targets import Backup, Trace


@dataclass(frozen=True, kw_only=True)
class QLearningConfig:
    """Options of online Q-learning. The defaults train a tiny model from a warm start on a CPU."""

    seed: int = 0
    """names every random choice of the run"""
    iterations: int = 60
    """rollouts, each followed by updates from the replay"""
    parametrisation: QKind = "logits"
    """"logits": the language head's own logits are Q (soft Q-learning); "heads": Q heads beside it"""
    beta: float = 0.1
    """of logits as Q: their temperature, in the reward's unit; small trusts Q more than the reference"""
    gamma: float = 1.0
    """discount per action"""

    variant: Variant = "multi_step"
    """residual of logits as Q: one_step, multi_step (ShiQ), trajectory (ReVal), tbrm, path_consistency"""

    num_heads: int = 2
    """Q heads, of which the smallest is believed"""
    initial_value: float = 0.0
    """at first every action of the heads is worth this much"""
    backup: Backup = "max"
    """what the next state is worth to heads: its best action, the acting policy's mean, or a soft maximum"""
    double: bool = True
    """the trained heads choose the best action, the target network judges it"""
    lam: float = 0.9
    """decay of the full-trajectory returns of heads: 0 is one step, 1 what the row really earned"""
    n_step: int | None = None
    """n-step returns in place of lam"""
    trace: Trace = "peng"
    """"watkins" cuts a return at the first action that was not the best"""
    clip_low: float | None = 0.0
    """least possible return, which bounds the targets of heads; none: no bound"""
    clip_high: float | None = 1.0
    """greatest possible return"""
    prior_coefficient: float = 1.0
    """weight of the language head's cross-entropy on replayed actions, for acting by "prior" (heads)"""
    imitation: Literal["gain", "best", "all"] = "gain"
    """what the prior imitates: actions that did better than the acting policy expects, by how much (gain);
    those about as good as the best, by exp((target - value) / temperature) (best); or all alike"""
    conservative_coefficient: float = 0.0
    """weight of the term that pushes down actions never tried (heads)"""
    value_coefficient: float = 0.5
    """weight of the V head's squared error (heads)"""

    acting: Acting = "prior"
    """how heads explore: greedy, boltzmann, or prior (the language head's policy times exp(Q / temperature));
    logits as Q are sampled from as they are"""
    temperature: float = 0.1
    """of acting by heads, in the reward's unit; also that of the soft backup"""
    epsilon: float = 0.0
    """share of the actions that are drawn uniformly from the support"""
    top_k: int = 0
    """act, and take the target's maximum, within the k most likely tokens (0: all)"""
    top_p: float = 1.0
    """act, and take the target's maximum, within the most likely tokens of this mass (1: all)"""

    target: Literal["none", "polyak", "copy"] = "polyak"
    """target network: none, one that follows at target_rate after every step, or a copy every target_every"""
    target_rate: float = 0.05
    """how far a polyak target moves in each optimiser step"""
    target_every: int = 50
    """optimiser steps between two copies"""

    group_size: int = 1
    """rows in succession that answer the same problem; path_consistency needs at least 2"""
    replay_failed: float = 0.0
    """share of the new rows that pose again what was failed before, until it is solved"""
    max_failed: int = 8192
    """failed problems that are remembered, the latest"""
    replay_rows: int = 8192
    """trajectories that are kept, the latest"""
    replay_tokens: int | None = None
    """tokens that are kept; none: no bound but replay_rows"""
    min_replay_rows: int = 1
    """rows that must be there before the first update"""
    priority_exponent: float = 0.0
    """rows are drawn in proportion to their error to this power; 0: uniformly"""
    importance_exponent: float = 0.4
    """how fully the weights make up for the priorities; 1: fully"""

    updates: int = 16
    """optimiser steps after each rollout"""
    batch_rows: int = 256
    """trajectories of each step"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    error: ErrorKind = "squared"
    """of an error e: squared, or huber, which is linear beyond huber_delta"""
    huber_delta: float = 0.5
    """in the reward's unit"""

    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-3
    """of the language model, after warm-up"""
    head_learning_rate: float | None = None
    """of the heads; none: learning_rate"""
    schedule: Schedule = "linear"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 4
    """iterations in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    weight_decay: float = 0.0
    """decoupled weight decay"""

    diagnose_every: int = 0
    """iterations between two comparisons of Q with the exact Q*, where the task knows it; 0: none"""
    diagnose_problems: int = 16
    """problems whose states are compared"""

    def __post_init__(self) -> None:
        for name in (
            "iterations", "group_size", "updates", "batch_rows", "replay_rows", "num_heads", "target_every",
            "max_tokens_per_micro_batch", "max_failed", "min_replay_rows", "diagnose_problems",
        ):  # fmt: skip
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        for name in ("gamma", "lam", "replay_failed", "end_rate", "epsilon", "importance_exponent"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "numbers in [0, 1]")
        for name in ("beta", "temperature", "huber_delta"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "positive numbers")
        for name in (
            "learning_rate", "prior_coefficient", "conservative_coefficient", "value_coefficient",
            "warmup_iterations", "priority_exponent", "weight_decay", "diagnose_every",
        ):  # fmt: skip
            _require(getattr(self, name) >= 0, name, getattr(self, name), "numbers from 0")
        _require(0 < self.target_rate <= 1, "target_rate", self.target_rate, "numbers in (0, 1]")
        _require(self.n_step is None or self.n_step >= 1, "n_step", self.n_step, "none, or integers from 1")
        _require(
            self.clip_low is None or self.clip_high is None or self.clip_low < self.clip_high, "clip_low",
            self.clip_low, f"numbers below clip_high ({self.clip_high})",
        )  # fmt: skip
        _require(
            self.parametrisation == "heads" or self.variant != "path_consistency" or self.group_size > 1,
            "group_size", self.group_size, "integers from 2 with path_consistency, which compares answers",
        )  # fmt: skip
        _require(
            self.parametrisation == "heads" or self.priority_exponent == 0 or self.variant
            != "path_consistency", "priority_exponent", self.priority_exponent,
            "0 with path_consistency, which draws whole groups",
        )  # fmt: skip
        _require(
            self.min_replay_rows <= self.replay_rows, "min_replay_rows", self.min_replay_rows,
            f"integers up to replay_rows ({self.replay_rows})",
        )  # fmt: skip
        _require(
            self.replay_tokens is None or self.replay_tokens >= 1, "replay_tokens", self.replay_tokens,
            "none, or integers from 1",
        )  # fmt: skip
        rate = self.head_learning_rate
        _require(rate is None or rate >= 0, "head_learning_rate", rate, "none, or numbers from 0")
        check_numbers(self)
        self.rule  # noqa: B018  # its own checks

    @property
    def rule(self) -> ActingRule:
        """How actions are drawn while training."""
        support = Support(top_k=self.top_k, top_p=self.top_p)
        return ActingRule(
            acting=self.acting, temperature=self.temperature, epsilon=self.epsilon, support=support
        )


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"QLearningConfig.{field} is {given!r}; allowed: {allowed}.")
