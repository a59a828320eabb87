"""The algorithms of Stable-Baselines3 and sb3-contrib that learn with a language model, by their names.

In: a name, a model, rows of an environment. Out: an algorithm, or its policy alone. sb3-contrib is imported
only where it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from transformers import PreTrainedModel

from lmgym.errors import MissingDependencyError, UnknownNameError
from lmgym_agents.baselines.sb3_vec_env import TokenVecEnv

_OWN: Final = "lmgym_agents.baselines.sb3_policies"
_CONTRIB: Final = "lmgym_agents.baselines.sb3_contrib_policies"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Where an algorithm and its policy are found."""

    algorithm: str
    """"module:Class"."""
    policy: str
    is_masked: bool = False
    """True: actions are the whole vocabulary, of which masks allow what the task needs."""
    is_actor_critic: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    "ppo": Kind(algorithm="stable_baselines3:PPO", policy=f"{_OWN}:LMActorCriticPolicy"),
    "a2c": Kind(algorithm="stable_baselines3:A2C", policy=f"{_OWN}:LMActorCriticPolicy"),
    "dqn": Kind(algorithm="stable_baselines3:DQN", policy=f"{_OWN}:LMQPolicy", is_actor_critic=False),
    "maskable-ppo": Kind(
        algorithm="sb3_contrib:MaskablePPO", policy=f"{_CONTRIB}:LMMaskablePolicy", is_masked=True
    ),
    "recurrent-ppo": Kind(algorithm="sb3_contrib:RecurrentPPO", policy=f"{_CONTRIB}:LMRecurrentPolicy"),
    "qr-dqn": Kind(
        algorithm="sb3_contrib:QRDQN", policy=f"{_CONTRIB}:LMQuantilePolicy", is_actor_critic=False
    ),
}


def make_algorithm(
    kind: str,
    envs: TokenVecEnv,
    model: PreTrainedModel,
    *,
    seed: int = 0,
    device: str = "cpu",
    policy_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> BaseAlgorithm:
    """Returns an algorithm that starts from ``model`` and has learned nothing yet.

    Args:
        kind: a name of ``KINDS``.
        envs: rows that it acts in, as they are.
        model: causal language model, copied.
        seed: of everything that the algorithm draws.
        device: of the networks.
        policy_options: of the policy class, such as ``share_weights`` or ``q_scale``.
        **settings: of the algorithm's class; undiscounted unless they hold ``gamma``.

    Raises:
        UnknownNameError: another ``kind``.
        MissingDependencyError: sb3-contrib is not installed.
    """
    found = find_kind(kind)
    given = {"gamma": 1.0, **settings}
    made: BaseAlgorithm = load_class(found.algorithm)(
        load_class(found.policy),
        envs,
        seed=seed,
        device=device,
        policy_kwargs={"model": model, "tokens": envs.tokens.tolist(), **(policy_options or {})},
        **given,
    )
    return made


def make_policy(
    kind: str,
    model: PreTrainedModel,
    tokens: Sequence[int],
    *,
    context_length: int,
    policy_options: Mapping[str, Any] | None = None,
) -> Any:
    """Returns the policy of an algorithm, for acting; arguments as in ``make_algorithm``."""
    vocab_size = model.get_output_embeddings().weight.shape[0]
    observation = spaces.Dict(
        {
            "input_ids": spaces.Box(0, vocab_size - 1, (context_length,), np.int32),
            "attention_mask": spaces.Box(0, 1, (context_length,), np.int8),
        }
    )
    return load_class(find_kind(kind).policy)(
        observation,
        spaces.Discrete(len(tokens)),
        lambda _: 0.0,
        model=model,
        tokens=tokens,
        **(policy_options or {}),
    )


def find_kind(name: str) -> Kind:
    """Returns the entry of ``KINDS``; raises UnknownNameError if there is none."""
    if name not in KINDS:
        raise UnknownNameError("algorithm of Stable-Baselines3", name, KINDS)
    return KINDS[name]


def load_class(where: str) -> Any:
    """Returns the class at "module:Class"; raises MissingDependencyError where it is of sb3-contrib."""
    module, _, name = where.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        if error.name is None or not error.name.startswith("sb3_contrib"):
            raise
        raise MissingDependencyError(
            f"{name} needs sb3-contrib, which is not installed: pip install 'lmgym[agents]'."
        ) from error
