"""``sft``: learning from as many tokens of demonstrations as others may act."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.agents.language_model import (
    LanguageModelAgent,
    Spent,
    Start,
    planned_updates,
)
from lmgym_agents.demonstrations import Rows, TaskDemonstrations
from lmgym_agents.models import save_policy

FIRST_PROBLEM: Final = 1 << 20
"""Index in the train split of the first demonstration; the warm start has read those from 0 on."""


class LaterDemonstrations:
    """Demonstrations of problems that the warm start has not seen."""

    def __init__(self, start: Start) -> None:
        env = start.training.make_env(1)
        seed = make_key(start.training.seed, "demonstrations")
        self._data = TaskDemonstrations(env.task, seed=seed, tokenizer=env.tokenizer)

    def rows(self, step: int, count: int) -> Rows:
        """Returns the rows of a step."""
        return self._data.rows(step + -(-FIRST_PROBLEM // count), count)


class SFTRecipe:
    """Supervised fine-tuning; reads, and never acts."""

    config_class = SFTConfig
    own_options: Mapping[str, Any] = {}
    finishes_itself = False

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns the warm start's recipe with a falling rate."""
        return {
            "iterations": planned_updates(start, 64), "batch_rows": 64, "optimizer": "muon",
            "learning_rate": 5e-3, "warmup_iterations": 10, "schedule": "linear",
        }  # fmt: skip

    def make(self, start: Start, config: SFTConfig, own: Mapping[str, Any]) -> Any:
        """Returns SFT on demonstrations of its own."""
        return SFT(start.policy, LaterDemonstrations(start), config)

    def acting(self, algorithm: SFT, start: Start) -> Agent:
        """Returns the policy, greedy."""
        return LMAgent(algorithm.policy, start.tokenizer, engine=start.engine)

    def module(self, algorithm: SFT) -> nn.Module:
        """Returns the policy."""
        return algorithm.policy

    def spent(self, algorithm: SFT, update: Update) -> Spent:
        """Counts the demonstrations' own tokens as read, whole rows as trained."""
        metrics: Mapping[str, Any] = update.metrics
        return Spent(
            gradient_steps=1 - metrics["skipped_steps"],
            forward_tokens=0,
            trained_tokens=metrics["num_tokens"],
            row_tokens=metrics["num_tokens"] / algorithm.config.batch_rows,
            read_tokens=metrics["num_targets"],
        )

    def save(self, algorithm: SFT, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the policy."""
        save_policy(algorithm.policy, folder, tokenizer=tokenizer)


def sft(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns SFT; options: those of ``SFTConfig``."""
    return LanguageModelAgent(SFTRecipe(), seed=seed, options=options)
