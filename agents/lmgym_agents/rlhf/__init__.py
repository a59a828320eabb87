"""Reinforcement learning from feedback, from end to end: of people, language models or ground truth.

config        ``RLHFConfig``: every option
pipeline      ``run_rlhf(config)``: all stages in a run folder, resumable inside each of them
feedback      responses are collected and judged
proxy         the reward model
optimising    PPO, DPO, imitation of the best of n
measuring     gold, proxy, KL, length and variety
"""

from lmgym_agents.rlhf.config import RLHFConfig
from lmgym_agents.rlhf.pipeline import RLHFResult, run_rlhf

__all__ = ["RLHFConfig", "RLHFResult", "run_rlhf"]
