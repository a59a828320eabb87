"""DQN and PPO of Stable-Baselines3 on token environments, with a language model as their network.

What they are given beyond their defaults: the few actions that the task needs, undiscounted returns, and the
causal model as features. Everything else is theirs and can be set by keyword. Their heads are layers of their
own, drawn at random: for a policy that begins as the language model itself see ``sb3_kinds.make_algorithm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecMonitor
from transformers import PreTrainedModel

from lmgym.envs.token import TokenEnv
from lmgym_agents.baselines.sb3_features import LastHiddenFeatures
from lmgym_agents.baselines.sb3_vec_env import TokenVecEnv, make_token_vec_env
from lmgym_agents.tiny_models import PRESETS, make_tiny_model

A = TypeVar("A", bound=BaseAlgorithm)

DQN_DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 1e-3,
    "buffer_size": 50_000,
    "learning_starts": 1_000,
    "batch_size": 128,
    "gamma": 1.0,
    "train_freq": 1,
    "target_update_interval": 1_000,
    "exploration_fraction": 0.3,
    "exploration_final_eps": 0.02,
}
PPO_DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 1e-3,
    "n_steps": 64,
    "batch_size": 256,
    "n_epochs": 4,
    "gamma": 1.0,
    "ent_coef": 0.01,
}


def make_dqn(
    env_id: str,
    *,
    env_options: Mapping[str, Any] | None = None,
    model: PreTrainedModel | None = None,
    num_envs: int = 16,
    seed: int = 0,
    **settings: Any,
) -> DQN:
    """Returns a DQN that has learned nothing yet; ``.learn(total_timesteps)`` trains it, a step a token.

    Args:
        env_id: of a token environment.
        env_options: its further options.
        model: causal language model whose weights the network starts from; by default a fresh "nano".
        num_envs: environments stepped together.
        seed: of weights and exploration.
        **settings: of ``stable_baselines3.DQN``, in place of ``DQN_DEFAULTS``.
    """
    return _make(DQN, DQN_DEFAULTS, env_id, env_options, model, num_envs, seed, settings)


def make_ppo(
    env_id: str,
    *,
    env_options: Mapping[str, Any] | None = None,
    model: PreTrainedModel | None = None,
    num_envs: int = 16,
    seed: int = 0,
    **settings: Any,
) -> PPO:
    """Returns a PPO that has learned nothing yet; see ``make_dqn``."""
    return _make(PPO, PPO_DEFAULTS, env_id, env_options, model, num_envs, seed, settings)


def _make(
    algorithm: type[A],
    defaults: Mapping[str, Any],
    env_id: str,
    env_options: Mapping[str, Any] | None,
    model: PreTrainedModel | None,
    num_envs: int,
    seed: int,
    settings: Mapping[str, Any],
) -> A:
    envs = make_token_vec_env(env_id, num_envs, env_options)
    if model is None:
        model = make_tiny_model(
            envs.env.tokenizer.vocab_size, context=envs.env.context_length, seed=seed, **PRESETS["nano"]
        )
    policy: dict[str, Any] = {
        "features_extractor_class": LastHiddenFeatures,
        "features_extractor_kwargs": {"model": model},
        "net_arch": [128],
    }
    if algorithm is PPO:
        policy["ortho_init"] = False  # it would draw the weights of the language model anew
    given = {"policy_kwargs": policy, "device": "cpu", **defaults, **settings}
    return algorithm("MultiInputPolicy", VecMonitor(envs), seed=seed, **given)


def inner_env(env: Any) -> TokenEnv:
    """Returns the token environment inside all wrappers."""
    inner = env.unwrapped
    assert isinstance(inner, TokenEnv), type(inner)
    return inner


def tokens_of(algorithm: BaseAlgorithm) -> TokenVecEnv:
    """Returns the rows that the algorithm acts in, which know the token of each action."""
    env = algorithm.get_env()
    assert env is not None
    rows = env.unwrapped
    assert isinstance(rows, TokenVecEnv), type(rows)
    return rows
