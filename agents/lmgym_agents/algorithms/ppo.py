"""Proximal policy optimisation of a language model with a value head, from top to bottom.

    algorithm = PPO(policy, env, PPOConfig(iterations=50))
    for update in algorithm.iterations():
        print(update.step, update.metrics["success"])

One iteration: play one episode in every row, drop the rows whose reward failed, turn rewards (less the KL
penalty) and values into advantages, then some epochs of minibatches with clipped losses. Every random choice
is drawn from (seed, iteration, ...), so ``state_dict`` needs no generator and a restored run goes on bit for
bit. Sources of the details: Schulman et al. 2017; Ziegler et al. 2019; Huang et al. 2024 ("The N+
implementation details of RLHF with PPO"); Yu et al. 2025 (DAPO); Yue et al. 2025 (VAPO).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_generator, make_key
from lmgym_agents.accumulate import find_non_finite
from lmgym_agents.advantages import explained_variance, gae, length_adaptive_lambda, whiten
from lmgym_agents.algorithms.failed_problems import FailedProblems
from lmgym_agents.algorithms.minibatch_steps import take_steps
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.ppo_rewards import shape_rewards
from lmgym_agents.algorithms.rollout_logps import compare_with_reference, correct_sampler
from lmgym_agents.algorithms.sample_transcript import sample_metrics
from lmgym_agents.algorithms.statistics import describe_rollout, mean_of, update_rates
from lmgym_agents.algorithms.update import Update
from lmgym_agents.chunks import RowFunction, evaluate_in_chunks
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine
from lmgym_agents.kl import AdaptiveKL, FixedKL, kl_loss
from lmgym_agents.losses import (
    Loss,
    entropy_loss,
    loss_denominator,
    ppo_policy_loss,
    value_loss,
)
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Evaluation, Policy
from lmgym_agents.reference import Reference
from lmgym_agents.rollout import Rollout, collect


class Targets(NamedTuple):
    """What the losses learn from, all [B, L] on the CPU, for the B rows that did not fail."""

    is_action: Tensor
    advantages: Tensor
    returns: Tensor
    old_values: Tensor
    old_logps: Tensor
    reference_logps: Tensor | None
    weights: Tensor | None


class PPO:
    """Trains a policy in an environment; see the module and ``PPOConfig``."""

    def __init__(
        self,
        policy: Policy,
        env: TokenVectorEnv,
        config: PPOConfig,
        *,
        engine: Engine | None = None,
        reference: Reference | None = None,
        on_message: Callable[[str], None] | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed.
            env: one row for each episode of a rollout, ``autoreset_mode="DISABLED"``.
            config: the options.
            engine: samples from ``policy.model``; by default one of at most 1024 rows at once.
            reference: what the KL divergence is measured from; by default the policy as it is now.
            on_message: told in words what a user should know (memory ran out, a step was skipped).
            on_progress: called while responses are sampled.
        """
        self.policy, self.env, self.config = policy, env, config
        self.engine = engine or Engine(
            policy.model, max_rows=min(env.num_envs, 1024), pad_id=env.tokenizer.pad_id
        )
        self.reference = reference or Reference(policy)
        self.optimizer = PolicyOptimizer(
            policy,
            kind=config.optimizer,
            learning_rate=config.learning_rate,
            value_learning_rate=_first(config.value_learning_rate, config.learning_rate),
            betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        self.kl: FixedKL | AdaptiveKL = FixedKL(config.kl_coefficient)
        if config.kl_target is not None:
            self.kl = AdaptiveKL(config.kl_coefficient, config.kl_target, config.kl_horizon)
        self.failed = FailedProblems(config.max_replay if config.replay_failed else 0)
        self.iteration = 0
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)
        self._on_progress = on_progress

    # The run ------------------------------------------------------------------------------------------

    def iterations(self) -> Iterator[Update]:
        """Yields after each iteration; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one iteration.

        Raises:
            TooManyFailuresError: the reward failed on most episodes.
            OutOfMemoryError: not even one row fits into memory.
        """
        config = self.config
        start = time.perf_counter()
        rollout = self._collect()
        collected = time.perf_counter()
        valid = rollout.select(~rollout.failed)
        targets, metrics = self._make_targets(valid)
        prepared = time.perf_counter()
        metrics = describe_rollout(rollout, valid) | metrics | self._update(valid, targets)
        metrics |= sample_metrics(
            rollout, self.env.tokenizer, iteration=self.iteration, iterations=config.iterations
        )
        done = time.perf_counter()
        metrics["kl_coefficient"] = self.kl.coefficient
        if "kl_episode" in metrics and config.kl_coefficient > 0:
            self.kl.update(cast("float", metrics["kl_episode"]), len(valid.lengths))
        self.engine.weights_changed()
        self.iteration += 1
        timing = {
            "total_s": done - start, "rollout_s": collected - start, "generation_s": rollout.generation_s,
            "targets_s": prepared - collected, "update_s": done - prepared,
        }  # fmt: skip
        return Update(
            self.iteration, metrics, timing | update_rates(self.policy, rollout, valid, config.epochs, timing)
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors, arrays and plain values."""
        return {
            "iteration": self.iteration,
            "policy": self.policy.state_dict(),
            "reference": dict(self.reference.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "kl_coefficient": self.kl.coefficient,
            "token_budget": self.token_budget,
            "env": self.env.get_state(),
            "failed_problems": self.failed.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self.reference.load_state_dict(state["reference"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.kl.coefficient = float(state["kl_coefficient"])
        self.token_budget = int(state["token_budget"])
        self.env.set_state(state["env"])
        self.failed.restore(state["failed_problems"])
        self.iteration = int(state["iteration"])
        self.engine.weights_changed()

    # Rollout and targets ------------------------------------------------------------------------------

    def _collect(self) -> Rollout:
        config = self.config
        num_groups = self.env.num_envs // config.group_size
        rng = make_generator(config.seed, "ppo", self.iteration, "replay")
        # The first rollout must draw new problems in every row, as it seeds the stream.
        again = self.failed.sample(rng, int(config.replay_failed * num_groups) if self.iteration else 0)
        rollout = collect(
            self.env,
            self.engine,
            config.sampling,
            seed=make_key(config.seed, "ppo", self.iteration, "sampling"),
            env_seed=make_key(config.seed, "ppo", "problems") if self.iteration == 0 else None,
            group_size=config.group_size,
            again=again,
            on_progress=self._on_progress,
        )
        self.failed.update(rollout)
        return rollout

    def _make_targets(self, rollout: Rollout) -> tuple[Targets, dict[str, Any]]:
        config = self.config
        needs_logps = config.old_logps == "trainer"
        old = self._evaluate(rollout, need_logps=needs_logps)
        bootstrap = old.bootstrap_values(rollout.lengths)
        values, is_action = old.values[:, :-1], rollout.is_action
        old_logps, weights = rollout.logp_behaviour, None
        metrics: dict[str, Any] = {}
        if needs_logps:
            old_logps = old.logps
            weights, metrics = correct_sampler(
                rollout, old_logps, mode=config.importance, bound=config.importance_max
            )
        reference_logps, kl_metrics = self._compare_with_reference(rollout)
        rewards = shape_rewards(config, rollout, reference_logps, self.kl.coefficient)
        warming = self.iteration < config.value_warmup_iterations
        lam: float | Tensor = config.gae_lambda
        if config.length_adaptive_alpha is not None:
            lam = length_adaptive_lambda(rollout.num_actions, config.length_adaptive_alpha)
        advantages, returns = gae(
            rewards=rewards, values=values, is_action=is_action, lengths=rollout.lengths,
            terminated=rollout.terminated, bootstrap_values=bootstrap, gamma=config.gamma, lam=lam,
            lam_value=1.0 if warming else config.value_lambda,
        )  # fmt: skip
        metrics |= kl_metrics | {
            "explained_variance": explained_variance(values, returns, is_action),
            "value": mean_of(values, is_action),
            "return": mean_of(returns, is_action),
            "advantage_std": float(advantages[is_action].std()) if is_action.sum() > 1 else 0.0,
        }
        if config.whiten_advantages:
            advantages = whiten(advantages, is_action)
        if config.mask_overlong:
            is_action = is_action & rollout.stopped[:, None]
        targets = Targets(is_action, advantages, returns, values, old_logps, reference_logps, weights)
        return targets, metrics

    def _compare_with_reference(self, rollout: Rollout) -> tuple[Tensor | None, dict[str, Any]]:
        """Returns the reference's log-probs where they are needed, and KL metrics of all or some rows."""
        config = self.config
        if config.kl_coefficient == 0:
            rollout = rollout.select(torch.arange(min(config.kl_rows, len(rollout.lengths))))
        if not len(rollout.lengths):
            return None, {}

        logps, metrics = compare_with_reference(
            rollout, self.reference, temperature=config.temperature, in_chunks=self._in_chunks
        )
        return (logps if config.kl_coefficient > 0 else None), metrics

    def _evaluate(self, rollout: Rollout, *, need_logps: bool) -> Evaluation:
        def evaluate(rows: Tensor) -> tuple[Tensor, Tensor]:
            found = self.policy.evaluate(
                rollout.input_ids[rows], rollout.lengths[rows], is_action=rollout.is_action[rows],
                temperature=self.config.temperature, need_logps=need_logps,
            )  # fmt: skip
            return found.logps, found.values

        logps, values = self._in_chunks(evaluate, rollout)
        return Evaluation(logps, None, values)

    def _in_chunks(self, function: RowFunction, rollout: Rollout) -> tuple[Tensor, ...]:
        results, self.token_budget = evaluate_in_chunks(
            function, rollout.lengths, self.token_budget, on_message=self._say
        )
        return results

    # Update -------------------------------------------------------------------------------------------

    def _update(self, rollout: Rollout, targets: Targets) -> dict[str, Any]:
        config = self.config
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        metrics: dict[str, Any] = {"learning_rate": config.learning_rate * factor}
        acts = targets.is_action
        arrays = {"advantages": targets.advantages[acts], "returns": targets.returns[acts]}
        bad = find_non_finite(arrays)
        if bad is not None or not acts.any():
            # NaN must never reach the optimiser's moments; the iteration is lost and counted.
            reason = bad or "no action to learn from"
            self._say(f"The update of iteration {self.iteration} was skipped: {reason}.")
            return metrics | {"skipped_steps": config.epochs * config.minibatches, "skipped": reason}
        warming = self.iteration < config.value_warmup_iterations
        steps = take_steps(
            lambda chosen: self._make_loss(rollout, targets, chosen, warming), rollout.lengths,
            policy=self.policy, optimizer=self.optimizer, epochs=config.epochs,
            minibatches=config.minibatches, order=(config.seed, ("ppo", self.iteration, "order")),
            token_budget=self.token_budget, max_grad_norm=config.max_grad_norm, target_kl=config.target_kl,
            iteration=self.iteration, say=self._say,
            frozen=list(self.policy.model.parameters()) if warming else [],
        )  # fmt: skip
        self.token_budget = steps.token_budget
        return metrics | steps.metrics

    def _make_loss(
        self, rollout: Rollout, targets: Targets, chosen: Tensor, warming: bool
    ) -> Callable[[Tensor], Loss]:
        """Returns the loss of some of the rows ``chosen``, as a share of the loss of all of them."""
        config, device = self.config, self.policy.device
        width = rollout.input_ids.shape[1]
        denominator = loss_denominator(targets.is_action[chosen], config.aggregation, max_tokens=width)

        def loss_of_rows(rows: Tensor) -> Loss:
            picked = chosen[rows]
            is_action = targets.is_action[picked].to(device)
            shared: dict[str, Any] = {
                "is_action": is_action, "denominator": denominator, "aggregation": config.aggregation
            }  # fmt: skip
            now = self.policy.evaluate(
                rollout.input_ids[picked], rollout.lengths[picked], is_action=is_action,
                temperature=config.temperature, need_entropy=config.entropy_coefficient != 0,
            )  # fmt: skip
            old_logps = targets.old_logps[picked].to(device)
            of_value = value_loss(
                values=now.values[:, :-1], old_values=targets.old_values[picked].to(device),
                returns=targets.returns[picked].to(device), clip=config.value_clip, **shared,
            )  # fmt: skip
            of_policy = ppo_policy_loss(
                logp_policy=now.logps, logp_old=old_logps,
                advantages=targets.advantages[picked].to(device),
                clip_low=config.clip_low, clip_high=config.clip_high, dual_clip=config.dual_clip,
                weights=None if targets.weights is None else targets.weights[picked].to(device), **shared,
            )  # fmt: skip
            gap = torch.where(is_action, now.logps.detach() - old_logps, 0).abs().amax()
            stats = {**of_policy.stats, **of_value.stats, "log_ratio_abs_max": gap}
            loss = config.value_coefficient * of_value.loss
            if warming:
                return Loss(loss, stats)
            loss = loss + of_policy.loss
            if now.entropies is not None:
                bonus = entropy_loss(now.entropies, **shared)
                loss = loss + config.entropy_coefficient * bonus.loss
                stats |= {"policy_entropy": bonus.stats["entropy"]}
            if config.kl_in == "loss" and targets.reference_logps is not None:
                penalty = kl_loss(
                    logp_policy=now.logps, logp_reference=targets.reference_logps[picked].to(device),
                    logp_old=old_logps, kind=config.kl_estimator, **shared,
                )  # fmt: skip
                loss = loss + self.kl.coefficient * penalty.loss
                stats |= penalty.stats
            return Loss(loss, stats)

        return loss_of_rows


def _first(given: float | None, default: float) -> float:
    return default if given is None else given
