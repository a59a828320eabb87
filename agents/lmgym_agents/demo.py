"""The main job in one command: a tiny language model learns two-digit addition, first by SFT, then by PPO.

    python -m lmgym_agents.demo --seed 1

A Llama-type model is warm-started on Math-v0's demonstrations until it solves about half of the problems;
PPO then learns the rest from nothing but right and wrong. Takes at most three minutes on two CPU cores.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from lmgym.cli import run_command
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.commands.train import EvaluationOptions, TrainPPO, train_ppo
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Trains a tiny language model on lmgym/Math-v0 by SFT and PPO, in about three minutes on two cores."""

    seed: int = 0
    """names every random choice; 0 to 4 are the ones whose results are recorded"""
    out: Path | None = None
    """folder of the run; none: the next free one of runs/demo-1, runs/demo-2 ..."""
    resume: bool = False
    """go on with the run in --out"""


def make_config(config: Demo) -> TrainPPO:
    """Returns the whole configuration of the demo, as `lmgym train ppo` takes it."""
    out = config.out or FolderOptions().choose("demo")
    return TrainPPO(
        env=EnvOptions(env="lmgym/Math-v0", level=2),
        # A second thread made so small a model many times slower where the cores were shared.
        model=ModelOptions(model="nano", device="cpu", threads=1),
        folder=FolderOptions(out=out, resume=config.resume),
        evaluation=EvaluationOptions(eval_splits=("test", "ood_digits")),
        num_envs=1024,
        warm_start=0.47,
        sft=SFTConfig(optimizer="muon", learning_rate=5e-3, warmup_iterations=5),
        ppo=PPOConfig(
            seed=config.seed,
            iterations=240,
            optimizer="muon",
            learning_rate=2e-3,
            value_coefficient=1.0,
            replay_failed=0.5,
        ),
    )


def main() -> int:
    """Runs the demo; returns the exit code."""
    config = tyro.cli(Demo, prog="python -m lmgym_agents.demo")
    console = Console(highlight=False)
    console.print("Two-digit addition, token by token: SFT to a middling level, then PPO on right and wrong.")
    return train_ppo(make_config(config))


if __name__ == "__main__":
    sys.exit(run_command(main))
