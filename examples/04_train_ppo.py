"""Trains a language model of your choice by PPO, in fifteen lines, and looks at what it says.

    python examples/04_train_ppo.py

Here a tiny model learns to repeat a word in some seconds; ``load_model`` takes any Hugging Face folder as well.
"""

import gymnasium as gym

import lmgym  # noqa: F401  (registers the environments)
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import Policy, load_model

env = gym.make_vec("lmgym/Echo-v0", num_envs=128, autoreset_mode="DISABLED")
policy = Policy(load_model("tiny", tokenizer=env.tokenizer, context=env.context_length))
agent = LMAgent(policy, env.tokenizer)

demonstrations = TaskDemonstrations(env.task, tokenizer=env.tokenizer)
for update in SFT(policy, demonstrations, SFTConfig(iterations=25, batch_rows=64)).iterations():
    pass
print(f"after SFT: {evaluate(agent, env.task, split='train').success.mean:.0%}")

for update in PPO(policy, env, PPOConfig(iterations=15, learning_rate=1e-3)).iterations():
    print(f"PPO {update.step}: success {update.metrics['success']:.0%} while sampling")
print(f"after PPO: {evaluate(agent, env.task, split='train').success.mean:.0%}")
print(agent.respond(["abc>", "hg>"], max_new_tokens=5))
