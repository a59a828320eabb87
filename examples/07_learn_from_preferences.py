"""Learns a reward from verdicts: a rater of your own, a reward model, an environment that pays it.

    python examples/07_learn_from_preferences.py

The rater here likes brief reviews; a person, a language model or a file of verdicts may stand in its place.
`lmgym rlhf` does all of it, and optimises a policy (docs/rlhf.md).
"""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np

import lmgym  # noqa: F401  (registers the environments)
from lmgym.preferences import Comparison, Judgement, make_preferences
from lmgym.preferences.record import utc_now
from lmgym.tasks.sentiment import Sentiment
from lmgym.tokenization import train_tokenizer
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.reward_models import (
    LearnedReward,
    PreferencePairs,
    make_lm_reward_model,
    make_pairs,
    measure_statistics,
    split_by_prompt,
)


class LikesBrief:
    """Ranks responses by their length, the shortest first."""

    name = "likes-brief"

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        found = []
        for comparison in comparisons:
            lengths = [len(response) for response in comparison.responses]
            found.append(Judgement(tuple(sorted(set(lengths)).index(length) for length in lengths)))
        return found


task, rng = Sentiment(), np.random.default_rng(0)
problems = task.problems("train", range(2000))
comparisons = [
    Comparison(problem.prompt, tuple(task.demonstrations(problem, rng)[0] for _ in range(2)))
    for problem in problems
]
preferences = make_preferences(LikesBrief(), comparisons, now=utc_now())
print(f"{len(preferences)} verdicts, such as {preferences[0].responses} -> {preferences[0].ranks}")

tokenizer = train_tokenizer([text for each in comparisons for text in (each.prompt, *each.responses)], 400)
train, held_out = split_by_prompt(make_pairs(preferences), (0.85, 0.15))
model = make_lm_reward_model("nano", tokenizer, max_tokens=96)
config = RewardModelConfig(iterations=100, learning_rate=3e-3)
for update in RewardModelTraining(model, PreferencePairs(train), config, validation=held_out).iterations():
    if update.step % 20 == 0:
        print(f"step {update.step}: {update.metrics['eval/accuracy']:.0%} of held-out pairs in order")

texts = [(pair.prompt, text) for pair in held_out for text in (pair.better, pair.worse)]
model.statistics = measure_statistics(model.score(*map(list, zip(*texts, strict=True))))
env = gym.make("lmgym/Sentiment-v0", granularity="response", tokenizer=tokenizer, reward=LearnedReward(model))
env.reset(seed=0)
_, brief, *_ = env.step(" good.")
env.reset(seed=0)
_, wordy, *_ = env.step(" rather good there, and the soup was quite warm and fresh again.")
print(f"brief {brief:+.1f}, wordy {wordy:+.1f}: {'learned' if brief > wordy else 'not learned'}")
