"""A training of Stable-Baselines3 that reports to the benchmark after each piece of work.

In: an algorithm over ``TokenVecEnv``, and a ``Training``. Out: nothing but what the algorithm has learned.
Left out: making the algorithm (``sb3_kinds``), agents (``sb3_bench``).
"""

from __future__ import annotations

import contextlib
import math
import sys
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from lmgym.agent import Training
from lmgym.errors import BudgetSpentError
from lmgym.seeding import make_key
from lmgym_agents.baselines.sb3_features import LMFeatures


def train(algorithm: BaseAlgorithm, training: Training, *, report_tokens: int = 1024) -> None:
    """Trains until the budget is spent, or until less is left than the algorithm collects at a time.

    Every random number comes from ``training.seed``; the global generators of numpy and torch, from which
    Stable-Baselines3 draws, are seeded here.

    Args:
        algorithm: made over rows of ``training``.
        training: is told of gradient steps, estimated FLOPs and metrics.
        report_tokens: algorithms with a replay memory report each time that so many tokens were acted;
            the others after each of their rollouts.
    """
    algorithm.set_random_seed(make_key(training.seed, "stable-baselines3") % 2**31)
    algorithm.set_logger(Logger(folder=None, output_formats=[]))
    report = _Report(training, 1 if isinstance(algorithm, OnPolicyAlgorithm) else report_tokens)
    left = training.budget - training.num_tokens
    total = left // _rollout_tokens(algorithm) * _rollout_tokens(algorithm)
    if total < 1:
        return
    with contextlib.suppress(BudgetSpentError):
        algorithm.learn(total, callback=report, log_interval=sys.maxsize)
    report.tell()


def _rollout_tokens(algorithm: Any) -> int:
    """Returns how many tokens the algorithm acts before it learns from them."""
    num_steps = algorithm.n_steps if isinstance(algorithm, OnPolicyAlgorithm) else 1
    return int(num_steps * algorithm.n_envs)


class _Report(BaseCallback):
    """Tells ``Training.advance`` what was done since the last time."""

    def __init__(self, training: Training, min_tokens: int) -> None:
        super().__init__()
        self._training, self._min_tokens = training, min_tokens
        self._num_gradient_steps = 0
        self._told_steps = self._told_tokens = 0
        self._told_flops = 0.0
        self._goes_on = True
        self._finished: list[float] = []
        self._num_right = 0

    def _init_callback(self) -> None:
        self._returns = np.zeros(self.training_env.num_envs)
        self.model.policy.optimizer.register_step_post_hook(self._count_step)
        self._told_flops = self._flops()

    def _count_step(self, *_: object) -> None:
        self._num_gradient_steps += 1

    def _on_step(self) -> bool:
        rewards, dones, infos = (self.locals[name] for name in ("rewards", "dones", "infos"))
        self._returns += rewards
        for row in np.flatnonzero(dones).tolist():
            self._finished.append(float(self._returns[row]))
            self._num_right += bool(infos[row]["success"])
        self._returns[dones] = 0.0
        return self._goes_on

    def _on_rollout_start(self) -> None:
        if self.num_timesteps - self._told_tokens >= self._min_tokens:
            self.tell()

    def tell(self) -> None:
        """Reports, unless nothing has happened."""
        if self.num_timesteps == self._told_tokens:
            return
        self._told_tokens = self.num_timesteps
        steps = self._num_gradient_steps - self._told_steps
        flops = self._flops() - self._told_flops
        self._told_steps = self._num_gradient_steps
        self._goes_on = self._training.advance(self._metrics(), num_gradient_steps=steps, flops=flops)
        self._told_flops = self._flops()  # what a measurement read is not training

    def _flops(self) -> float:
        modules = self.model.policy.modules()
        return float(sum(module.flops for module in modules if isinstance(module, LMFeatures)))

    def _metrics(self) -> dict[str, Any]:
        """Returns what the algorithm has logged of its updates, and how episodes went."""
        metrics: dict[str, Any] = {
            name.replace("/", "_"): float(value)
            for name, value in self.logger.name_to_value.items()
            if isinstance(value, int | float | np.floating | np.integer) and math.isfinite(value)
        }
        metrics["num_episodes"] = len(self._finished)
        if self._finished:
            metrics["reward_mean"] = float(np.mean(self._finished))
            metrics["success_rate"] = self._num_right / len(self._finished)
        self._finished, self._num_right = [], 0
        return metrics
