"""``expert_iteration``: sample, keep what the verifier accepts, imitate it, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.expert_iteration import ExpertIteration
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_search import search_named
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.agents.language_model import LanguageModelAgent, Spent, Start
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.models import save_policy

ROUNDS: Final = 5
"""That the budget is good for, if responses are as long as demonstrations."""
MAX_ROUNDS: Final = 1000
PARTS: Final = 8
"""Of a round's search, after each of which the budget is looked at."""


class BudgetedExpert:
    """Expert iteration whose searches are charged to the budget, and end with it; lessons follow."""

    def __init__(self, expert: ExpertIteration, training: BenchTraining) -> None:
        self.expert, self.config, self._training = expert, expert.config, training

    @property
    def is_done(self) -> bool:
        """Whether the budget is spent and the last round's solutions are learned."""
        is_over = self.expert.iteration >= self.expert.num_iterations
        return is_over or (self._training.num_tokens >= self._training.budget and self._part == 0)

    @property
    def _part(self) -> int:
        """Which part of a round comes next; the first measurement comes before the first round."""
        return max(0, self.expert.iteration - 1) % self.config.updates_per_round

    def iterate(self) -> Update:
        """Makes one part of a round; once the budget is spent, the round's other searches are left out."""
        is_search = self.expert.iteration > 0 and 0 < self._part < self.config.num_searches
        if is_search and self._training.num_tokens >= self._training.budget:
            self.expert.iteration += self.config.num_searches - self._part
        return self.expert.iterate()

    def state_dict(self) -> dict[str, Any]:
        """Returns the expert's state."""
        return self.expert.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to a state of the expert."""
        self.expert.load_state_dict(state)


class ExpertRecipe:
    """ReST-EM that goes on from the last round's weights, as in benchmarks/expert_iteration.py."""

    config_class = ExpertIterationConfig
    own_options: Mapping[str, Any] = {}
    finishes_itself = True

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns rounds of equal parts of the budget, four samples a problem."""
        samples = 4
        problems = max(8, round(start.training.budget / (ROUNDS * samples * start.tokens_per_episode)))
        steps = max(4, round(problems * samples / 64))
        return {
            "preset": "rest_em", "restart": False, "rounds": MAX_ROUNDS, "samples": samples,
            "problems": problems, "problems_per_update": -(-problems // PARTS), "steps": steps,
            "steps_per_update": max(1, steps // 4), "batch_rows": 64, "optimizer": "muon",
            "learning_rate": 2e-3, "probe_problems": 16, "probe_samples": 2, "eval_split": "validation",
            "eval_problems": 16, "ood_splits": (),
        }  # fmt: skip

    def make(self, start: Start, config: ExpertIterationConfig, own: Mapping[str, Any]) -> Any:
        """Returns expert iteration on the entry's task."""
        env = start.training.make_env(1)
        budgets = ("max_new_tokens", "max_prompt_tokens", "max_episode_tokens")
        options = {name: start.training.options[name] for name in budgets if name in start.training.options}
        expert = ExpertIteration(
            start.policy, env.task, env.tokenizer, config, engine=start.engine, env_options=options,
            make_search=search_named(config.plan.search),
        )  # fmt: skip
        return BudgetedExpert(expert, start.training)

    def acting(self, algorithm: BudgetedExpert, start: Start) -> Agent:
        """Returns the policy, greedy."""
        return LMAgent(start.policy, start.tokenizer, engine=start.engine)

    def module(self, algorithm: BudgetedExpert) -> nn.Module:
        """Returns the policy."""
        return algorithm.expert.policy

    def spent(self, algorithm: BudgetedExpert, update: Update) -> Spent:
        """Counts the tokens that a search sampled as acted, and those of lessons as trained."""
        metrics: Mapping[str, Any] = update.metrics
        num_tokens = metrics.get("num_tokens", 0)
        if metrics["phase"] == "search":
            return Spent(0, num_tokens, 0, 0.0, acted_tokens=num_tokens)
        if metrics["phase"] == "learn":
            config = algorithm.config
            steps = min(config.steps_per_update, config.steps) - metrics.get("skipped_steps", 0)
            length = num_tokens / (config.batch_rows * max(1, steps))
            return Spent(max(0, steps), 0, num_tokens, length)
        return Spent(0, 0, 0, 0.0)

    def save(self, algorithm: BudgetedExpert, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the policy."""
        save_policy(algorithm.expert.policy, folder, tokenizer=tokenizer)


def expert_iteration(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns expert iteration; options: those of ``ExpertIterationConfig``."""
    return LanguageModelAgent(ExpertRecipe(), seed=seed, options=options)
