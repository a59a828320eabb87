"""Agents for the benchmark that learn by Stable-Baselines3 and sb3-contrib, their networks language models.

    lmgym bench --agents "sb3-ppo,sb3-dqn?learning_rate=1e-4"

Each begins as the language model that it is given, greedy among the tokens that the task needs, and learns in
``learn`` from environments that count its tokens. Results of a seed are the same in every run on a CPU. No
state of a training is given to the benchmark, as replay memories and the generators that Stable-Baselines3
draws from can't be put back exactly: a killed job begins again. Training ends when less of the budget is left
than the algorithm collects at a time.

In: options by keyword, a ``Training``. Out: agents of granularity "token". Left out: the algorithms, which
are theirs; their policies (``sb3_policies``, ``sb3_contrib_policies``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from lmgym.agent import Training
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.baselines.sb3_acting import Actor
from lmgym_agents.baselines.sb3_files import load_agent_policy, save_agent_policy
from lmgym_agents.baselines.sb3_kinds import find_kind, make_algorithm
from lmgym_agents.baselines.sb3_options import Options, read_options
from lmgym_agents.baselines.sb3_training import train
from lmgym_agents.baselines.sb3_vec_env import TokenVecEnv
from lmgym_agents.models import PRESETS, load_model, make_tiny_model


class SB3Learner:
    """An agent that learns by one of ``sb3_kinds.KINDS``; see the module.

    Args:
        kind: name of the algorithm.
        seed: of everything that is drawn.
        **options: see ``sb3_options``.

    Raises:
        UnknownNameError: no such algorithm or option.
        MissingDependencyError: an algorithm of sb3-contrib, which is not installed.
    """

    granularity: Literal["token", "response"] = "token"
    tokenizer: TextTokenizer
    """Of the model; from ``begin`` or ``load`` on."""

    def __init__(self, kind: str, *, seed: int = 0, **options: Any) -> None:
        self.kind, self.seed = kind, seed
        self.options: Options = read_options(kind, options)
        self._algorithm: BaseAlgorithm | None = None
        self._actor: Actor | None = None

    @property
    def config(self) -> dict[str, Any]:
        """All options, given or not."""
        return self.options.to_dict()

    @property
    def algorithm(self) -> BaseAlgorithm:
        """The algorithm of Stable-Baselines3; from ``begin`` on."""
        if self._algorithm is None:
            raise InvalidValueError(f"the agent sb3-{self.kind} has no algorithm before begin(training).")
        return self._algorithm

    @property
    def actor(self) -> Actor:
        """What acts; from ``begin`` or ``load`` on."""
        if self._actor is None:
            raise InvalidValueError(f"the agent sb3-{self.kind} has no weights before begin or load.")
        return self._actor

    @property
    def module(self) -> Any:
        """The policy of Stable-Baselines3, a torch module: what was trained."""
        return self.actor.policy

    def begin(self, training: Training) -> None:
        """Loads the model of ``training`` (a fresh "nano" if there is none) and makes the algorithm."""
        self.tokenizer = training.tokenizer
        is_masked = find_kind(self.kind).is_masked
        rows = training.make_env(self.options.num_envs, autoreset_mode="SAME_STEP", mask_actions=is_masked)
        envs = TokenVecEnv(rows, is_full_vocabulary=is_masked)
        if training.model is None:
            sizes = {"context": rows.context_length, **PRESETS["nano"]}
            model = make_tiny_model(self.tokenizer.vocab_size, seed=self.seed, **sizes)
        else:
            model = load_model(training.model, tokenizer=self.tokenizer)
        self._algorithm = make_algorithm(
            self.kind,
            envs,
            model,
            seed=make_key(self.seed, "stable-baselines3") % 2**31,
            device=training.device,
            policy_options=self.options.of_policy,
            **self.options.of_algorithm,
        )
        allowed = envs.action_masks()[0] if is_masked else None
        self._actor = Actor(
            self._algorithm.policy, envs.tokens, context_length=rows.context_length, allowed=allowed
        )

    def learn(self, training: Training) -> None:
        """Trains by the algorithm until the budget is spent; see the module."""
        if self._algorithm is None:
            self.begin(training)
        train(self.algorithm, training)

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the best token of each row, int64[B]."""
        return self.actor.act(observations)

    def save(self, folder: Path) -> None:
        """Writes the language model in Hugging Face format, and beside it what else acting takes."""
        save_agent_policy(self.actor, self.kind, self.options.of_policy, self.tokenizer, Path(folder))

    def load(self, folder: Path) -> None:
        """Takes up what ``save`` wrote; a training goes on from there, with a fresh optimizer and memory.

        Raises:
            ModelError: files that are damaged, or of another algorithm or model.
        """
        loaded, self.tokenizer = load_agent_policy(self.kind, Path(folder))
        if self._algorithm is None:
            self._actor = loaded
        else:
            self.actor.take_weights(loaded)


def sb3_ppo(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by PPO."""
    return SB3Learner("ppo", seed=seed, **options)


def sb3_a2c(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by A2C."""
    return SB3Learner("a2c", seed=seed, **options)


def sb3_dqn(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by DQN."""
    return SB3Learner("dqn", seed=seed, **options)


def sb3_maskable_ppo(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by MaskablePPO: every token is an action, which a mask may forbid."""
    return SB3Learner("maskable-ppo", seed=seed, **options)


def sb3_recurrent_ppo(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by RecurrentPPO: an LSTM runs over what the model makes of its tokens."""
    return SB3Learner("recurrent-ppo", seed=seed, **options)


def sb3_qr_dqn(*, seed: int = 0, **options: Any) -> SB3Learner:
    """Returns an agent that learns by QR-DQN."""
    return SB3Learner("qr-dqn", seed=seed, **options)
