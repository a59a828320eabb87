"""``lmgym train grpo`` and ``lmgym train reinforce``: the family of GRPO in a run folder, with a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.grpo import GRPO
from lmgym_agents.algorithms.grpo_config import GRPOConfig, preset_config
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.commands.train import EvaluationOptions, train_on_rollouts
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainGRPO:
    """Trains a language model by GRPO or one of its relatives (--preset) in an environment.

    The run's folder holds what that of `lmgym train ppo` holds. Ctrl-c saves and leaves; --resume goes on.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    evaluation: Annotated[EvaluationOptions, Flat] = field(default_factory=EvaluationOptions)
    num_envs: int = 1024
    """episodes in each rollout"""
    warm_start: float | None = None
    """first train on the task's demonstrations until this greedy rate of success on the validation split"""
    grpo: Annotated[GRPOConfig, Flat] = field(default_factory=GRPOConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    """options of the warm start"""

    def __post_init__(self) -> None:
        size = self.grpo.method.group_size
        if self.num_envs < 1 or self.num_envs % size:
            raise InvalidValueError(
                f"{type(self).__name__}.num_envs is {self.num_envs}; allowed: positive multiples of "
                f"group_size ({size})."
            )


@dataclass(frozen=True, kw_only=True)
class TrainREINFORCE(TrainGRPO):
    """Trains a language model by the plain policy gradient, with the batch's mean return as the baseline.

    It is `train grpo --preset reinforce`.
    """

    grpo: Annotated[GRPOConfig, Flat] = field(default_factory=lambda: preset_config("reinforce"))


def train_grpo(config: TrainGRPO) -> int:
    """Runs ``lmgym train grpo`` and ``lmgym train reinforce``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """

    def make(policy: Policy, env: TokenVectorEnv, engine: Engine, say: Callable[[str], None]) -> GRPO:
        return GRPO(policy, env, config.grpo, engine=engine, on_message=say)

    seed, iterations, preset = config.grpo.seed, config.grpo.iterations, config.grpo.preset
    return train_on_rollouts(config, make, name=preset, title=preset, seed=seed, iterations=iterations)
