"""``ilql``: records episodes of the model that everybody starts from, and learns from the records alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import gymnasium as gym
import numpy as np
from torch import nn

from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_generator, make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.ilql import ILQL
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.agents.imitation import FIRST_PROBLEM
from lmgym_agents.bench.agents.language_model import LanguageModelAgent, Spent, Start
from lmgym_agents.engine import Engine
from lmgym_agents.offline.trajectories import (
    ScriptEngine,
    Trajectories,
    Trajectory,
    from_rollout,
    make_source,
)
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import Support
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.rollout import Rollout, collect
from lmgym_agents.sampling import SamplingParams

MAX_ROWS: Final = 256
"""Episodes that are recorded at once."""


class RecordThenLearn:
    """First update: all the recording; then ILQL, update by update.

    The records are a pure function of the seed and the start, so a checkpoint does without them: a resumed
    run records again, in an environment that does not count.
    """

    def __init__(self, start: Start, config: ILQLConfig, own: Mapping[str, Any]) -> None:
        self.config = config
        self._start, self._own = start, own
        self.learner: ILQL | None = None
        """Once all is recorded."""
        self.model = QModel(start.policy, seed=config.seed % 2**63)
        self.num_read = 0
        """Tokens of the recorded demonstrations."""
        self._rows = max(1, min(MAX_ROWS, int(start.training.budget / (8 * start.tokens_per_episode))))

    @property
    def mean_row_tokens(self) -> float:
        """Mean length of the recorded rows."""
        assert self.learner is not None, "recorded first"
        return float(self.learner.data.lengths.float().mean())

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        return self.learner is not None and self.learner.iteration >= self.config.iterations

    def iterate(self) -> Update:
        """Records, or makes one update of ILQL."""
        if self.learner is not None:
            return self.learner.iterate()
        begun = time.perf_counter()
        data = self._record(self._start.training.make_env(self._rows))
        self._begin(data)
        metrics: dict[str, Any] = {
            "reward": float(data.returns.mean()), "episodes": len(data.episodes), "read": self.num_read
        }  # fmt: skip
        return Update(1, metrics, {"record_s": time.perf_counter() - begun})

    def state_dict(self) -> dict[str, Any]:
        """Returns the learner's state."""
        assert self.learner is not None, "recorded first"
        return self.learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Records once more, and goes back to the state of the learner."""
        training = self._start.training
        env = gym.make_vec(
            training.env_id, num_envs=self._rows, autoreset_mode="DISABLED", tokenizer=training.tokenizer,
            **training.options,
        )  # fmt: skip
        self._begin(self._record(cast("TokenVectorEnv", env)))
        assert self.learner is not None
        self.learner.load_state_dict(state)

    def _begin(self, data: Trajectories) -> None:
        # Q begins where the data earn: heads that start far off spend their first steps on a constant.
        self.model = QModel(
            self._start.policy, initial_value=float(data.returns.mean()), seed=self.config.seed % 2**63
        )
        self.learner = ILQL(self.model, data, self.config)

    def _record(self, env: TokenVectorEnv) -> Trajectories:
        """Returns episodes of the start, and of demonstrations, which together spend the budget."""
        training = self._start.training
        read_budget = int(self._own["demonstration_share"] * training.budget)
        episodes: list[Trajectory] = []
        acted, number = 0, 0
        params = SamplingParams(max_new_tokens=1, temperature=self._own["record_temperature"])
        while acted < training.budget - read_budget:
            rollout = collect(
                env, self._start.engine, params, seed=make_key(training.seed, "record", number),
                env_seed=make_key(training.seed, "record") if number == 0 else None,
            )  # fmt: skip
            acted += int(rollout.is_action.sum())
            number += 1
            episodes += from_rollout(rollout, split="train", actor="start", has_logps=True)
        self.num_read = 0
        number = 0
        while self.num_read < training.budget - acted:
            rollout = self._demonstrate(number)
            self.num_read += int(rollout.is_action.sum())
            number += 1
            episodes += from_rollout(rollout, split="train", actor="demonstrations", has_logps=False)
        source = make_source(env, training.env_id, training.options)
        return Trajectories(source=source, episodes=tuple(episodes))

    def _demonstrate(self, number: int) -> Rollout:
        training = self._start.training
        env = cast(
            "TokenVectorEnv",
            gym.make_vec(
                training.env_id, num_envs=self._rows, autoreset_mode="DISABLED", tokenizer=training.tokenizer,
                **training.options,
            ),
        )  # fmt: skip
        index = np.arange(number * self._rows, (number + 1) * self._rows) + FIRST_PROBLEM
        rng = make_generator(training.seed, "record", "demonstrations", number)
        turns = [env.task.demonstrations(p, rng) for p in env.task.problems("train", index.tolist())]
        engine = cast("Engine", ScriptEngine(turns, env.tokenizer))
        greedy = SamplingParams(max_new_tokens=1, temperature=0)
        return collect(env, engine, greedy, seed=0, problem_index=index, split="train")


class ILQLRecipe:
    """Three quarters of the budget are acted by the start at temperature 1, one quarter is read."""

    config_class = ILQLConfig
    own_options: Mapping[str, Any] = {
        "demonstration_share": 0.25, "record_temperature": 1.0, "acting_temperature": 0.1, "prior_top_p": 0.95
    }  # fmt: skip
    finishes_itself = True

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns about three passes over the records."""
        episodes = start.training.budget / start.tokens_per_episode
        return {
            "iterations": max(1, round(3 * episodes / 128)), "batch_rows": 128, "optimizer": "muon",
            "learning_rate": 2e-3, "schedule": "linear",
        }  # fmt: skip

    def make(self, start: Start, config: ILQLConfig, own: Mapping[str, Any]) -> Any:
        """Returns the two phases."""
        self._own = own
        return RecordThenLearn(start, config, own)

    def acting(self, algorithm: RecordThenLearn, start: Start) -> Agent:
        """Returns prior · exp(Q / temperature), or the start as long as nothing was learned."""
        if algorithm.learner is None or algorithm.learner.iteration == 0:
            return LMAgent(start.policy, start.tokenizer, engine=start.engine)
        return QAgent(
            algorithm.model, start.tokenizer, acting="prior", temperature=self._own["acting_temperature"],
            support=Support(top_p=self._own["prior_top_p"]),
        )  # fmt: skip

    def module(self, algorithm: RecordThenLearn) -> nn.Module:
        """Returns the policy with its Q heads."""
        return algorithm.model

    def spent(self, algorithm: RecordThenLearn, update: Update) -> Spent:
        """Counts the recording as one forward pass of whole rows."""
        metrics: Mapping[str, Any] = update.metrics
        if "read" in metrics:
            rows = metrics["episodes"]
            length = algorithm.mean_row_tokens
            return Spent(0, rows * length, 0, length, read_tokens=metrics["read"])
        length = metrics["num_tokens"] / algorithm.config.batch_rows
        return Spent(1 - metrics["skipped_steps"], 0, metrics["num_tokens"], length)

    def save(self, algorithm: RecordThenLearn, folder: Path, tokenizer: TextTokenizer) -> None:
        """Writes the Q model."""
        save_q_model(algorithm.model, folder, tokenizer)


def ilql(seed: int = 0, **options: Any) -> LanguageModelAgent:
    """Returns ILQL; options: those of ``ILQLConfig``, and how the records are made and Q acts."""
    return LanguageModelAgent(ILQLRecipe(), seed=seed, options=options)
