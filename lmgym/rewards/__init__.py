"""Rewards: batched functions from transcripts to numbers with named terms, and arithmetic on them."""

from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import TimeLimited, WeightedSum, bind, paid
from lmgym.rewards.functions import FunctionReward, make_reward, per_transcript
from lmgym.rewards.judged import Judged, WinRate
from lmgym.rewards.noisy import Noisy
from lmgym.rewards.scoring import score
from lmgym.rewards.step_cost import StepCost
from lmgym.rewards.steps import StepCorrect
from lmgym.rewards.terms import Correct, Format, Length, PartialCredit
from lmgym.rewards.text_quality import Crowding, Familiarity, Repetition, Vocabulary
from lmgym.rewards.timing import Retimed, at_end, at_step, at_turn
from lmgym.rewards.trl import from_trl, to_trl, trl_dataset_rows
from lmgym.rewards.utility import Utility
from lmgym.rewards.utility_parts import UtilityParts
from lmgym.rewards.wrappers import Clipped, Normalized, Shaped

__all__ = [
    "Clipped",
    "Correct",
    "Crowding",
    "Familiarity",
    "Format",
    "FunctionReward",
    "Judged",
    "Length",
    "Noisy",
    "Normalized",
    "PartialCredit",
    "Pay",
    "Repetition",
    "Retimed",
    "Reward",
    "Shaped",
    "StepCorrect",
    "StepCost",
    "TimeLimited",
    "Utility",
    "UtilityParts",
    "Vocabulary",
    "WeightedSum",
    "WinRate",
    "at_end",
    "at_step",
    "at_turn",
    "bind",
    "from_trl",
    "make_reward",
    "paid",
    "per_transcript",
    "score",
    "to_trl",
    "trl_dataset_rows",
]
