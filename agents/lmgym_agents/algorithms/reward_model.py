"""A reward model from preferences: scores such that the better response of a pair has the higher one.

    pairs = make_pairs(read_preferences("preferences.jsonl"))
    train, validation, test = split_by_prompt(pairs)
    model = make_lm_reward_model("nano", tokenizer)
    algorithm = RewardModelTraining(model, PreferencePairs(train), RewardModelConfig(), validation=validation)
    for update in algorithm.iterations():
        print(update.step, update.metrics["loss"])
    model.save("runs/reward_model/model")

The loss is that of Bradley and Terry (``reward_models.losses``). Every so many steps it is measured on
validation pairs; training ends when it has not fallen for a while, and the weights of its lowest point are
kept. Which pairs a step sees is a pure function of (seed, step), so a restored run goes on bit for bit.

Source: Stiennon et al. 2020, section 3.4; Ouyang et al. 2022, eq. 1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lmgym_agents.accumulate import accumulate_gradients, micro_batches, optimizer_step
from lmgym_agents.algorithms.reward_model_config import RewardModelConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.losses import Loss, merge_stats
from lmgym_agents.optimizers import rate_factor
from lmgym_agents.reward_models.losses import estimate_tie_parameter, preference_loss
from lmgym_agents.reward_models.pairs import Pair, PreferencePairs
from lmgym_agents.reward_models.scorer import TrainableScorer

__all__ = ["RewardModelConfig", "RewardModelTraining"]


class RewardModelTraining:
    """Trains a scorer on pairs; see the module."""

    def __init__(
        self,
        model: TrainableScorer,
        data: PreferencePairs,
        config: RewardModelConfig,
        *,
        validation: Sequence[Pair] = (),
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            model: is changed.
            data: gives the pairs of each step.
            config: the options.
            validation: pairs whose loss decides when to stop and which weights to keep; none: the last ones.
            on_message: told in words what a user should know.
        """
        self.model, self.data, self.config = model, data, config
        self._validation = list(validation)[: config.validation_pairs]
        self._parameters = dict(model.trained_parameters())
        self.optimizer = _make_optimizer(self._parameters, config)
        self.tie_parameter = estimate_tie_parameter(sum(pair.is_tie for pair in data.pairs), len(data))
        """ν of the loss, as often as the training data tie."""
        if any(pair.is_tie for pair in self._validation):
            self.tie_parameter = max(self.tie_parameter, 1e-6)
        known = dict.fromkeys([*data.pairs, *self._validation])
        texts = [(pair.prompt, response) for pair in known for response in (pair.better, pair.worse)]
        model.remember([prompt for prompt, _ in texts], [response for _, response in texts])
        self.iteration = 0
        self.is_done = False
        """True once early stopping has ended the training."""
        self.best_loss, self.best_iteration = math.inf, 0
        self._best: dict[str, Tensor] = {}
        self._num_stale = 0
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)

    def iterations(self) -> Iterator[Update]:
        """Yields after each step; the state may be saved whenever it has yielded. At last keeps the best."""
        while self.iteration < self.config.iterations and not self.is_done:
            yield self.iterate()
        self._restore(self._best)

    def iterate(self) -> Update:
        """Does one optimiser step, and an evaluation where one is due."""
        config = self.config
        start = time.perf_counter()
        pairs = self.data.batch(self.iteration, config.batch_pairs)
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor
        loss_of_pairs, lengths = self._make_loss(pairs)
        done = accumulate_gradients(
            loss_of_pairs, lengths, self.token_budget, self._parameters.values(), on_message=self._say
        )
        self.token_budget = done.token_budget
        result = optimizer_step(
            self.optimizer, self._parameters.items(), loss=done.loss, max_grad_norm=config.max_grad_norm
        )
        if result.skipped is not None:
            self._say(f"Step {self.iteration} was skipped: {result.skipped}.")
        updated = time.perf_counter()
        metrics: dict[str, Any] = {
            "loss": done.loss,
            "accuracy": done.stats.get("accuracy", 0.0),
            "score_gap": done.stats.get("score_gap", 0.0),
            "learning_rate": config.learning_rate * factor,
            "grad_norm": result.grad_norm,
            "num_tokens": int(lengths.sum()),
            "skipped_steps": int(result.skipped is not None),
        }
        self.iteration += 1
        if self._validation and self._is_evaluation_due():
            metrics |= self._evaluate()
        timing = {
            "update_s": updated - start, "evaluation_s": time.perf_counter() - updated,
            "updated_tokens_per_s": int(lengths.sum()) / max(updated - start, 1e-9),
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later steps depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "is_done": self.is_done,
            "model": {name: parameter.detach() for name, parameter in self._parameters.items()},
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
            "best": dict(self._best),
            "best_loss": self.best_loss,
            "best_iteration": self.best_iteration,
            "num_stale": self._num_stale,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self._restore(state["model"])
        self.optimizer.load_state_dict(dict(state["optimizer"]))
        self.iteration, self.is_done = int(state["iteration"]), bool(state["is_done"])
        self.token_budget = int(state["token_budget"])
        self._best = {name: tensor.detach().clone() for name, tensor in state["best"].items()}
        self.best_loss, self.best_iteration = float(state["best_loss"]), int(state["best_iteration"])
        self._num_stale = int(state["num_stale"])

    def _make_loss(self, pairs: Sequence[Pair]) -> tuple[Callable[[Tensor], Loss], Tensor]:
        """Returns the loss of some of the pairs, and the padded tokens that each of them costs."""
        prompts, count, device = [pair.prompt for pair in pairs], len(pairs), self.model.device
        responses = [*(pair.better for pair in pairs), *(pair.worse for pair in pairs)]
        rows = self.model.make_rows([*prompts, *prompts], responses)
        is_tie = torch.tensor([pair.is_tie for pair in pairs])
        weights = torch.tensor([pair.weight for pair in pairs])
        margins = torch.tensor([pair.margin for pair in pairs])
        denominator = float(weights.sum()) or 1.0

        def loss_of_pairs(picked: Tensor) -> Loss:
            scores = self.model.rewards(rows, torch.cat((picked, picked + count)))
            better, worse = scores.chunk(2)
            return preference_loss(
                better, worse, denominator=denominator, is_tie=is_tie[picked].to(device),
                weights=weights[picked].to(device), margins=margins[picked].to(device),
                label_smoothing=self.config.label_smoothing, tie_loss=self.config.tie_loss,
                tie_parameter=self.tie_parameter, centre_coefficient=self.config.centre_coefficient,
            )  # fmt: skip

        return loss_of_pairs, 2 * torch.maximum(rows.lengths[:count], rows.lengths[count:])

    def _is_evaluation_due(self) -> bool:
        return self.iteration % self.config.evaluate_every == 0 or self.iteration == self.config.iterations

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Measures the validation pairs, keeps the best weights, and says when to stop."""
        loss_of_pairs, lengths = self._make_loss(self._validation)
        parts = [loss_of_pairs(picked) for picked in micro_batches(lengths, self.token_budget)]
        loss = float(sum(part.loss.double() for part in parts))
        if loss < self.best_loss:
            self.best_loss, self.best_iteration, self._num_stale = loss, self.iteration, 0
            self._best = {name: p.detach().clone() for name, p in self._parameters.items()}
        else:
            self._num_stale += 1
        if self.config.patience and self._num_stale >= self.config.patience:
            self.is_done = True
            self._say(
                f"Stopped early: the lowest validation loss, {self.best_loss:.4f}, was that of step "
                f"{self.best_iteration}; its weights are kept."
            )
        stats = merge_stats([part.stats for part in parts])  # empty where all of them are ties
        found = {"loss": loss} | {name: stats[name] for name in ("accuracy",) if name in stats}
        return {f"eval/{name}": value for name, value in found.items()}

    @torch.no_grad()
    def _restore(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in weights.items():
            self._parameters[name].copy_(tensor)


def _make_optimizer(parameters: Mapping[str, Any], config: RewardModelConfig) -> torch.optim.Optimizer:
    head = [parameter for name, parameter in parameters.items() if name.startswith("head.")]
    rest = [parameter for name, parameter in parameters.items() if not name.startswith("head.")]
    head_rate = config.learning_rate if config.head_learning_rate is None else config.head_learning_rate
    groups = [
        {"params": part, "lr": rate, "full_lr": rate}
        for part, rate in ((rest, config.learning_rate), (head, head_rate))
        if part
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay, fused=True
    )
