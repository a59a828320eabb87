"""A process reward model: a head on a causal language model that says how good the state after a step is.

    data = TaskSteps(Math(level=2, style="worked", demonstration_quality=0.5), tokenizer)
    algorithm = ProcessRewardModel(policy, data, ProcessRewardModelConfig(iterations=300))
    for update in algorithm.iterations():
        print(update.step, update.metrics["loss"])

The head is the policy's value head, read behind the last token of each step; its sigmoid is the probability
that all is well so far. The loss is the cross-entropy with the steps' labels, which may be soft, plus a share
of the language model's own loss on the good steps: whoever can write a step can tell a wrong one sooner.
Which rows a step sees is a pure function of (seed, step), so a restored run goes on bit for bit.

Source: Lightman et al. 2023 (labels of steps); Wang et al. 2024 (Math-Shepherd), eq. 2 (labels by roll-outs);
Radford et al. 2018, eq. 5 (the language model's loss beside that of a classifier).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmgym.errors import InvalidValueError
from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.update import Update
from lmgym_agents.losses import Loss, sft_loss
from lmgym_agents.optimizers import Kind, PolicyOptimizer, Schedule, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.process.step_labels import StepRows, StepSource
from lmgym_agents.ranking import auc


@dataclass(frozen=True, kw_only=True)
class ProcessRewardModelConfig:
    """Options of a process reward model's training."""

    seed: int = 0
    """names the order of the data"""
    iterations: int = 400
    """optimiser steps"""
    batch_rows: int = 64
    """responses in each step"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    language_coefficient: float = 0.5
    """weight of the next-token loss on the tokens of good steps; 0: none"""
    optimizer: Kind = "muon"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 2e-3
    """of the model and the head, after warm-up"""
    schedule: Schedule = "linear"
    """how the learning rate falls over the iterations"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a linear or cosine schedule"""
    warmup_iterations: int = 20
    """steps in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    weight_decay: float = 0.01
    """decoupled weight decay"""
    evaluate_every: int = 50
    """steps between two evaluations on held-out responses"""
    validation_rows: int = 512
    """responses in each of them"""

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_rows", "evaluate_every", "validation_rows"):
            if getattr(self, name) < 1:
                raise InvalidValueError(
                    f"ProcessRewardModelConfig.{name} is {getattr(self, name)!r}; allowed: integers from 1."
                )
        if self.language_coefficient < 0:
            raise InvalidValueError(
                "ProcessRewardModelConfig.language_coefficient is "
                f"{self.language_coefficient!r}; allowed: numbers from 0."
            )


class ProcessRewardModel:
    """Trains a policy's value head, and the model below it, on labelled steps; see the module."""

    def __init__(
        self,
        policy: Policy,
        data: StepSource,
        config: ProcessRewardModelConfig,
        *,
        validation: StepSource | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed.
            data: gives the rows of each step.
            config: the options.
            validation: gives held-out rows; None: nothing is measured on the way.
            on_message: told in words what a user should know.
        """
        self.policy, self.data, self.config = policy, data, config
        self.optimizer = PolicyOptimizer(
            policy,
            kind=config.optimizer,
            learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self._validation = validation
        self.iteration = 0
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)

    def iterations(self) -> Iterator[Update]:
        """Yields after each step; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
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
            "accuracy": done.stats.get("accuracy", 0.0),
            "label_mean": done.stats.get("label", 0.0),
            "learning_rate": config.learning_rate * factor,
            "grad_norm": result.grad_norm,
            "num_tokens": num_tokens,
            "num_steps": int(rows.is_step_end.sum()),
            "skipped_steps": int(result.skipped is not None),
        }
        self.iteration += 1
        if self._validation is not None and self._is_evaluation_due():
            found = measure_steps(self.policy, self._validation.rows(0, config.validation_rows))
            metrics |= {f"validation_{name}": value for name, value in found.items()}
        timing = {
            "update_s": updated - start, "evaluation_s": time.perf_counter() - updated,
            "updated_tokens_per_s": num_tokens / max(updated - start, 1e-9),
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later steps depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration = int(state["iteration"])
        self.token_budget = int(state["token_budget"])

    def _make_loss(self, rows: StepRows) -> Callable[[Tensor], Loss]:
        num_steps, num_tokens = (float(cells.sum()) or 1.0 for cells in (rows.is_step_end, rows.is_good))
        coefficient, device = self.config.language_coefficient, self.policy.device

        def loss_of_rows(picked: Tensor) -> Loss:
            is_good = rows.is_good[picked].to(device)
            found = self.policy.evaluate(
                rows.input_ids[picked], rows.lengths[picked], is_action=is_good, need_logps=coefficient > 0
            )
            is_end, labels = rows.is_step_end[picked].to(device), rows.labels[picked].to(device)
            steps = step_loss(found.values[:, 1:], labels, is_end, num_steps)
            if not coefficient:
                return steps
            text = sft_loss(found.logps, is_good, num_tokens)
            return Loss(steps.loss + coefficient * text.loss, steps.stats)

        return loss_of_rows

    def _is_evaluation_due(self) -> bool:
        return self.iteration % self.config.evaluate_every == 0 or self.iteration == self.config.iterations


def step_logits(policy: Policy, input_ids: Tensor, lengths: Tensor) -> Tensor:
    """Returns float32[B, L], at position t the head's logit of the state behind token t."""
    found = policy.evaluate(input_ids, lengths, need_logps=False)
    return found.values[:, 1:]


def step_loss(logits: Tensor, labels: Tensor, is_step_end: Tensor, denominator: float) -> Loss:
    """Returns the cross-entropy (nats) of the labels: Σ softplus(z) - y·z over steps, over ``denominator``.

    Args:
        logits: z, float[B, L].
        labels: y in [0, 1], float[B, L].
        is_step_end: bool[B, L], True where there is a label; other cells may hold anything.
        denominator: steps in the whole batch, of which these rows may be a part.
    """
    z, y = logits[is_step_end], labels[is_step_end]
    losses = nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
    stats = {
        "accuracy": ((z > 0) == (y > 0.5)).sum(),
        "label": y.sum(),
        "num_tokens": is_step_end.sum(),
    }
    return Loss(losses / denominator, stats)


@torch.no_grad()
def measure_steps(policy: Policy, rows: StepRows) -> dict[str, float]:
    """Returns loss, accuracy and AUC (labels above 0.5 against the others) over the steps of ``rows``.

    "last_" numbers are of the last step of each response alone: where most steps are right, the others are
    easy. An AUC is left out where all labels are alike.
    """
    logits = step_logits(policy, rows.input_ids, rows.lengths).cpu()
    place = torch.arange(rows.is_step_end.shape[1])
    last = torch.where(rows.is_step_end, place, -1).amax(dim=1, keepdim=True)
    found: dict[str, float] = {}
    for name, chosen in (("", rows.is_step_end), ("last_", rows.is_step_end & (place == last))):
        z, y = logits[chosen], rows.labels[chosen]
        if not len(z):
            continue
        found[f"{name}loss"] = float(nn.functional.binary_cross_entropy_with_logits(z, y))
        found[f"{name}accuracy"] = float(((z > 0) == (y > 0.5)).float().mean())
        if 0 < int((y > 0.5).sum()) < len(y):
            found[f"{name}auc"] = auc(z.numpy(), (y > 0.5).numpy())
    return found
