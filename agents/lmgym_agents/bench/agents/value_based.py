"""``q_learning`` and ``soft_q``: online Q-learning as agents of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent
from lmgym_agents.algorithms.q_learning import QLearning
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.agents.language_model import (
    LanguageModelAgent,
    Spent,
    Start,
    planned_updates,
    rows_for,
)
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel

_HEADS: Mapping[str, Any] = {
    "parametrisation": "heads", "target": "none", "double": False, "lam": 0.95, "top_k": 8
}  # fmt: skip
_LOGITS: Mapping[str, Any] = {"parametrisation": "logits", "beta": 0.1}


class QRecipe:
    """Q-learning from a replay, from the recipes of benchmarks/q_learning.py."""

    config_class = QLearningConfig
    finishes_itself = False

    def __init__(self, kind: Mapping[str, Any]) -> None:
        self.own_options: Mapping[str, Any] = {"num_envs": None}
        self._kind = kind

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns a run of about 40 rollouts, each row of which is learned from about twice."""
        own["num_envs"] = own["num_envs"] or rows_for(start, 40)
        return {
            "iterations": planned_updates(start, own["num_envs"]), "optimizer": "muon",
            "learning_rate": 2e-3, "replay_failed": 0.5, "updates": 8,
            "batch_rows": max(32, own["num_envs"] // 4), "weight_decay": 0.1, **self._kind,
        }  # fmt: skip

    def make(self, start: Start, config: QLearningConfig, own: Mapping[str, Any]) -> Any:
        """Returns Q-learning on rows of its own, with a Q model over the policy."""
        model = QModel(
            start.policy, kind=config.parametrisation, beta=config.beta, num_heads=config.num_heads,
            initial_value=config.initial_value, seed=config.seed % 2**63,
        )  # fmt: skip
        return QLearning(model, start.training.make_env(own["num_envs"]), config)

    def acting(self, algorithm: QLearning, start: Start) -> Agent:
        """Returns the action of the largest Q, among the likely ones where the config says so."""
        return QAgent(algorithm.model, start.tokenizer, support=algorithm.config.rule.support)

    def module(self, algorithm: QLearning) -> nn.Module:
        """Returns the policy with its Q heads."""
        return algorithm.model

    def spent(self, algorithm: QLearning, update: Update) -> Spent:
        """Counts generation, preparation and the target network as a forward pass each."""
        metrics: Mapping[str, Any] = update.metrics
        config, length = algorithm.config, metrics["num_tokens_row"]
        steps = int(metrics["optimizer_steps"])
        trained = steps * min(config.batch_rows, len(algorithm.replay)) * length
        has_second = algorithm.objective.target is not None
        return Spent(
            gradient_steps=steps,
            forward_tokens=2 * (metrics["episodes"] + metrics["failed_rows"]) * length
            + (trained if has_second else 0),
            trained_tokens=trained,
            row_tokens=length,
        )

    def save(self, algorithm: QLearning, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the Q model."""
        save_q_model(algorithm.model, folder, tokenizer)


def q_learning(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns Q-learning with heads; options: those of ``QLearningConfig``, and ``num_envs``."""
    return LanguageModelAgent(QRecipe(_HEADS), seed=seed, options=options)


def soft_q(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns Q-learning with the logits as Q; options: those of ``QLearningConfig``, and ``num_envs``."""
    return LanguageModelAgent(QRecipe(_LOGITS), seed=seed, options=options)
