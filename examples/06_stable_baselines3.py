"""An agent of another library: DQN of Stable-Baselines3 learns a probe, and is measured like any other.

    python examples/06_stable_baselines3.py

Its network is a small causal language model that reads the row of tokens, and its actions
are the few tokens that the task needs. A model of your own goes in as make_dqn(..., model=).
"""

import torch

from lmgym_agents.baselines.sb3_agent import SB3Agent
from lmgym_agents.baselines.sb3_models import make_dqn
from lmgym_agents.evaluation import evaluate

OPTIONS = {"length": 1, "alphabet": "cdef"}


def success(agent: SB3Agent) -> float:
    return evaluate(agent, "lmgym/Echo-v0", split="train", env_options=OPTIONS).success.mean


if __name__ == "__main__":
    torch.set_num_threads(1)
    dqn = make_dqn(
        "lmgym/Echo-v0",
        env_options=OPTIONS,
        learning_starts=200,
        batch_size=64,
        exploration_fraction=0.6,
        target_update_interval=200,
    )
    agent = SB3Agent(dqn)
    print(f"before: {success(agent):.0%}")
    dqn.learn(2500)
    print(f"after {dqn.num_timesteps:,} tokens: {success(agent):.0%}")
