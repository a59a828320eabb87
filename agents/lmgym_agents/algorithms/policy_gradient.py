"""One update of a policy from rows with advantages: minibatches of PPO's clipped loss, and a value loss.

At one epoch of one minibatch it is REINFORCE with a baseline. What self-play and the proposer–solver loop
share; PPO itself stands in ``ppo``. Left out: where rows and advantages come from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym.seeding import Path, make_generator
from lmgym_agents.accumulate import accumulate_gradients, find_non_finite, optimizer_step
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.algorithms.statistics import merge_minibatches
from lmgym_agents.losses import Loss, entropy_loss, loss_denominator, ppo_policy_loss, value_loss
from lmgym_agents.optimizers import Kind, PolicyOptimizer, Schedule, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.rollout import Rollout


@dataclass(frozen=True, kw_only=True)
class UpdateConfig:
    """Options of an update."""

    epochs: int = 1
    """passes over the rows of an iteration"""
    minibatches: int = 4
    """optimiser steps in each pass"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-3
    """of policy and value head, after warm-up"""
    schedule: Schedule = "linear"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 4
    """iterations in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    clip_low: float = 0.2
    """how far below 1 the ratio of a token may push the policy"""
    clip_high: float = 0.28
    """how far above 1"""
    value_coefficient: float = 1.0
    """weight of the value loss, where values are learned"""
    entropy_coefficient: float = 0.0
    """weight of the entropy bonus"""

    def __post_init__(self) -> None:
        for name in ("epochs", "minibatches", "max_tokens_per_micro_batch"):
            if getattr(self, name) < 1:
                raise InvalidValueError(
                    f"UpdateConfig.{name} is {getattr(self, name)!r}; allowed: integers from 1."
                )
        for name in ("learning_rate", "value_coefficient", "warmup_iterations", "entropy_coefficient"):
            if not getattr(self, name) >= 0:
                raise InvalidValueError(
                    f"UpdateConfig.{name} is {getattr(self, name)!r}; allowed: numbers from 0."
                )
        check_numbers(self)


class Lesson(NamedTuple):
    """What an update learns from: B rows and what they were worth, arrays [B, L] on the CPU."""

    rollout: Rollout
    advantages: Tensor
    temperature: float
    """What the sampler divided its logits by."""
    returns: Tensor | None = None
    """Targets of the value head; None: it learns nothing."""
    old_values: Tensor | None = None
    """The values that ``returns`` were made with, not needed otherwise."""


class PolicyGradient:
    """A policy with its optimiser; ``update`` changes it."""

    def __init__(
        self, policy: Policy, config: UpdateConfig, *, on_message: Callable[[str], None] | None = None
    ) -> None:
        self.policy, self.config = policy, config
        self.optimizer = PolicyOptimizer(
            policy, kind=config.optimizer, learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate,
        )  # fmt: skip
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)

    def update(self, lesson: Lesson, iteration: int, total: int, seed: int, *path: Path) -> dict[str, Any]:
        """Changes the policy by one lesson, and returns what there is to log.

        Args:
            lesson: rows with their advantages.
            iteration: of ``total``, for the schedule of the rate.
            total: iterations of the run.
            seed: of the order of the rows, at ``path`` and the epoch.
            path: what tells this update from others under the seed.
        """
        config = self.config
        factor = rate_factor(
            config.schedule, iteration, total, warmup=config.warmup_iterations, end=config.end_rate
        )
        self.optimizer.set_rate(factor)
        acts = lesson.rollout.is_action
        metrics: dict[str, Any] = {"learning_rate": config.learning_rate * factor, "skipped_steps": 0}
        bad = find_non_finite({"advantages": lesson.advantages[acts]})
        if bad is not None or not acts.any():
            reason = bad or "no action to learn from"
            self._say(f"An update of iteration {iteration} was skipped: {reason}.")
            return metrics | {"skipped_steps": config.epochs * config.minibatches, "skipped": reason}
        stats: list[dict[str, float]] = []
        norms: list[float] = []
        for epoch in range(config.epochs):
            order = torch.from_numpy(make_generator(seed, *path, epoch).permutation(len(acts)))
            for chosen in order.tensor_split(min(config.minibatches, len(order))):
                done = accumulate_gradients(
                    self._make_loss(lesson, chosen), lesson.rollout.lengths[chosen], self.token_budget,
                    self.policy.parameters(), on_message=self._say,
                )  # fmt: skip
                self.token_budget = done.token_budget
                result = optimizer_step(
                    cast("torch.optim.Optimizer", self.optimizer), self.policy.named_parameters(),
                    loss=done.loss, max_grad_norm=config.max_grad_norm,
                )  # fmt: skip
                stats.append(done.stats)
                norms.append(result.grad_norm)
                if result.skipped is not None:
                    metrics["skipped_steps"] += 1
                    self._say(f"An optimiser step of iteration {iteration} was skipped: {result.skipped}.")
        metrics |= merge_minibatches(stats)
        metrics["grad_norm"] = sum(norms) / len(norms)
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Returns weights and moments."""
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.token_budget = int(state["token_budget"])

    def _make_loss(self, lesson: Lesson, chosen: Tensor) -> Callable[[Tensor], Loss]:
        config, device, rollout = self.config, self.policy.device, lesson.rollout
        denominator = loss_denominator(rollout.is_action[chosen])

        def loss_of_rows(rows: Tensor) -> Loss:
            picked = chosen[rows]
            is_action = rollout.is_action[picked].to(device)
            shared: dict[str, Any] = {"is_action": is_action, "denominator": denominator}
            now = self.policy.evaluate(
                rollout.input_ids[picked], rollout.lengths[picked], is_action=is_action,
                temperature=lesson.temperature, need_entropy=config.entropy_coefficient != 0,
                need_values=lesson.returns is not None,
            )  # fmt: skip
            of_policy = ppo_policy_loss(
                logp_policy=now.logps, logp_old=rollout.logp_behaviour[picked].to(device),
                advantages=lesson.advantages[picked].to(device), clip_low=config.clip_low,
                clip_high=config.clip_high, dual_clip=3.0, **shared,
            )  # fmt: skip
            loss, stats = of_policy
            if now.entropies is not None:
                bonus = entropy_loss(now.entropies, **shared)
                loss = loss + config.entropy_coefficient * bonus.loss
                stats = stats | {"policy_entropy": bonus.stats["entropy"]}
            if lesson.returns is not None and lesson.old_values is not None:
                of_value = value_loss(
                    values=now.values[:, :-1], old_values=lesson.old_values[picked].to(device),
                    returns=lesson.returns[picked].to(device), clip=None, **shared,
                )  # fmt: skip
                loss, stats = loss + config.value_coefficient * of_value.loss, stats | of_value.stats
            return Loss(loss, stats)

        return loss_of_rows
