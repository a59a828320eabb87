"""Implicit Q-learning on recorded trajectories (ILQL), and its baselines on the same page.

    data = read_jsonl(Path("maze.jsonl"), tokenizer=tokenizer)
    model = QModel(policy, initial_value=data.returns.mean())
    for update in ILQL(model, data, ILQLConfig(iterations=400)).iterations():
        print(update.step, update.metrics["q_loss"])
    agent = QAgent(model, tokenizer, acting="prior", temperature=0.1)  # π_β · exp(Q / temperature)

No environment is asked: Q and V learn from the actions in the data alone, so pieces of mediocre episodes can
be joined into a good one. The language head learns to imitate the data and is the prior of acting.

Methods: "ilql"; "mc": the same with whole returns in the place of r + γ V(s'); "bc": imitation of all
episodes; "filtered_bc": imitation of the best. The last two leave the Q heads as they are.

Source: Snell et al. 2023, "Offline RL for natural language generation with implicit language Q-learning".
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym_agents.accumulate import accumulate_gradients, optimizer_step
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.algorithms.offline_data import action_steps, epoch_rows
from lmgym_agents.algorithms.update import Update
from lmgym_agents.errors import ResumeError, TrajectoryError
from lmgym_agents.losses import Loss
from lmgym_agents.offline.trajectories import Trajectories, to_rollout
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.q.heads import make_target, update_target
from lmgym_agents.q.ilql_losses import ilql_loss, taken, weighted_bc_loss
from lmgym_agents.q.model import QModel
from lmgym_agents.rollout import Rollout


class ILQL:
    """Trains a Q model on recorded trajectories; see the module and ``ILQLConfig``."""

    def __init__(
        self,
        model: QModel,
        data: Trajectories,
        config: ILQLConfig,
        *,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            model: of kind "heads"; is changed.
            data: of the model's tokenizer.
            config: the options.
            on_message: told in words what a user should know.

        Raises:
            InvalidValueError: the model has no Q heads.
            EmptyProblemSetError: no episode.
            TrajectoryError: episodes longer than the model's context, or token ids that it does not have.
        """
        if model.heads is None:
            raise InvalidValueError("ILQL needs a QModel of kind 'heads', got 'logits'.")
        if not data.episodes:
            raise EmptyProblemSetError("there is no episode to learn from; record some with lmgym record.")
        kept = data.best(config.best_share) if config.method == "filtered_bc" else data
        self.data = to_rollout(kept.episodes)
        _check_fit(self.data, model)
        self.model, self.config, self.heads = model, config, model.heads
        self.target_heads = make_target(model.heads)
        self.optimizer = PolicyOptimizer(
            cast("Policy", _Trained(model)),
            kind=config.optimizer,
            learning_rate=config.learning_rate,
            value_learning_rate=config.head_learning_rate or config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        self.iteration = 0
        self._digest = _digest(self.data)
        self.token_budget = config.max_tokens_per_micro_batch
        self._say = on_message or (lambda message: None)

    def iterations(self) -> Iterator[Update]:
        """Yields after each step; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one optimiser step, and moves the slow copies after it."""
        config, start = self.config, time.perf_counter()
        picked = epoch_rows(len(self.data.lengths), self.iteration, config.batch_rows, config.seed)
        batch = self.data.select(picked)
        factor = rate_factor(
            config.schedule, self.iteration, config.iterations,
            warmup=config.warmup_iterations, end=config.end_rate,
        )  # fmt: skip
        self.optimizer.set_rate(factor)
        denominator = max(1.0, float(batch.is_action.sum()))

        def loss_of_rows(rows: Tensor) -> Loss:
            return self._loss(batch.select(rows), denominator)

        done = accumulate_gradients(
            loss_of_rows, batch.lengths, self.token_budget, self.model.parameters(), on_message=self._say
        )
        self.token_budget = done.token_budget
        result = optimizer_step(
            cast("torch.optim.Optimizer", self.optimizer), self.model.named_parameters(),
            loss=done.loss, max_grad_norm=config.max_grad_norm,
        )  # fmt: skip
        if result.skipped is not None:
            self._say(f"Step {self.iteration} was skipped: {result.skipped}.")
        else:
            update_target(self.target_heads, self.heads, config.target_rate)
        self.iteration += 1
        num_tokens, seconds = int(batch.lengths.sum()), max(time.perf_counter() - start, 1e-9)
        metrics: dict[str, Any] = {
            "loss": done.loss,
            **done.stats,
            "learning_rate": config.learning_rate * factor,
            "grad_norm": result.grad_norm,
            "num_tokens": num_tokens,
            "num_actions": float(batch.is_action.sum(1).float().mean()),  # of an episode, as in rollouts
            "skipped_steps": int(result.skipped is not None),
        }
        return Update(
            self.iteration, metrics, {"update_s": seconds, "updated_tokens_per_s": num_tokens / seconds}
        )

    def _loss(self, batch: Rollout, denominator: float) -> Loss:
        """Returns the share of some rows in the batch's loss."""
        config, device = self.config, self.model.device
        steps = action_steps(batch)
        num_actions = len(steps.actions)
        width = int(batch.lengths.max())
        hidden = self.model.policy.hidden_states(batch.input_ids[:, :width].to(device))
        states = hidden[steps.rows.to(device), steps.columns.to(device)]
        steps = steps._replace(
            actions=steps.actions.to(device), rewards=steps.rewards.to(device),
            next_state=steps.next_state.to(device),
        )  # fmt: skip
        if config.method in ("bc", "filtered_bc"):
            logits = self.model.policy.output_logits(states[:num_actions]).float()
            unweighted = torch.zeros(num_actions, device=device)
            loss = weighted_bc_loss(logits, steps.actions, unweighted, denominator)
            count = torch.tensor(num_actions, device=device)
            return Loss(loss, {"bc_loss": loss.detach() * denominator, "num_tokens": count})
        found = self.model.read(states, None)
        with torch.no_grad():
            values = found.values.detach()
            slow = self.target_heads(states[:num_actions].detach())
            target_q = taken(slow.q, steps.actions).amin(0)
            if config.method == "mc":
                targets = steps.discounted_returns(values, config.gamma)
            else:
                targets = steps.rewards + config.gamma * steps.next_values(values)
        return ilql_loss(
            q=found.q[:, :num_actions], values=found.values[:num_actions], logits=found.logits[:num_actions],
            actions=steps.actions, targets=targets, target_q=target_q, denominator=denominator,
            expectile=config.expectile, q_weight=config.q_weight, value_weight=config.value_weight,
            cql_weight=config.cql_weight,
            bc_weight=config.bc_weight, bc_beta=config.bc_beta, max_bc_weight=config.max_bc_weight,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later steps depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "data": self._digest,
            "model": self.model.state_dict(),
            "target_heads": self.target_heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "token_budget": self.token_budget,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration.

        Raises:
            ResumeError: the run was begun with other trajectories.
        """
        if state["data"] != self._digest:
            raise ResumeError(
                "the run was begun with other trajectories; their file must stay as it is until the run ends."
            )
        self.model.load_state_dict(state["model"])
        self.target_heads.load_state_dict(state["target_heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration = int(state["iteration"])
        self.token_budget = int(state["token_budget"])


class _Trained:
    """A Q model in the shape that an optimiser of policies looks at: the heads count as value heads."""

    def __init__(self, model: QModel) -> None:
        self.model = model.policy.model
        self._all = model

    def parameters(self) -> Iterator[nn.Parameter]:
        """Every weight, those of the heads too."""
        yield from self._all.parameters()


def _digest(data: Rollout) -> str:
    """Returns the SHA-256 of everything in the episodes that is learned from."""
    total = hashlib.sha256()
    for tensor in (data.input_ids, data.lengths, data.is_action, data.rewards, data.terminated):
        total.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return total.hexdigest()


def _check_fit(data: Rollout, model: QModel) -> None:
    context = getattr(model.policy.model.config.get_text_config(), "max_position_embeddings", None)
    longest, largest = int(data.lengths.max()), int(data.input_ids.max())
    if context is not None and longest > context:
        raise TrajectoryError(
            f"an episode has {longest} tokens and the model's context is {context}; use a model with a "
            "longer context, or record shorter episodes."
        )
    if largest >= model.vocab_size:
        raise TrajectoryError(
            f"the episodes hold token {largest}; the model has {model.vocab_size}: it belongs to another "
            "tokenizer."
        )
