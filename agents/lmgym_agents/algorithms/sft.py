"""Supervised fine-tuning on demonstrations of a task, or on a JSONL file of prompts and responses.

    algorithm = SFT(policy, TaskDemonstrations(env.setup), SFTConfig(iterations=100))
    for update in algorithm.iterations():
        print(update.step, update.metrics["loss"])

The loss is the cross-entropy of the agent's tokens alone, the end of the turn included. Which rows a step
sees is a pure function of (seed, step), so a restored run goes on bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.algorithms.update import Update
from lmgym_agents.demonstrations import DataSource, Rows
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.losses import Aggregation, Loss, loss_denominator, sft_loss
from lmgym_agents.optimizers import Kind, PolicyOptimizer, Schedule, rate_factor
from lmgym_agents.policy import Policy


@dataclass(frozen=True, kw_only=True)
class SFTConfig:
    """Options of supervised fine-tuning."""

    seed: int = 0
    """names the order of the data"""
    iterations: int = 400
    """optimiser steps at most"""
    batch_rows: int = 256
    """demonstrations in each step"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-3
    """after warm-up"""
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
    aggregation: Aggregation = "token"
    """mean over the tokens of the whole batch, or over its rows' means"""
    until_accuracy: float | None = None
    """stops as soon as the greedy rate of success on the validation split is at least this"""
    evaluate_every: int = 5
    """steps between two such evaluations"""
    validation_problems: int = 256
    """different problems in each of them"""

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_rows", "evaluate_every", "validation_problems"):
            if getattr(self, name) < 1:
                raise InvalidValueError(
                    f"SFTConfig.{name} is {getattr(self, name)!r}; allowed: integers from 1."
                )
        if self.until_accuracy is not None and not 0 < self.until_accuracy <= 1:
            raise InvalidValueError(
                f"SFTConfig.until_accuracy is {self.until_accuracy!r}; allowed: numbers in (0, 1], or none."
            )
        check_numbers(self)


class SFT:
    """Trains a policy on demonstrations; see the module and ``SFTConfig``."""

    def __init__(
        self,
        policy: Policy,
        data: DataSource,
        config: SFTConfig,
        *,
        task: Task | str | None = None,
        tokenizer: TextTokenizer | None = None,
        env_options: Mapping[str, Any] | None = None,
        engine: Engine | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed.
            data: gives the rows of each step.
            config: the options.
            task: what ``until_accuracy`` is measured on, a task or the id of an environment.
            tokenizer: of the policy, needed for the same.
            env_options: further options of that environment.
            engine: over ``policy.model``.
            on_message: told in words what a user should know.

        Raises:
            InvalidValueError: ``until_accuracy`` without a task and a tokenizer.
        """
        if config.until_accuracy is not None and (task is None or tokenizer is None):
            raise InvalidValueError(
                "SFTConfig.until_accuracy needs a task to measure it on, and a tokenizer."
            )
        self.policy, self.data, self.config = policy, data, config
        self.optimizer = PolicyOptimizer(
            policy,
            kind=config.optimizer,
            learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        self._task, self._env_options = task, env_options
        self._agent = None if tokenizer is None else LMAgent(policy, tokenizer, engine=engine)
        self.iteration = 0
        self.is_done = False
        """True once ``until_accuracy`` was reached."""
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)

    def iterations(self) -> Iterator[Update]:
        """Yields after each step; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations and not self.is_done:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one optimiser step, and an evaluation where one is due."""
        config = self.config
        start = time.perf_counter()
        rows = self.data.rows(self.iteration, config.batch_rows)
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        done = accumulate_gradients(
            self._make_loss(rows), rows.lengths, self.token_budget, self.policy.parameters(),
            on_message=self._say,
        )  # fmt: skip
        self.token_budget = done.token_budget
        result = optimizer_step(
            cast("torch.optim.Optimizer", self.optimizer), self.policy.named_parameters(),
            loss=done.loss, max_grad_norm=config.max_grad_norm,
        )  # fmt: skip
        if result.skipped is not None:
            self._say(f"Step {self.iteration} was skipped: {result.skipped}.")
        updated = time.perf_counter()
        num_tokens = int(rows.lengths.sum())
        metrics: dict[str, Any] = {
            "loss": done.loss,
            "learning_rate": config.learning_rate * factor,
            "grad_norm": result.grad_norm,
            "num_tokens": num_tokens,
            "num_targets": int(rows.is_target.sum()),
            "skipped_steps": int(result.skipped is not None),
        }
        self.iteration += 1
        if self._is_evaluation_due():
            accuracy = self._accuracy()
            metrics["validation_success"] = accuracy
            self.is_done = config.until_accuracy is not None and accuracy >= config.until_accuracy
        timing = {
            "update_s": updated - start, "evaluation_s": time.perf_counter() - updated,
            "updated_tokens_per_s": num_tokens / max(updated - start, 1e-9),
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later steps depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "is_done": self.is_done,
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration = int(state["iteration"])
        self.is_done = bool(state["is_done"])
        self.token_budget = int(state["token_budget"])

    def _make_loss(self, rows: Rows) -> Callable[[Tensor], Loss]:
        aggregation, device = self.config.aggregation, self.policy.device
        denominator = loss_denominator(rows.is_target, aggregation, max_tokens=rows.input_ids.shape[1])

        def loss_of_rows(picked: Tensor) -> Loss:
            is_target = rows.is_target[picked].to(device)
            found = self.policy.evaluate(
                rows.input_ids[picked], rows.lengths[picked], is_action=is_target, need_values=False
            )
            return sft_loss(found.logps, is_target, denominator, aggregation)

        return loss_of_rows

    def _is_evaluation_due(self) -> bool:
        if self.config.until_accuracy is None:
            return False
        return self.iteration % self.config.evaluate_every == 0 or self.iteration == self.config.iterations

    def _accuracy(self) -> float:
        assert self._agent is not None and self._task is not None
        result = evaluate(
            self._agent, self._task, split="validation", num_problems=self.config.validation_problems,
            env_options=self._env_options, num_transcripts=0,
        )  # fmt: skip
        return result.success.mean
