"""An lmgym environment under Tianshou 2: its DQN learns a probe with a small network.

    python examples/12_tianshou.py

Needs Tianshou (pip install tianshou). Each action is one of the few tokens that the task needs; the
network adds up an embedding of each token at its place.
"""

import sys

import gymnasium as gym
import numpy as np
import torch
from tianshou.algorithm.modelfree.dqn import DQN, DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, CollectStats, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OffPolicyTrainerParams
from torch import nn

from lmgym_agents.baselines.sb3_actions import make_token_env

OPTIONS = {"length": 1, "alphabet": "cdef"}  # says a letter, which is to be repeated
NUM_ENVS = 8


class WithoutInfo(gym.Wrapper):
    """Says nothing beside observations: Tianshou's buffers take the gaps in infos for errors."""

    def reset(self, **options):
        return self.env.reset(**options)[0], {}

    def step(self, action):
        return *self.env.step(action)[:4], {}


def make_env() -> gym.Env:
    return WithoutInfo(make_token_env("lmgym/Echo-v0", OPTIONS))


class TokenNet(nn.Module):
    """Q values of the actions after rows of tokens."""

    def __init__(self, vocab_size: int, length: int, num_actions: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size * length, 32)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(32, num_actions))
        self.vocab_size, self.length = vocab_size, length

    def forward(self, obs, state=None, info=None):
        ids = torch.as_tensor(obs.input_ids).long()
        is_token = torch.as_tensor(obs.attention_mask).float()
        places = torch.arange(self.length) * self.vocab_size
        return self.head((self.table(ids + places) * is_token[..., None]).sum(1)), state


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # Tianshou explores and draws from its memory by numpy's own generator
    num_epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    env = make_env()
    ids = env.observation_space["input_ids"]
    policy = DiscreteQLearningPolicy(
        model=TokenNet(int(ids.high.max()) + 1, ids.shape[0], int(env.action_space.n)),
        action_space=env.action_space,
        observation_space=env.observation_space,
        eps_training=0.3,
        eps_inference=0.0,
    )
    algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=3e-3), gamma=1.0, target_update_freq=50)
    rows = [DummyVectorEnv([make_env] * NUM_ENVS) for _ in range(2)]
    for venv, seed in zip(rows, (0, 1000), strict=True):
        venv.seed(seed)
    training = Collector[CollectStats](
        algorithm, rows[0], VectorReplayBuffer(10_000, NUM_ENVS), exploration_noise=True
    )
    test = Collector[CollectStats](algorithm, rows[1], exploration_noise=False)
    before = test.collect(n_episode=32, reset_before_collect=True).returns_stat.mean
    print(f"before: {before:.0%} of episodes right")
    result = algorithm.run_training(
        OffPolicyTrainerParams(
            training_collector=training,
            test_collector=test,
            max_epochs=num_epochs,
            epoch_num_steps=400,
            collection_step_num_env_steps=NUM_ENVS * 2,
            test_step_num_episodes=32,
            batch_size=64,
            update_step_num_gradient_steps_per_sample=0.25,
            verbose=False,
            show_progress=False,
        )
    )
    print(f"after {result.train_step:,} tokens: {result.best_score:.0%} of episodes right")
    print("tianshou:", "learned" if result.best_score > 0.9 else "has not learned")
