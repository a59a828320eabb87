"""One optimiser step of expert iteration: on solutions, on states of trees, on demonstrations, or on pairs.

In: rows or pairs, and how far the round is. Out: changed weights and numbers for the log. Left out: where the
rows come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from lmgym_agents.accumulate import Accumulation, accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_rows import ValueRows, response_rows
from lmgym_agents.demonstrations import Rows
from lmgym_agents.dpo_losses import dpo_loss
from lmgym_agents.losses import Loss, loss_denominator, sft_loss
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.reference import Reference
from lmgym_agents.solution_pool import Response

Pair = tuple[Response, Response]


class Lessons:
    """Changes a policy; keeps the optimiser."""

    def __init__(
        self, policy: Policy, config: ExpertIterationConfig, on_message: Callable[[str], None]
    ) -> None:
        self.policy, self.config, self._say = policy, config, on_message
        self.token_budget = config.max_tokens_per_micro_batch
        self.optimizer = self._make_optimizer()

    def restart(self) -> None:
        """Forgets the optimiser's moments, as the weights are others now."""
        self.optimizer = self._make_optimizer()

    def imitate(self, batch: ValueRows, step: int) -> dict[str, Any]:
        """Takes a step on the cross-entropy of rows, and on the values of those that have any."""
        rows = batch.rows
        return self._step(self._imitation_loss(batch), rows.lengths, step, int(rows.lengths.sum()))

    def prefer(self, pairs: Sequence[Pair], reference: Reference, step: int) -> dict[str, Any]:
        """Takes a step on pairs (right, wrong)."""
        right, wrong = (response_rows([pair[side] for pair in pairs]) for side in (0, 1))
        # Both responses of a pair are in one micro-batch: its length is that of both together.
        lengths = right.lengths + wrong.lengths
        return self._step(self._pair_loss(right, wrong, reference), lengths, step, int(lengths.sum()))

    def _step(
        self, loss: Callable[[Tensor], Loss], lengths: Tensor, step: int, num_tokens: int
    ) -> dict[str, Any]:
        config = self.config
        factor = rate_factor(
            config.schedule, step, config.steps, warmup=config.warmup_steps, end=config.end_rate
        )
        self.optimizer.set_rate(factor)
        done: Accumulation = accumulate_gradients(
            loss, lengths, self.token_budget, self.policy.parameters(), on_message=self._say
        )
        self.token_budget = done.token_budget
        result = optimizer_step(
            cast("torch.optim.Optimizer", self.optimizer), self.policy.named_parameters(), loss=done.loss,
            max_grad_norm=config.max_grad_norm,
        )  # fmt: skip
        if result.skipped is not None:
            self._say(f"Step {step} of the round was skipped: {result.skipped}.")
        kept = {name: value for name, value in done.stats.items() if name != "num_tokens"}
        return {
            "loss": done.loss, "grad_norm": result.grad_norm,
            "skipped_steps": int(result.skipped is not None), "num_tokens": num_tokens, **kept,
        }  # fmt: skip

    def _imitation_loss(self, batch: ValueRows) -> Callable[[Tensor], Loss]:
        rows, device = batch.rows, self.policy.device
        denominator = loss_denominator(rows.is_target)
        has_value = torch.isfinite(batch.values)
        num_values = max(1, int(has_value.sum()))
        needs_values = bool(has_value.any())

        def loss_of_rows(picked: Tensor) -> Loss:
            is_target = rows.is_target[picked].to(device)
            found = self.policy.evaluate(
                rows.input_ids[picked], rows.lengths[picked], is_action=is_target, need_values=needs_values
            )
            loss = sft_loss(found.logps, is_target, denominator)
            if not needs_values:
                return loss
            here = has_value[picked].to(device)
            target = torch.where(here, batch.values[picked].to(device), 0)
            value = found.values.gather(1, batch.value_position[picked].to(device)[:, None])[:, 0]
            error = torch.where(here, (value - target) ** 2, 0).sum()
            total = loss.loss + self.config.value_coefficient * error / num_values
            # Statistics are divided by the number of targets; this one is a mean over values.
            return Loss(total, {**loss.stats, "value_error": error.detach() * denominator / num_values})

        return loss_of_rows

    def _pair_loss(self, right: Rows, wrong: Rows, reference: Reference) -> Callable[[Tensor], Loss]:
        config, num_pairs = self.config, len(right.lengths)
        denominator = loss_denominator(right.is_target)

        def logps(model: Callable[..., Any], rows: Rows, picked: Tensor) -> Tensor:
            is_target = rows.is_target[picked].to(self.policy.device)
            found = model(rows.input_ids[picked], rows.lengths[picked], is_action=is_target)
            return torch.where(is_target, found, 0)

        def now(*args: Any, **options: Any) -> Tensor:
            return self.policy.evaluate(*args, **options, need_values=False).logps

        def loss_of_rows(picked: Tensor) -> Loss:
            chosen = logps(now, right, picked)
            loss = dpo_loss(
                chosen.sum(1), logps(now, wrong, picked).sum(1),
                logps(reference.logps, right, picked).sum(1), logps(reference.logps, wrong, picked).sum(1),
                beta=config.dpo_beta, num_pairs=num_pairs,
            )  # fmt: skip
            if not config.dpo_sft_coefficient:
                return loss
            return Loss(loss.loss - config.dpo_sft_coefficient * chosen.sum() / denominator, loss.stats)

        return loss_of_rows

    def _make_optimizer(self) -> PolicyOptimizer:
        config = self.config
        return PolicyOptimizer(
            self.policy, kind=config.optimizer, learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate, weight_decay=config.weight_decay,
        )  # fmt: skip
