"""The subcommands of ``lmgym`` that need torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lmgym_agents.commands.bench import Bench, run_bench
from lmgym_agents.commands.check_agent import CheckAgent, run_check_agent
from lmgym_agents.commands.eval import Eval, run_eval
from lmgym_agents.commands.record import Record, run_record
from lmgym_agents.commands.report import ReportConfig, run_report
from lmgym_agents.commands.rlhf import RLHF, rlhf
from lmgym_agents.commands.search import Search, run_search
from lmgym_agents.commands.train import TrainPPO, TrainSFT, train_ppo, train_sft
from lmgym_agents.commands.train_dpo import TrainDPO, train_dpo
from lmgym_agents.commands.train_expert import TrainExpertIteration, train_expert
from lmgym_agents.commands.train_grpo import TrainGRPO, TrainREINFORCE, train_grpo
from lmgym_agents.commands.train_ilql import TrainILQL, train_ilql
from lmgym_agents.commands.train_prm import TrainPRM, train_prm
from lmgym_agents.commands.train_proposer import TrainProposer, train_proposer
from lmgym_agents.commands.train_q import TrainQ, train_q
from lmgym_agents.commands.train_reward_model import TrainRewardModel, train_reward_model
from lmgym_agents.commands.train_self_play import TrainSelfPlay, train_self_play
from lmgym_agents.commands.watch import Watch, run_watch

Subcommand = tuple[type, Callable[[Any], int | None]]

SUBCOMMANDS: Mapping[str, Subcommand | Mapping[str, Subcommand]] = {
    "train": {
        "ppo": (TrainPPO, train_ppo),
        "grpo": (TrainGRPO, train_grpo),
        "reinforce": (TrainREINFORCE, train_grpo),
        "sft": (TrainSFT, train_sft),
        "dpo": (TrainDPO, train_dpo),
        "prm": (TrainPRM, train_prm),
        "reward-model": (TrainRewardModel, train_reward_model),
        "ilql": (TrainILQL, train_ilql),
        "q": (TrainQ, train_q),
        "expert-iteration": (TrainExpertIteration, train_expert),
        "self-play": (TrainSelfPlay, train_self_play),
        "proposer": (TrainProposer, train_proposer),
    },
    "check-agent": (CheckAgent, run_check_agent),
    "eval": (Eval, run_eval),
    "bench": (Bench, run_bench),
    "record": (Record, run_record),
    "report": (ReportConfig, run_report),
    "rlhf": (RLHF, rlhf),
    "search": (Search, run_search),
    "watch": (Watch, run_watch),
}
"""By name: the configuration that the command line fills, and what is done with it."""
