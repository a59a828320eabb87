"""What a step of Q-learning minimises: soft Bellman residuals (logits as Q), or errors of Q heads.

In: a batch of replayed trajectories. Out: a function from row numbers to these rows' share of the loss, for
``accumulate_gradients``, and the rows' errors for the replay's priorities. Left out: playing, stepping.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.chunks import evaluate_in_chunks
from lmgym_agents.losses import Loss
from lmgym_agents.policy import Policy
from lmgym_agents.q.action_rows import ActionRows, find_actions, sum_rewards
from lmgym_agents.q.heads import make_target
from lmgym_agents.q.losses import conservative_loss, error_loss
from lmgym_agents.q.model import QEvaluation, QModel
from lmgym_agents.q.replay import ReplayBatch, ReplayRows
from lmgym_agents.q.soft_losses import group_means, path_sums, soft_residuals
from lmgym_agents.q.sums import logit_sums
from lmgym_agents.q.targets import best_actions, clip_targets, lambda_returns, n_step_returns, state_values

RowLoss = Callable[[Tensor], Loss]
_LOGPS, _NORMALISERS = "reference_logps", "reference_normalisers"


class LogitsObjective:
    """Soft Q-learning on the language head's logits; see ``q.soft_losses``."""

    def __init__(self, model: QModel, config: QLearningConfig) -> None:
        self._model, self._config = model, config
        self.online: nn.Module = model.policy
        self.needs_groups = config.variant == "path_consistency"
        uses_target = config.target != "none" and config.variant == "one_step"
        self.target: Policy | None = make_target(model.policy) if uses_target else None

    def prepare(self, rows: ReplayRows, token_budget: int) -> tuple[ReplayRows, dict[str, float]]:
        """Returns new rows with what the reference says of them, which never changes, and metrics."""
        assert self._model.reference is not None
        reference, device = self._model.reference, self._model.device

        def evaluate(picked: Tensor) -> tuple[Tensor, Tensor]:
            part, at = _place(rows, picked, device)
            with reference.frozen() as policy:
                found = logit_sums(policy, part.input_ids, at)
            width = rows.input_ids.shape[1] - part.input_ids.shape[1]
            zeros = torch.zeros(part.input_ids.shape, dtype=found.logps.dtype, device=found.logps.device)
            logps = zeros.masked_scatter(at.is_action, found.logps[at.has_action])
            normalisers = zeros.masked_scatter(at.is_state, found.normalisers[at.has_state])
            return nn.functional.pad(logps, (0, width)), nn.functional.pad(normalisers, (0, width))

        (logps, normalisers), _ = evaluate_in_chunks(evaluate, rows.lengths, token_budget)
        ratios = (rows.logp_behaviour - logps)[rows.is_action].double()
        metrics = {
            "kl_reference_k1": float(ratios.mean()),
            "kl_reference": float((ratios.neg().exp() - 1 + ratios).mean()),
        }
        return dataclasses.replace(rows, extras={_LOGPS: logps, _NORMALISERS: normalisers}), metrics

    def make_loss(self, batch: ReplayBatch, token_budget: int) -> tuple[RowLoss, Tensor]:
        """Returns the loss of some of the batch's rows, and errors float32[B], filled as it is called."""
        config, rows = self._config, batch.rows
        once = config.variant in ("trajectory", "tbrm", "path_consistency")
        num_actions = max(1.0, float(rows.is_action.sum()))
        denominator = float(len(rows)) if once else num_actions
        per_row = num_actions / len(rows)
        errors = torch.zeros(len(rows))
        baseline = self._baseline(rows, token_budget) if self.needs_groups else None

        def loss_of_rows(picked: Tensor) -> Loss:
            part, at = _place(rows, picked, self._model.device)
            terms = self._terms(part, at)
            found = soft_residuals(
                config.variant, **terms, beta=config.beta, gamma=config.gamma,
                baseline=None if baseline is None else baseline[picked].to(self._model.device),
                next_values=self._next_values(part, at, terms["reference_normalisers"]),
            )  # fmt: skip
            weights = batch.weights[picked].to(found.residuals)[:, None].expand_as(found.residuals)
            loss = error_loss(
                found.residuals, found.is_used, denominator, weights=weights, kind=config.error,
                huber_delta=config.huber_delta,
            )  # fmt: skip
            errors[picked] = _row_errors(found.residuals, found.is_used)
            with torch.no_grad():
                values = config.beta * (terms["normalisers"] - terms["reference_normalisers"])
                q = torch.where(at.has_action, values[:, :-1] + config.beta * terms["log_ratios"], 0)
                earned = terms["rewards"].sum(dim=1)
                stats = {
                    "td_error": loss.stats["td_error"] * (num_actions / denominator),
                    "td_error_max": loss.stats["td_error_max"],
                    "q": q.sum(),
                    "v": values[:, :-1][at.has_action].sum(),
                    "overestimation": (q[:, 0] - earned).sum() * per_row,
                    "log_ratio": terms["log_ratios"].sum(),
                    "num_tokens": at.has_action.sum(),
                }
            return Loss(loss.loss, stats)

        return loss_of_rows, errors

    def _terms(self, part: ReplayRows, at: ActionRows) -> dict[str, Any]:
        """Returns what ``soft_residuals`` needs of rows, with gradients."""
        device = self._model.device
        now = logit_sums(self._model.policy, part.input_ids, at)
        reference_logps = at.of_actions(part.extras[_LOGPS].to(device)[at.is_action])
        return {
            "rewards": sum_rewards(part.rewards.to(device), at, part.lengths.to(device)),
            "log_ratios": now.logps - reference_logps,
            "normalisers": now.normalisers,
            "reference_normalisers": at.of_states(part.extras[_NORMALISERS].to(device)[at.is_state]),
            "has_action": at.has_action,
            "has_state": at.has_state,
        }

    @torch.no_grad()
    def _next_values(self, part: ReplayRows, at: ActionRows, reference: Tensor) -> Tensor | None:
        if self.target is None:
            return None
        found = logit_sums(self.target, part.input_ids, at)
        return self._config.beta * (found.normalisers - reference)

    def _baseline(self, rows: ReplayRows, token_budget: int) -> Tensor:
        """Returns for each row the mean of its group's path sums."""
        config = self._config

        def evaluate(picked: Tensor) -> tuple[Tensor]:
            part, at = _place(rows, picked, self._model.device)
            terms = self._terms(part, at)
            gains = terms["rewards"] - config.beta * terms["log_ratios"]
            values = config.beta * (terms["normalisers"] - terms["reference_normalisers"])
            return (path_sums(gains, values, at.has_action, config.gamma)[:, 0],)

        (sums,), _ = evaluate_in_chunks(evaluate, rows.lengths, token_budget)
        return group_means(sums, rows.group)


class HeadsObjective:
    """Q(λ) with double Q and a target network on Q heads; see ``q.targets``."""

    needs_groups = False

    def __init__(self, model: QModel, config: QLearningConfig) -> None:
        self._model, self._config = model, config
        self.online: nn.Module = model
        self.target: QModel | None = None if config.target == "none" else make_target(model)

    def prepare(self, rows: ReplayRows, token_budget: int) -> tuple[ReplayRows, dict[str, float]]:
        """Returns new rows as they are, and no metrics."""
        return rows, {}

    def make_loss(self, batch: ReplayBatch, token_budget: int) -> tuple[RowLoss, Tensor]:
        """Returns the loss of some of the batch's rows, and errors float32[B], filled as it is called."""
        config, rows = self._config, batch.rows
        num_actions = max(1.0, float(rows.is_action.sum()))
        per_row = num_actions / len(rows)
        errors = torch.zeros(len(rows))

        def loss_of_rows(picked: Tensor) -> Loss:
            part, at = _place(rows, picked, self._model.device)
            ids = part.input_ids.to(self._model.device)
            now = self._model.evaluate_states(ids, part.lengths, at.is_state)
            acts = at.actions_among_states()
            actions = ids[at.is_action]
            rewards = sum_rewards(part.rewards.to(ids.device), at, part.lengths.to(ids.device))
            values, targets = self._targets(part, at, now, rewards, actions)
            taken = now.q[:, acts].gather(-1, actions[None, :, None].expand(len(now.q), -1, 1)).squeeze(-1)
            weight = batch.weights[picked].to(taken)[:, None].expand(at.has_action.shape)[at.has_action]
            options: dict[str, Any] = {"kind": config.error, "huber_delta": config.huber_delta}
            used = torch.ones_like(taken, dtype=torch.bool)
            of_q = error_loss(
                taken - targets, used, num_actions, weights=weight.expand_as(taken), **options
            )  # fmt: skip
            of_v = error_loss(
                now.values[acts] - values[acts], used[0], num_actions, weights=weight, **options
            )
            loss = of_q.loss + config.value_coefficient * of_v.loss
            logps = now.logits[acts].log_softmax(-1)
            imitation = -logps.gather(-1, actions[:, None]).squeeze(-1)
            if config.prior_coefficient:
                kept = self._imitation_weights(now, acts, targets, values)
                loss = loss + config.prior_coefficient * (kept * imitation).sum() / num_actions
            if config.conservative_coefficient:
                pessimism = conservative_loss(now.q[:, acts], actions, num_actions)
                loss = loss + config.conservative_coefficient * pessimism
            with torch.no_grad():
                error = at.of_actions((taken - targets).abs().mean(dim=0))
                errors[picked] = _row_errors(error, at.has_action)
                q = at.of_actions(taken.amin(dim=0))
                stats = {
                    "td_error": error.sum(),
                    "td_error_max": of_q.stats["td_error_max"],
                    "q": q.sum(),
                    "v": now.values[acts].sum(),
                    "overestimation": (q[:, 0] - rewards.sum(dim=1)).sum() * per_row,
                    "heads_gap": (taken.amax(dim=0) - taken.amin(dim=0)).sum(),
                    "prior_nll": imitation.sum(),
                    "num_tokens": at.has_action.sum(),
                }
            return Loss(loss, stats)

        return loss_of_rows, errors

    @torch.no_grad()
    def _imitation_weights(
        self, now: QEvaluation, acts: Tensor, targets: Tensor, values: Tensor
    ) -> Tensor | float:
        """Returns how much the prior is to learn of each action [N]."""
        config = self._config
        if config.imitation == "all":
            return 1.0
        if config.imitation == "best":
            return ((targets - values[acts]).clamp(max=0) / config.temperature).exp()
        # What is solved for certain gains nothing, so that it is not learned by heart.
        min_q = now.min_q[acts]
        acting = config.rule.logps("heads", min_q, now.logits[acts])
        return (targets - state_values("expected", target_q=min_q[None], acting_logps=acting)).clamp(min=0)

    @torch.no_grad()
    def _targets(
        self, part: ReplayRows, at: ActionRows, now: QEvaluation, rewards: Tensor, actions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns the value of each state [M] and the target of each action [N], constants."""
        config, online = self._config, now.q.detach()
        later = online
        if self.target is not None:
            ids = part.input_ids.to(self._model.device)
            later = self.target.evaluate_states(ids, part.lengths, at.is_state).q
        rule = config.rule
        excluded = rule.support.excluded(now.logits)
        values = state_values(
            config.backup, target_q=later, online_q=online if config.double else None,
            acting_logps=rule.logps("heads", online.amin(dim=0), now.logits.detach()),
            prior_logps=now.logits.detach().log_softmax(-1) if config.acting == "prior" else None,
            temperature=config.temperature, excluded=excluded,
        )  # fmt: skip
        shared: dict[str, Any] = {
            "rewards": rewards, "values": at.of_states(values), "has_action": at.has_action,
            "has_state": at.has_state, "gamma": config.gamma,
        }  # fmt: skip
        if config.n_step is not None:
            targets = n_step_returns(**shared, steps=config.n_step)
        else:
            acts = at.actions_among_states()
            is_greedy = None
            if config.trace == "watkins":
                allowed = None if excluded is None else excluded[acts]
                best = best_actions(online.amin(dim=0)[acts], allowed)
                is_greedy = at.of_actions(best == actions)
            targets = lambda_returns(**shared, lam=config.lam, is_greedy=is_greedy)
        low = -torch.inf if config.clip_low is None else config.clip_low
        high = torch.inf if config.clip_high is None else config.clip_high
        targets = clip_targets(targets, low, high)
        return clip_targets(values, low, high), targets[at.has_action]


def _place(rows: ReplayRows, picked: Tensor, device: torch.device) -> tuple[ReplayRows, ActionRows]:
    """Returns some rows, and where their actions and states are, on the device."""
    part = rows.select(picked)
    at = find_actions(part.is_action.to(device), part.lengths.to(device), part.truncated.to(device))
    return part, at


def _row_errors(errors: Tensor, is_used: Tensor) -> Tensor:
    """Returns the mean size of each row's errors, on the CPU."""
    total = errors.detach().abs().sum(dim=1) / is_used.sum(dim=1).clamp(min=1)
    return total.float().cpu()
