"""Plays one problem three ways: a whole response, token by token, and a batch of environments at once.

Run: python examples/01_play.py
"""

import gymnasium as gym
import numpy as np

import lmgym  # noqa: F401  (registers the environments)

# A whole response is one action, observations are text.
env = gym.make("lmgym/Math-v0", level=1, granularity="response")
prompt, info = env.reset(seed=0)
answer = str(sum(int(number) for number in prompt.rstrip("=").split("+")))
_, reward, terminated, truncated, info = env.step(answer)
print(f"{prompt}{answer}   reward {reward}, terms {info['reward_terms']}")

# A token is one action. The tokenizer is part of the environment; its end token ends the turn.
env = gym.make("lmgym/Math-v0", level=1)
observation, info = env.reset(seed=0)
tokenizer = env.unwrapped.tokenizer
for token in [*tokenizer.encode(answer), tokenizer.end_id]:
    observation, reward, terminated, truncated, info = env.step(token)
print(f"{info['num_actions']} tokens, the last one was paid {reward}; terminated: {terminated}")

# 1024 environments step as arrays. Random tokens make poor arithmetic.
envs = gym.make_vec("lmgym/Math-v0", num_envs=1024, level=1)
envs.reset(seed=0)
successes, episodes = 0, 0
for _ in range(8):
    _, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
    ended = terminated | truncated
    episodes += int(ended.sum())
    successes += int(np.sum(infos["success"][ended])) if ended.any() else 0
print(f"random tokens: {successes} of {episodes} episodes right")
