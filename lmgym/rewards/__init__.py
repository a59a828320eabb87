"""Rewards: batched functions from transcripts to numbers with named terms, and arithmetic on them."""

from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import TimeLimited, WeightedSum, paid
from lmgym.rewards.functions import FunctionReward, make_reward, per_transcript
from lmgym.rewards.scoring import score
from lmgym.rewards.step_cost import StepCost
from lmgym.rewards.terms import Correct, Format, Length, PartialCredit
from lmgym.rewards.trl import from_trl, to_trl, trl_dataset_rows

__all__ = [
    "Correct",
    "Format",
    "FunctionReward",
    "Length",
    "PartialCredit",
    "Pay",
    "Reward",
    "StepCost",
    "TimeLimited",
    "WeightedSum",
    "from_trl",
    "make_reward",
    "paid",
    "per_transcript",
    "score",
    "to_trl",
    "trl_dataset_rows",
]
