"""Group-relative policy optimisation of a language model and its family, from top to bottom.

    algorithm = GRPO(policy, env, GRPOConfig(iterations=50))
    for update in algorithm.iterations():
        print(update.step, update.metrics["success"])

One iteration: several rows answer each problem; rows whose reward failed are dropped, and so are groups whose
returns are all equal, which teach nothing; what a row earned is compared with its group, and some minibatches
follow with a clipped loss. There is no value function: nothing is bootstrapped where a budget cut an episode,
and an advantage is that of a whole episode (see ``group_advantages``). Every random choice is drawn from
(seed, iteration, ...), so ``state_dict`` needs no generator and a restored run goes on bit for bit.
Sources of the details: docs/algorithms/grpo.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_key
from lmgym_agents.accumulate import find_non_finite
from lmgym_agents.algorithms.grpo_config import GRPOConfig
from lmgym_agents.algorithms.grpo_rewards import shape_returns
from lmgym_agents.algorithms.minibatch_steps import take_steps
from lmgym_agents.algorithms.rollout_logps import compare_with_reference, correct_sampler
from lmgym_agents.algorithms.sample_transcript import sample_metrics
from lmgym_agents.algorithms.statistics import describe_rollout, update_rates
from lmgym_agents.algorithms.update import Update
from lmgym_agents.chunks import RowFunction, evaluate_in_chunks
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine
from lmgym_agents.group_advantages import estimate_advantages, is_informative
from lmgym_agents.kl import kl_loss
from lmgym_agents.losses import Loss, entropy_loss, loss_denominator, ppo_policy_loss, sequence_ratio_logps
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.reference import Reference
from lmgym_agents.rollout import Rollout, collect, join_rollouts


class Targets(NamedTuple):
    """What the loss learns from, all [B, L] on the CPU, for the B rows that are learned from."""

    is_action: Tensor
    advantages: Tensor
    old_logps: Tensor
    reference_logps: Tensor | None
    weights: Tensor | None


class GRPO:
    """Trains a policy in an environment; see the module and ``GRPOConfig``."""

    def __init__(
        self,
        policy: Policy,
        env: TokenVectorEnv,
        config: GRPOConfig,
        *,
        engine: Engine | None = None,
        reference: Reference | None = None,
        on_message: Callable[[str], None] | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed; its value head is not.
            env: one row for each episode of a rollout, ``autoreset_mode="DISABLED"``; the group's size
                divides their number.
            config: the options.
            engine: samples from ``policy.model``; by default one of at most 1024 rows at once.
            reference: what the KL divergence is measured from; by default the policy as it is now.
            on_message: told in words what a user should know (memory ran out, a step was skipped).
            on_progress: called while responses are sampled.
        """
        self.policy, self.env, self.config, self.method = policy, env, config, config.method
        self.engine = engine or Engine(
            policy.model, max_rows=min(env.num_envs, 1024), pad_id=env.tokenizer.pad_id
        )
        self.reference = reference or Reference(policy)
        self.optimizer = PolicyOptimizer(
            policy, kind=config.optimizer, learning_rate=config.learning_rate,
            value_learning_rate=config.learning_rate, betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_eps, weight_decay=config.weight_decay,
        )  # fmt: skip
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
        metrics = describe_rollout(rollout, valid)
        metrics |= sample_metrics(
            rollout, self.env.tokenizer, iteration=self.iteration, iterations=config.iterations
        )
        learned, of_groups = self._choose(valid)
        targets, of_targets = self._make_targets(learned, valid)
        prepared = time.perf_counter()
        metrics |= of_groups | of_targets | self._update(learned, targets)
        metrics["learned_rows"] = len(learned.lengths)
        done = time.perf_counter()
        self.engine.weights_changed()
        self.iteration += 1
        timing = {
            "total_s": done - start, "rollout_s": collected - start, "generation_s": rollout.generation_s,
            "targets_s": prepared - collected, "update_s": done - prepared,
        }  # fmt: skip
        rates = update_rates(self.policy, rollout, learned, config.epochs, timing)
        return Update(self.iteration, metrics, timing | rates)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors, arrays and plain values."""
        return {
            "iteration": self.iteration,
            "policy": self.policy.state_dict(),
            "reference": dict(self.reference.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
            "env": self.env.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self.reference.load_state_dict(state["reference"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.token_budget = int(state["token_budget"])
        self.env.set_state(state["env"])
        self.iteration = int(state["iteration"])
        self.engine.weights_changed()

    # Rollout and targets ------------------------------------------------------------------------------

    def _collect(self) -> Rollout:
        """Returns one rollout, or with dynamic sampling as many as it takes to fill the batch, joined."""
        config, method = self.config, self.method
        parts: list[Rollout] = []
        limit = config.max_sampling_rounds if method.uniform_groups == "resample" else 1
        found = 0
        while len(parts) < limit and found < self._num_groups:
            is_first = self.iteration == 0 and not parts
            part = collect(
                self.env,
                self.engine,
                config.sampling,
                seed=make_key(config.seed, "grpo", self.iteration, "sampling", len(parts)),
                env_seed=make_key(config.seed, "grpo", "problems") if is_first else None,
                group_size=method.group_size,
                on_progress=self._on_progress,
            )
            parts.append(part)
            found += len(part.group[is_informative(part.returns, part.group, ~part.failed)].unique())
        return join_rollouts(parts) if len(parts) > 1 else parts[0]

    @property
    def _num_groups(self) -> int:
        return self.env.num_envs // self.method.group_size

    def _choose(self, valid: Rollout) -> tuple[Rollout, dict[str, Any]]:
        """Returns the rows that are learned from, and how many groups were not.

        Whether a group is uniform is asked of what the environment paid, before penalties. A return that is
        not finite keeps all rows in, so that it is found and named.
        """
        group, size = valid.group, self.method.group_size
        if size == 1:
            return valid, {}
        informative = is_informative(valid.returns, group, torch.ones_like(group, dtype=torch.bool))
        teaching = group[informative].unique()
        num_groups = len(group.unique())
        metrics = {"groups": num_groups, "informative_groups": len(teaching)}
        if self.method.uniform_groups == "resample":
            metrics["sampling_rounds"] = -(-(int(group.max()) + 1) // self._num_groups)
            metrics["surplus_groups"] = max(0, len(teaching) - self._num_groups)
        if self.method.uniform_groups == "keep" or not bool(valid.returns.isfinite().all()):
            return valid, metrics | {"dropped_groups": 0}
        rows = torch.isin(group, teaching[: self._num_groups])
        return valid.select(rows), metrics | {"dropped_groups": num_groups - len(teaching)}

    def _make_targets(self, rollout: Rollout, valid: Rollout) -> tuple[Targets | None, dict[str, Any]]:
        """Returns what the rows of ``rollout`` learn from (None: there are none), and metrics."""
        config, method = self.config, self.method
        compared = rollout
        if method.kl_coefficient == 0:
            compared = valid.select(torch.arange(min(config.kl_rows, len(valid.lengths))))
        reference_logps, metrics = None, dict[str, Any]()
        if len(compared.lengths):
            reference_logps, metrics = compare_with_reference(
                compared, self.reference, temperature=config.temperature, in_chunks=self._in_chunks
            )
        if not len(rollout.lengths):
            return None, metrics
        reference_logps = reference_logps if method.kl_coefficient > 0 else None
        old_logps, weights = rollout.logp_behaviour, None
        if config.old_logps == "trainer":
            old_logps = self._trainer_logps(rollout)
            weights, of_sampler = correct_sampler(
                rollout, old_logps, mode=config.importance, bound=config.importance_max
            )
            metrics |= of_sampler
        rewards = shape_returns(
            config, rollout, reference_logps, max_new_tokens=self.env.max_new_tokens
        )  # fmt: skip
        advantages = estimate_advantages(
            rewards=rewards, is_action=rollout.is_action, group=rollout.group, kind=method.advantages
        )
        is_action = rollout.is_action
        metrics["advantage_std"] = float(advantages[is_action].std()) if is_action.sum() > 1 else 0.0
        if method.overlong == "mask":
            is_action = is_action & rollout.stopped[:, None]
        return Targets(is_action, advantages, old_logps, reference_logps, weights), metrics

    def _trainer_logps(self, rollout: Rollout) -> Tensor:
        def evaluate(rows: Tensor) -> tuple[Tensor]:
            found = self.policy.evaluate(
                rollout.input_ids[rows], rollout.lengths[rows], is_action=rollout.is_action[rows],
                temperature=self.config.temperature, need_values=False,
            )  # fmt: skip
            return (found.logps,)

        return self._in_chunks(evaluate, rollout)[0]

    def _in_chunks(self, function: RowFunction, rollout: Rollout) -> tuple[Tensor, ...]:
        results, self.token_budget = evaluate_in_chunks(
            function, rollout.lengths, self.token_budget, on_message=self._say
        )
        return results

    # Update -------------------------------------------------------------------------------------------

    def _update(self, rollout: Rollout, targets: Targets | None) -> dict[str, Any]:
        config, method = self.config, self.method
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        metrics: dict[str, Any] = {"learning_rate": config.learning_rate * factor}
        if targets is None or not targets.is_action.any():  # usual once everything is solved
            return metrics | {"skipped_steps": 0, "optimizer_steps": 0, "skipped": "nothing to learn from"}
        bad = find_non_finite(
            {"rewards": rollout.rewards, "advantages": targets.advantages[targets.is_action]}
        )
        if bad is not None:
            # NaN must never reach the optimiser's moments; the iteration is lost and counted.
            self._say(f"The update of iteration {self.iteration} was skipped: {bad}.")
            skipped = config.epochs * method.minibatches
            return metrics | {"skipped_steps": skipped, "optimizer_steps": 0, "skipped": bad}
        steps = take_steps(
            lambda chosen: self._make_loss(rollout, targets, chosen), rollout.lengths,
            policy=self.policy, optimizer=self.optimizer, epochs=config.epochs,
            minibatches=method.minibatches, order=(config.seed, ("grpo", self.iteration, "order")),
            token_budget=self.token_budget, max_grad_norm=config.max_grad_norm, target_kl=config.target_kl,
            iteration=self.iteration, say=self._say,
        )  # fmt: skip
        self.token_budget = steps.token_budget
        return metrics | steps.metrics

    def _make_loss(self, rollout: Rollout, targets: Targets, chosen: Tensor) -> Callable[[Tensor], Loss]:
        """Returns the loss of some of the rows ``chosen``, as a share of the loss of all of them."""
        config, method, device = self.config, self.method, self.policy.device
        denominator = loss_denominator(
            targets.is_action[chosen], method.aggregation, max_tokens=self.env.max_new_tokens
        )

        def loss_of_rows(rows: Tensor) -> Loss:
            picked = chosen[rows]
            is_action = targets.is_action[picked].to(device)
            shared: dict[str, Any] = {
                "is_action": is_action, "denominator": denominator, "aggregation": method.aggregation
            }  # fmt: skip
            now = self.policy.evaluate(
                rollout.input_ids[picked], rollout.lengths[picked], is_action=is_action,
                temperature=config.temperature, need_entropy=config.entropy_coefficient != 0,
                need_values=False,
            )  # fmt: skip
            old_logps = targets.old_logps[picked].to(device)
            logps = now.logps
            if method.ratio == "sequence":
                logps = sequence_ratio_logps(now.logps, old_logps, is_action)
            loss, stats = ppo_policy_loss(
                logp_policy=logps, logp_old=old_logps, advantages=targets.advantages[picked].to(device),
                clip_low=method.clip_low, clip_high=method.clip_high, dual_clip=method.dual_clip or None,
                weights=None if targets.weights is None else targets.weights[picked].to(device), **shared,
            )  # fmt: skip
            gap = torch.where(is_action, now.logps.detach() - old_logps, 0).abs().amax()
            stats["log_ratio_abs_max"] = gap
            if now.entropies is not None:
                bonus = entropy_loss(now.entropies, **shared)
                loss = loss + config.entropy_coefficient * bonus.loss
                stats["policy_entropy"] = bonus.stats["entropy"]
            if method.kl_in == "loss" and targets.reference_logps is not None:
                penalty = kl_loss(
                    logp_policy=now.logps, logp_reference=targets.reference_logps[picked].to(device),
                    logp_old=old_logps, kind=method.kl_estimator, **shared,
                )  # fmt: skip
                loss = loss + method.kl_coefficient * penalty.loss
                stats |= penalty.stats
            return Loss(loss, stats)

        return loss_of_rows
