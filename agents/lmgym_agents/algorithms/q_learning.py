"""Online Q-learning of a language model, token by token, from top to bottom.

    model = QModel(policy, kind="logits", beta=0.1)
    algorithm = QLearning(model, env, QLearningConfig(iterations=60))
    for update in algorithm.iterations():
        print(update.step, update.metrics["success"])

One iteration: play one episode in every row, put the rows whose reward did not fail into the replay, then
some optimiser steps, each on a batch of replayed trajectories. What a step learns is ``q_objectives``: soft
Bellman residuals for logits as Q, temporal-difference errors for Q heads. Every random choice is drawn from
(seed, iteration, ...), so ``state_dict`` needs no generator and a restored run goes on bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator, make_key
from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.failed_problems import FailedProblems
from lmgym_agents.algorithms.q_comparison import QComparison
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.q_objectives import HeadsObjective, LogitsObjective
from lmgym_agents.algorithms.sample_transcript import sample_metrics
from lmgym_agents.algorithms.statistics import describe_rollout, merge_minibatches, update_rates
from lmgym_agents.algorithms.update import Update
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.q.engine import make_q_engine, sampling_params
from lmgym_agents.q.heads import update_target
from lmgym_agents.q.model import QModel
from lmgym_agents.q.replay import Replay, make_replay_rows
from lmgym_agents.rollout import Rollout, collect


class QLearning:
    """Trains a Q model in an environment; see the module and ``QLearningConfig``."""

    def __init__(
        self,
        model: QModel,
        env: TokenVectorEnv,
        config: QLearningConfig,
        *,
        engine: Engine | None = None,
        on_message: Callable[[str], None] | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            model: is changed; of the kind that the config names.
            env: one row for each episode of a rollout, ``autoreset_mode="DISABLED"``.
            config: the options.
            engine: of ``make_q_engine``; by default one of at most 1024 rows at once, for ``config.rule``.
            on_message: told in words what a user should know (memory ran out, a step was skipped).
            on_progress: called while responses are sampled.

        Raises:
            InvalidValueError: the model is of another kind, or of another beta; or a diagnosis was asked for
                and the task does not know its optimal values.
        """
        if model.kind != config.parametrisation or (model.kind == "logits" and model.beta != config.beta):
            raise InvalidValueError(
                f"the model is a QModel(kind={model.kind!r}, beta={model.beta}), the config says "
                f"parametrisation={config.parametrisation!r} and beta={config.beta}: they must agree."
            )
        self.model, self.env, self.config = model, env, config
        self.engine = engine or make_q_engine(
            model, config.rule, max_rows=min(env.num_envs, 1024), pad_id=env.tokenizer.pad_id
        )
        head_rate = config.learning_rate if config.head_learning_rate is None else config.head_learning_rate
        self.optimizer = PolicyOptimizer(
            cast("Policy", model),  # all that an optimiser looks at is there
            kind=config.optimizer,
            learning_rate=config.learning_rate,
            value_learning_rate=head_rate,
            weight_decay=config.weight_decay,
        )
        make = LogitsObjective if model.kind == "logits" else HeadsObjective
        self.objective: LogitsObjective | HeadsObjective = make(model, config)
        self.replay = Replay(
            config.replay_rows, max_tokens=config.replay_tokens,
            priority_exponent=config.priority_exponent, importance_exponent=config.importance_exponent,
        )  # fmt: skip
        self.failed = FailedProblems(config.max_failed if config.replay_failed else 0)
        self.diagnosis = QComparison(model, env, config) if config.diagnose_every else None
        self.iteration, self.num_steps, self.num_actions = 0, 0, 0
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
        self.num_actions += int(rollout.is_action.sum())
        fresh = make_replay_rows(rollout, born=self.iteration)
        fresh, metrics = self.objective.prepare(fresh, self.token_budget)
        self.replay.add(fresh)
        prepared = time.perf_counter()
        metrics = describe_rollout(rollout, valid) | metrics | self._update()
        done = time.perf_counter()
        metrics["num_actions_total"] = self.num_actions
        metrics |= sample_metrics(
            rollout, self.env.tokenizer, iteration=self.iteration, iterations=config.iterations
        )
        self.engine.weights_changed()
        self.iteration += 1
        if self.diagnosis is not None and self.iteration % config.diagnose_every == 0:
            metrics |= self.diagnosis.measure()
        timing = {
            "total_s": done - start, "rollout_s": collected - start, "generation_s": rollout.generation_s,
            "targets_s": prepared - collected, "update_s": done - prepared,
        }  # fmt: skip
        rates = update_rates(self.model.policy, rollout, valid, 1, timing)
        return Update(self.iteration, metrics, timing | rates)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors, arrays and plain values."""
        reference, target = self.model.reference, self.objective.target
        return {
            "iteration": self.iteration,
            "num_steps": self.num_steps,
            "num_actions": self.num_actions,
            "model": self.model.state_dict(),
            "reference": {} if reference is None else dict(reference.state_dict()),
            "target": {} if target is None else target.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "replay": self.replay.state_dict(),
            "token_budget": self.token_budget,
            "env": self.env.get_state(),
            "failed_problems": self.failed.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.model.load_state_dict(state["model"])
        if self.model.reference is not None:
            self.model.reference.load_state_dict(state["reference"])
        if self.objective.target is not None:
            self.objective.target.load_state_dict(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.replay.load_state_dict(state["replay"])
        self.token_budget = int(state["token_budget"])
        self.env.set_state(state["env"])
        self.failed.restore(state["failed_problems"])
        self.iteration = int(state["iteration"])
        self.num_steps, self.num_actions = int(state["num_steps"]), int(state["num_actions"])
        self.engine.weights_changed()

    # Its parts ----------------------------------------------------------------------------------------

    def _collect(self) -> Rollout:
        config = self.config
        rng = make_generator(config.seed, "q", self.iteration, "failed")
        num_groups = self.env.num_envs // config.group_size
        # The first rollout must draw new problems in every row, as it seeds the stream.
        again = self.failed.sample(rng, int(config.replay_failed * num_groups) if self.iteration else 0)
        rollout = collect(
            self.env,
            self.engine,
            sampling_params(config.rule, max_new_tokens=1, stop_ids=()),
            seed=make_key(config.seed, "q", self.iteration, "sampling"),
            env_seed=make_key(config.seed, "q", "problems") if self.iteration == 0 else None,
            group_size=config.group_size,
            again=again,
            on_progress=self._on_progress,
        )
        self.failed.update(rollout)
        return rollout

    def _update(self) -> dict[str, Any]:
        config = self.config
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        metrics: dict[str, Any] = {"learning_rate": config.learning_rate * factor}
        stats: list[dict[str, float]] = []
        norms: list[float] = []
        skipped: list[str] = []
        ages: list[float] = []
        has_enough = len(self.replay) >= config.min_replay_rows
        for step in range(config.updates if has_enough else 0):
            rng = make_generator(config.seed, "q", self.iteration, "replay", step)
            batch = self.replay.sample(rng, config.batch_rows, whole_groups=self.objective.needs_groups)
            ages.append(float((self.iteration - batch.rows.born).double().mean()))
            loss_of_rows, errors = self.objective.make_loss(batch, self.token_budget)
            done = accumulate_gradients(
                loss_of_rows, batch.rows.lengths, self.token_budget, self.model.parameters(),
                on_message=self._say,
            )  # fmt: skip
            self.token_budget = done.token_budget
            result = optimizer_step(
                cast("torch.optim.Optimizer", self.optimizer),
                self.model.named_parameters(),
                loss=done.loss,
                max_grad_norm=config.max_grad_norm,
            )
            stats.append(done.stats | {"loss": done.loss})
            norms.append(result.grad_norm)
            self.replay.update(batch.places, errors)
            if result.skipped is not None:
                skipped.append(result.skipped)
                self._say(f"An optimiser step of iteration {self.iteration} was skipped: {result.skipped}.")
                continue
            self.num_steps += 1
            self._move_target()
        metrics |= merge_minibatches(stats)
        metrics |= {
            "grad_norm": sum(norms) / len(norms) if norms else 0.0,
            "optimizer_steps": len(norms) - len(skipped),
            "skipped_steps": len(skipped),
            "replay_rows": len(self.replay),
            "replay_age": sum(ages) / len(ages) if ages else 0.0,
            "replay_uses": float(self.replay.uses.double().mean()) if len(self.replay) else 0.0,
        }
        return metrics | ({"skipped": skipped[0]} if skipped else {})

    def _move_target(self) -> None:
        """Lets the target network follow, where there is one."""
        target, config = self.objective.target, self.config
        if target is None:
            return
        if config.target == "polyak":
            update_target(target, self.objective.online, config.target_rate)
        elif self.num_steps % config.target_every == 0:
            update_target(target, self.objective.online, 1.0)
