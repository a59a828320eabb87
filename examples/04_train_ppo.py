"""Trains a language model of your choice by PPO, in fifteen lines, and looks at what it says.

    python examples/04_train_ppo.py

Here a tiny model learns to repeat a word in some seconds; ``load_model`` takes any Hugging Face folder too.
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

env = gym.make_vec("lmgym/Echo-v0", num_envs=256, autoreset_mode="DISABLED")
policy = Policy(load_model("nano", tokenizer=env.tokenizer, context=32))
agent = LMAgent(policy, env.tokenizer)

demonstrations = TaskDemonstrations(env.task, tokenizer=env.tokenizer)
warm_up = SFTConfig(iterations=25, batch_rows=64, optimizer="muon", learning_rate=5e-3)
for _ in SFT(policy, demonstrations, warm_up).iterations():
    pass
print(f"after SFT: {evaluate(agent, env.task, split='train').success.mean:.0%}")

for update in PPO(policy, env, PPOConfig(iterations=40, optimizer="muon", learning_rate=2e-3)).iterations():
    if update.step % 10 == 0:
        print(f"PPO {update.step}: success {update.metrics['success']:.0%} while sampling")
print(f"after PPO: {evaluate(agent, env.task, split='train').success.mean:.0%}")
print(agent.respond(["ab>", "hg>"], max_new_tokens=5))
