"""Reward models: scores of responses, learned from preferences, and what can be done with them.

``ResponseScorer`` is the protocol; ``LMRewardModel``, ``EncoderRewardModel`` and ``RewardEnsemble`` are its
models, ``load_reward_model`` reads any of them from a folder, and ``LearnedReward`` makes a reward of one.
They are trained on ``PreferencePairs`` by ``lmgym_agents.algorithms.reward_model``.
"""

from lmgym_agents.reward_models.encoder import EncoderRewardModel, make_encoder_reward_model
from lmgym_agents.reward_models.ensemble import RewardEnsemble
from lmgym_agents.reward_models.lm import LMRewardModel, make_lm_reward_model
from lmgym_agents.reward_models.loading import load_reward_model
from lmgym_agents.reward_models.pairs import Pair, PreferencePairs, make_pairs, split_by_prompt
from lmgym_agents.reward_models.reward import LearnedReward, load_learned_reward
from lmgym_agents.reward_models.scorer import ResponseScorer, ScoreStatistics, measure_statistics

__all__ = [
    "EncoderRewardModel",
    "LMRewardModel",
    "LearnedReward",
    "Pair",
    "PreferencePairs",
    "ResponseScorer",
    "RewardEnsemble",
    "ScoreStatistics",
    "load_learned_reward",
    "load_reward_model",
    "make_encoder_reward_model",
    "make_lm_reward_model",
    "make_pairs",
    "measure_statistics",
    "split_by_prompt",
]
