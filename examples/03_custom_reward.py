"""Rewards of one's own: a plain function, one written for TRL, and arithmetic on rewards.

Run: python examples/03_custom_reward.py
"""

import gymnasium as gym

import lmgym  # noqa: F401  (registers the environments)
from lmgym.rewards import Correct, Format, Length, make_reward


# A plain function scores a batch of transcripts: the problem, the turns, and the task's verdict on them.
def near(transcripts):
    return [1.0 if t.verdict.status == "correct" else 0.5 * t.verdict.score for t in transcripts]


# A function written for Hugging Face TRL works unchanged; None means that it has nothing to say of a row.
def even(prompts, completions, **kwargs):
    return [float(text[-1] in "02468") if text.strip().isdigit() else None for text in completions]


# Rewards add up, and every part is reported under its name.
shaped = Correct() + 0.1 * Format() - 0.001 * Length() + 0.2 * make_reward(even)

for reward in (near, even, shaped):
    env = gym.make("lmgym/Math-v0", level=1, granularity="response", reward=reward)
    for response in ("12", "no idea"):
        env.reset(seed=0)  # 7+5=
        _, paid, *_, info = env.step(response)
        terms = {name: round(float(term), 3) for name, term in info["reward_terms"].items()}
        print(f"{response:8} reward {paid:6.3f}  terms {terms}  failed {info['reward_failed']}")
