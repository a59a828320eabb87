"""The subcommands of ``lmgym`` that need torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lmgym_agents.eval_command import Eval, run_eval
from lmgym_agents.train_commands import TrainPPO, TrainSFT, train_ppo, train_sft
from lmgym_agents.train_prm_command import TrainPRM, train_prm

Subcommand = tuple[type, Callable[[Any], int | None]]

SUBCOMMANDS: Mapping[str, Subcommand | Mapping[str, Subcommand]] = {
    "train": {"ppo": (TrainPPO, train_ppo), "sft": (TrainSFT, train_sft), "prm": (TrainPRM, train_prm)},
    "eval": (Eval, run_eval),
}
"""By name: the configuration that the command line fills, and what is done with it."""
