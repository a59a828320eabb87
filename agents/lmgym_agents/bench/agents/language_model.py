"""One agent for all algorithms that train a language model; what differs between them is a ``Recipe``.

The agent loads the model that everybody starts from, is measured with it, and then runs its algorithm on the
budget: updates are made until the budget is spent, and the learning rate's schedule, which counts updates,
ends where the budget does (after each update it is told how many updates the rest of the budget is good for).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.update import Update
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.flops import forward_flops
from lmgym_agents.models import load_policy
from lmgym_agents.policy import Policy

OFTEN_UNKNOWN = ("explained_variance",)
"""Metrics that are NaN where there is nothing to compute them from, which is no mistake."""


class Algorithm(Protocol):
    """What an agent runs: any of ``lmgym_agents.algorithms``."""

    config: Any
    is_done: bool

    def iterate(self) -> Update:
        """Makes one update."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Returns all that later updates depend on."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to such a state."""
        ...


@dataclass(frozen=True)
class Start:
    """What an algorithm begins with."""

    policy: Policy
    tokenizer: TextTokenizer
    engine: Engine
    training: BenchTraining
    tokens_per_episode: float
    """Mean number of tokens that a demonstration acts."""


@dataclass(frozen=True)
class Spent:
    """What an update cost."""

    gradient_steps: int
    forward_tokens: float
    """Tokens that went through the model without a gradient, those of prompts and of generation included."""
    trained_tokens: float
    """Tokens that went through it with a gradient, which costs three forward passes."""
    row_tokens: float
    """Mean length of their rows."""
    read_tokens: int = 0
    """Tokens of demonstrations."""
    acted_tokens: int = 0
    """Tokens that were acted in a search, which no environment has counted."""


class Recipe(Protocol):
    """How one algorithm is run as an agent of the benchmark."""

    config_class: type
    """A dataclass; its fields are options of the agent."""
    own_options: Mapping[str, Any]
    """Further options, with their defaults: None is chosen by ``choose``."""
    finishes_itself: bool
    """True: it ends when the algorithm's ``is_done`` says so; False: when the budget is spent."""

    def choose(self, start: Start, own: dict[str, Any]) -> dict[str, Any]:
        """Returns defaults of the config's fields; fills in what is None in ``own``."""
        ...

    def make(self, start: Start, config: Any, own: Mapping[str, Any]) -> Any: ...

    def acting(self, algorithm: Any, start: Start) -> Agent:
        """Returns how the trained model acts when it is measured."""
        ...

    def module(self, algorithm: Any) -> nn.Module:
        """Returns what was trained."""
        ...

    def spent(self, algorithm: Any, update: Update) -> Spent: ...

    def save(self, algorithm: Any, folder: Path, tokenizer: TextTokenizer) -> None: ...


class LanguageModelAgent:
    """A language model that learns by an algorithm; see the module."""

    granularity = "token"

    def __init__(self, recipe: Recipe, *, seed: int, options: Mapping[str, Any]) -> None:
        """Takes the options, which are those of the algorithm's config and the recipe's own.

        Raises:
            UnknownNameError: another option.
        """
        names = [field.name for field in dataclasses.fields(recipe.config_class) if field.name != "seed"]
        for name in options:
            if name not in names and name not in recipe.own_options:
                raise UnknownNameError(
                    f"option of {recipe.config_class.__name__}", name, [*names, *recipe.own_options]
                )
        self._recipe, self._seed = recipe, seed
        self._own = {name: options.get(name, value) for name, value in recipe.own_options.items()}
        self._given = {name: value for name, value in options.items() if name not in recipe.own_options}
        self._start: Start | None = None
        self._algorithm: Algorithm | None = None
        self._acting: Agent | None = None
        self.config: Mapping[str, Any] = dict(options)
        """All options, once training has begun."""

    def begin(self, training: BenchTraining) -> None:
        """Loads the model."""
        if training.model is None:
            raise InvalidValueError("this agent trains a language model; the entry names none.")
        policy = load_policy(training.model, device=training.device)
        engine = Engine(policy.model, max_rows=1024, pad_id=training.tokenizer.pad_id)
        env = training.make_env(1)
        data = TaskDemonstrations(env.task, seed=training.seed, tokenizer=env.tokenizer)
        mean = float(data.rows(0, 64).is_target.sum()) / 64
        self._start = Start(policy, training.tokenizer, engine, training, mean)
        self._acting = LMAgent(policy, training.tokenizer, engine=engine)

    def learn(self, training: BenchTraining) -> None:
        """Trains until the budget is spent."""
        assert self._start is not None, "begin comes first"
        own = dict(self._own)
        chosen = self._recipe.choose(self._start, own)
        config = self._recipe.config_class(**{**chosen, **self._given, "seed": training.seed})
        self.config = dataclasses.asdict(config) | own
        algorithm = self._recipe.make(self._start, config, own)
        self._algorithm = algorithm
        self._acting = self._recipe.acting(algorithm, self._start)
        state = training.restore()
        number = 0
        if state is not None:
            algorithm.load_state_dict(state["algorithm"])
            number = int(state["number"])
        goes_on = True
        while goes_on:
            if not self._recipe.finishes_itself:
                algorithm.config = self._rescheduled(config, number, training)
            update = algorithm.iterate()
            number += 1
            self._acting = self._recipe.acting(algorithm, self._start)
            has_budget = self._tell(training, algorithm, update, number)
            goes_on = not algorithm.is_done if self._recipe.finishes_itself else has_budget

    def act(self, observations: Any) -> Any:
        """Returns the next token of each row."""
        assert self._acting is not None, "begin comes first"
        return self._acting.act(observations)

    @property
    def acting(self) -> Agent | None:
        """What is measured."""
        return self._acting

    @property
    def records(self) -> Agent | None:
        """What token records are made of."""
        return self._acting

    @property
    def module(self) -> nn.Module | None:
        """What is trained."""
        if self._algorithm is None:
            return None if self._start is None else self._start.policy
        return self._recipe.module(self._algorithm)

    def save(self, folder: Path) -> None:
        """Writes the model in Hugging Face format."""
        assert self._start is not None and self._algorithm is not None, "learn comes first"
        self._recipe.save(self._algorithm, folder, self._start.tokenizer)

    def _rescheduled(self, config: Any, number: int, training: BenchTraining) -> Any:
        """Returns the config with as many updates as the budget is good for, judged by those made so far."""
        if number == 0 or training.num_tokens == 0 or "iterations" in self._given:
            return config
        planned = max(number + 1, round(number * training.budget / training.num_tokens))
        return dataclasses.replace(config, iterations=planned)

    def _tell(self, training: BenchTraining, algorithm: Algorithm, update: Update, number: int) -> bool:
        spent = self._recipe.spent(algorithm, update)
        training.charge(spent.acted_tokens)
        metrics = {
            name: None if name in OFTEN_UNKNOWN and value != value else value
            for name, value in update.metrics.items()
        }
        return training.advance(
            metrics,
            timing=update.timing,
            num_gradient_steps=spent.gradient_steps,
            flops=self._flops(spent),
            num_read_tokens=spent.read_tokens,
            state=lambda: {"algorithm": algorithm.state_dict(), "number": number},
        )

    def _flops(self, spent: Spent) -> float:
        assert self._start is not None
        config = self._start.policy.model.config.get_text_config()
        context = spent.row_tokens / 2
        flops: float = forward_flops(config, spent.forward_tokens + 3 * spent.trained_tokens, context)
        return flops


def rows_for(start: Start, updates: int, *, most: int = 1024, least: int = 16) -> int:
    """Returns how many episodes a rollout has if the budget is to be good for ``updates`` of them.

    A power of two, as all groups must be whole.
    """
    wanted = start.training.budget / (updates * start.tokens_per_episode)
    rows = least
    while rows < most and rows * 1.42 < wanted:
        rows *= 2
    return rows


def planned_updates(start: Start, rows: int) -> int:
    """Returns how many rollouts of ``rows`` episodes the budget is good for, as demonstrations are long."""
    return max(1, round(start.training.budget / (rows * start.tokens_per_episode)))
