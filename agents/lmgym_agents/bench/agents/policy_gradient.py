"""``ppo``, ``grpo`` and ``reinforce``: policy gradients as agents of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.grpo import GRPO
from lmgym_agents.algorithms.grpo_config import GRPOConfig
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.agents.language_model import (
    LanguageModelAgent,
    Spent,
    Start,
    planned_updates,
    rows_for,
)
from lmgym_agents.models import save_policy


class PPORecipe:
    """PPO with a value head: recipes of benchmarks/learning_suite.py, with epochs for a smaller budget."""

    config_class = PPOConfig
    own_options: Mapping[str, Any] = {"num_envs": None}
    finishes_itself = False

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns a run of about 60 rollouts."""
        own["num_envs"] = own["num_envs"] or rows_for(start, 60)
        return {
            "iterations": planned_updates(start, own["num_envs"]), "optimizer": "muon",
            "learning_rate": 1e-3, "epochs": 3, "value_coefficient": 1.0, "kl_rows": 0,
        }  # fmt: skip

    def make(self, start: Start, config: PPOConfig, own: Mapping[str, Any]) -> Any:
        """Returns PPO on rows of its own."""
        return PPO(start.policy, start.training.make_env(own["num_envs"]), config, engine=start.engine)

    def acting(self, algorithm: PPO, start: Start) -> Agent:
        """Returns the policy, greedy."""
        return LMAgent(algorithm.policy, start.tokenizer, engine=start.engine)

    def module(self, algorithm: PPO) -> nn.Module:
        """Returns the policy with its value head."""
        return algorithm.policy

    def spent(self, algorithm: PPO, update: Update) -> Spent:
        """Counts generation and old values as one forward pass each."""
        metrics: Mapping[str, Any] = update.metrics
        length, rows = metrics["num_tokens_row"], metrics["episodes"]
        config = algorithm.config
        reference_rows = rows if config.kl_coefficient > 0 else min(config.kl_rows, rows)
        return Spent(
            gradient_steps=int(metrics.get("optimizer_steps", 0)),
            forward_tokens=(2 * rows + metrics["failed_rows"] + reference_rows) * length,
            trained_tokens=config.epochs * rows * length,
            row_tokens=length,
        )

    def save(self, algorithm: PPO, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the policy."""
        save_policy(algorithm.policy, folder, tokenizer=tokenizer)


class GRPORecipe:
    """GRPO and its family, which have no value head; several rows answer each problem."""

    config_class = GRPOConfig
    finishes_itself = False

    def __init__(self, preset: str, **defaults: Any) -> None:
        self.own_options: Mapping[str, Any] = {"num_envs": None}
        self._defaults = {"preset": preset, "optimizer": "muon", "kl_rows": 0, **defaults}

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns a run of about 60 rollouts."""
        own["num_envs"] = own["num_envs"] or rows_for(start, 60)
        return {**self._defaults, "iterations": planned_updates(start, own["num_envs"])}

    def make(self, start: Start, config: GRPOConfig, own: Mapping[str, Any]) -> Any:
        """Returns GRPO on rows of its own."""
        return GRPO(start.policy, start.training.make_env(own["num_envs"]), config, engine=start.engine)

    def acting(self, algorithm: GRPO, start: Start) -> Agent:
        """Returns the policy, greedy."""
        return LMAgent(algorithm.policy, start.tokenizer, engine=start.engine)

    def module(self, algorithm: GRPO) -> nn.Module:
        """Returns the policy."""
        return algorithm.policy

    def spent(self, algorithm: GRPO, update: Update) -> Spent:
        """Counts generation as one forward pass, and the rows of informative groups as trained."""
        metrics: Mapping[str, Any] = update.metrics
        length, rows = metrics["num_tokens_row"], metrics["episodes"]
        reference_rows = rows if algorithm.method.kl_coefficient > 0 else min(algorithm.config.kl_rows, rows)
        return Spent(
            gradient_steps=int(metrics.get("optimizer_steps", 0)),
            forward_tokens=(rows + metrics["failed_rows"] + reference_rows) * length,
            trained_tokens=algorithm.config.epochs * metrics["learned_rows"] * length,
            row_tokens=length,
        )

    def save(self, algorithm: GRPO, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the policy."""
        save_policy(algorithm.policy, folder, tokenizer=tokenizer)


def grpo(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns GRPO; options: those of ``GRPOConfig``, and ``num_envs``, the episodes of a rollout."""
    recipe = GRPORecipe("grpo", learning_rate=5e-4, group_size=4)  # PPO's rate lost a third of the warm start
    return LanguageModelAgent(recipe, seed=seed, options=options)


def reinforce(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns REINFORCE with the batch's mean as its baseline; options as for GRPO."""
    return LanguageModelAgent(GRPORecipe("reinforce", learning_rate=2e-3), seed=seed, options=options)


def ppo(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns PPO; options: those of ``PPOConfig``, and ``num_envs``, the episodes of a rollout."""
    return LanguageModelAgent(PPORecipe(), seed=seed, options=options)
