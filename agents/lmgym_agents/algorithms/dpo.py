"""Direct preference optimisation: a policy from pairs of responses, without a reward model or sampling.

    algorithm = DPO(policy, PreferenceRows(preferences, tokenizer), DPOConfig(iterations=100))
    for update in algorithm.iterations():
        print(update.step, update.metrics["loss"], update.metrics["accuracy"])

The reference is the policy as it was when training began. Its log-probs of all responses are computed once,
before the first step, and kept in the state, so no second model is held in memory. Which pairs a step sees
is a pure function of (seed, step): a restored run goes on bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.chunks import evaluate_in_chunks
from lmgym_agents.demonstrations import Rows
from lmgym_agents.dpo_losses import dpo_loss
from lmgym_agents.losses import Loss
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.preference_rows import PairRows, PreferenceRows


class ReferenceLogps(NamedTuple):
    """Log-probs of all N responses of a data set under the reference, sums over tokens, nats."""

    chosen: Tensor
    """float32[N]"""
    rejected: Tensor
    """float32[N]"""


class DPO:
    """Trains a policy on preferences; see the module and ``DPOConfig``."""

    def __init__(
        self,
        policy: Policy,
        data: PreferenceRows,
        config: DPOConfig,
        *,
        held_out: PreferenceRows | None = None,
        reference: Policy | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed.
            data: the pairs.
            config: the options.
            held_out: other pairs, on which the implicit reward is measured.
            reference: what the margins are measured from; by default the policy as it is now.
            on_message: told in words what a user should know.
        """
        self.policy, self.data, self.config, self.held_out = policy, data, config, held_out
        self.optimizer = PolicyOptimizer(
            policy, kind=config.optimizer, learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate, betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_eps, weight_decay=config.weight_decay,
        )  # fmt: skip
        self.iteration = 0
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)
        # Never changed by training: either another model, or the policy before its first step.
        self._reference_model = reference or policy
        self._reference: ReferenceLogps | None = None
        self._held_out_reference: ReferenceLogps | None = None

    # The run ------------------------------------------------------------------------------------------

    def iterations(self) -> Iterator[Update]:
        """Yields after each step; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one optimiser step, and a measurement on held-out pairs where one is due."""
        config = self.config
        start = time.perf_counter()
        reference = self._ask_reference()
        batch = self.data.rows(self.iteration, config.batch_pairs)
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        # Both responses of a pair are in one micro-batch: its length is that of both together.
        lengths = batch.chosen.lengths + batch.rejected.lengths
        done = accumulate_gradients(
            self._make_loss(batch, reference), lengths, self.token_budget, self.policy.parameters(),
            on_message=self._say,
        )  # fmt: skip
        self.token_budget = done.token_budget
        result = optimizer_step(
            cast("torch.optim.Optimizer", self.optimizer), self.policy.named_parameters(),
            loss=done.loss, max_grad_norm=config.max_grad_norm,
        )  # fmt: skip
        if result.skipped is not None:
            self._say(f"Step {self.iteration} was skipped: {result.skipped}.")
        num_tokens = int(lengths.sum())
        metrics: dict[str, Any] = {
            "loss": done.loss,
            **{name: value for name, value in done.stats.items() if name != "num_tokens"},
            "ties": int(batch.is_tie.sum()),
            "epoch": self.iteration * config.batch_pairs / len(self.data),
            "learning_rate": config.learning_rate * factor,
            "grad_norm": result.grad_norm,
            "num_tokens": num_tokens,
            "skipped_steps": int(result.skipped is not None),
        }
        self.iteration += 1
        updated = time.perf_counter()
        if self.held_out is not None and (
            self.iteration % config.evaluate_every == 0 or self.iteration == config.iterations
        ):
            metrics |= {f"held_out/{name}": value for name, value in self.measure().items()}
        timing = {
            "update_s": updated - start, "evaluation_s": time.perf_counter() - updated,
            "updated_tokens_per_s": num_tokens / max(updated - start, 1e-9),
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def measure(self) -> dict[str, float]:
        """Returns how the implicit reward, β (log π - log π_ref), orders the held-out pairs, ties left out.

        Returns:
            ``accuracy``: share in which the preferred response has the higher one (equal ones count half);
            ``margin``: mean difference, in units of the implicit reward.
        """
        assert self.held_out is not None and self._held_out_reference is not None
        everything = self.held_out.pick(range(len(self.held_out)))
        now, reference = self._logps_of(self.policy, everything), self._held_out_reference
        h = (now.chosen - reference.chosen) - (now.rejected - reference.rejected)
        h = h[~everything.is_tie].double()
        right = (h > 0).double() + 0.5 * (h == 0).double()
        return {"accuracy": float(right.mean()), "margin": self.config.beta * float(h.mean())}

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later steps depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
            "reference": _plain(self._reference),
            "held_out_reference": _plain(self._held_out_reference),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration = int(state["iteration"])
        self.token_budget = int(state["token_budget"])
        self._reference = _unplain(state["reference"])
        self._held_out_reference = _unplain(state["held_out_reference"])

    # The reference ------------------------------------------------------------------------------------

    def _ask_reference(self) -> ReferenceLogps:
        """Returns the reference's log-probs, computed before the first step and then kept."""
        if self._reference is None:
            self._reference = self._logps_of(self._reference_model, self.data.pick(range(len(self.data))))
            if self.held_out is not None:
                rows = self.held_out.pick(range(len(self.held_out)))
                self._held_out_reference = self._logps_of(self._reference_model, rows)
        return self._reference

    def _logps_of(self, policy: Policy, pairs: PairRows) -> ReferenceLogps:
        def evaluate(rows: Rows) -> Tensor:
            def of(picked: Tensor) -> tuple[Tensor]:
                return (self._response_logps(policy, rows, picked),)

            (logps,), self.token_budget = evaluate_in_chunks(
                of, rows.lengths, self.token_budget, on_message=self._say
            )
            return logps

        return ReferenceLogps(evaluate(pairs.chosen), evaluate(pairs.rejected))

    def _response_logps(self, policy: Policy, rows: Rows, picked: Tensor) -> Tensor:
        """Returns the log-prob of each response: the sum over its tokens, or their mean."""
        is_target = rows.is_target[picked].to(policy.device)
        found = policy.evaluate(
            rows.input_ids[picked], rows.lengths[picked], is_action=is_target, need_values=False
        )
        total = torch.where(is_target, found.logps, 0).sum(dim=1)
        return total / is_target.sum(dim=1) if self.config.length_normalised else total

    # The loss -----------------------------------------------------------------------------------------

    def _make_loss(self, batch: PairRows, reference: ReferenceLogps) -> Callable[[Tensor], Loss]:
        """Returns the loss of some of the pairs, as a share of the loss of all of them."""
        config, device = self.config, self.policy.device
        num_pairs, num_chosen = len(batch.number), int(batch.chosen.is_target.sum())
        options: dict[str, Any] = {
            "beta": config.beta, "kind": config.kind, "label_smoothing": config.label_smoothing,
            "num_pairs": num_pairs,
        }  # fmt: skip

        def loss_of_rows(picked: Tensor) -> Loss:
            right = self._response_logps(self.policy, batch.chosen, picked)
            wrong = self._response_logps(self.policy, batch.rejected, picked)
            numbers, is_tie = batch.number[picked], batch.is_tie[picked].to(device)
            ours, theirs = (side[numbers].to(device) for side in reference)
            one = [column[~is_tie] for column in (right, wrong, ours, theirs)]
            loss = dpo_loss(*one, **options).loss
            if bool(is_tie.any()):  # half a pair in each direction
                a, b, c, d = (column[is_tie] for column in (right, wrong, ours, theirs))
                loss = loss + 0.5 * (
                    dpo_loss(a, b, c, d, **options).loss + dpo_loss(b, a, d, c, **options).loss
                )
            if config.sft_coefficient:
                lengths = batch.chosen.is_target[picked].sum(dim=1).to(device)
                total = (right * lengths if config.length_normalised else right).sum()
                loss = loss - config.sft_coefficient * total / num_chosen
            return Loss(loss, _describe(right.detach(), wrong.detach(), ours, theirs, is_tie, config.beta))

        return loss_of_rows


def _describe(
    right: Tensor, wrong: Tensor, ours: Tensor, theirs: Tensor, is_tie: Tensor, beta: float
) -> dict[str, Tensor]:
    """Returns sums over the pairs, for ``merge_stats``; a tie counts as half right."""
    h = (right - ours) - (wrong - theirs)
    accuracy = torch.where(is_tie | (h == 0), 0.5, (h > 0).float())
    return {
        "accuracy": accuracy.sum(),
        "margin": beta * torch.where(is_tie, 0, h).sum(),
        "reward_chosen": beta * (right - ours).sum(),
        "reward_rejected": beta * (wrong - theirs).sum(),
        "logp_chosen": right.sum(),
        "logp_rejected": wrong.sum(),
        # The mean of log π_ref - log π: KL(π_ref || π) where the reference wrote the responses.
        "kl_forward": 0.5 * ((ours - right) + (theirs - wrong)).sum(),
        "num_tokens": torch.tensor(len(h), device=h.device),  # what the sums are divided by: pairs
    }


def _plain(logps: ReferenceLogps | None) -> list[Any] | None:
    return None if logps is None else [column.numpy() for column in logps]


def _unplain(state: Any) -> ReferenceLogps | None:
    if state is None:
        return None
    return ReferenceLogps(*(torch.from_numpy(np.array(column, np.float32)) for column in state))
