"""A tiny reward model learns what simulated raters want on Sentiment-v0, honest and careless ones."""

from __future__ import annotations

import pytest
import torch

from lmgym.chat_template import make_chat_tokenizer
from lmgym.preferences import Comparison, make_preferences
from lmgym.preferences.simulated import SimulatedAnnotator
from lmgym.records import Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.sentiment.task import Sentiment
from lmgym.tokenization import train_tokenizer
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.reward_models import PreferencePairs, make_lm_reward_model, make_pairs
from lmgym_agents.reward_models.evaluation import evaluate_scorer, measure_temperature

pytestmark = [pytest.mark.learning, pytest.mark.slow, pytest.mark.timeout(900)]

TASK = Sentiment(demonstration_quality=0.3)


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ask(annotator, split, count):
    """Returns pairs of the task's demonstrations, compared by the annotator."""
    comparisons = []
    for problem in TASK.problems(split, range(count)):
        rng = make_generator(0, "responses", split, problem.index)
        texts = tuple(TASK.demonstrations(problem, rng)[0] for _ in range(2))
        talks = tuple(Transcript(problem, (Turn("agent", text),), terminated=True) for text in texts)
        comparisons.append(Comparison(problem.prompt, texts, talks))
    return make_pairs(make_preferences(annotator, comparisons, now="2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_it_learns_what_noise_allows_and_knows_how_sure_it_is(noise):
    annotator = SimulatedAnnotator(TASK, noise=noise)
    train, validation, test = (
        ask(annotator, split, n) for split, n in (("train", 2400), ("validation", 400), ("test", 600))
    )
    # Words, not characters: a lexicon is what there is to learn.
    texts = [text for pair in train for text in (pair.prompt, pair.better, pair.worse)]
    tokenizer = make_chat_tokenizer(train_tokenizer(texts, 600))
    model = make_lm_reward_model("nano", tokenizer, max_tokens=48)
    config = RewardModelConfig(iterations=250, learning_rate=2e-3, evaluate_every=25, patience=4)
    training = RewardModelTraining(model, PreferencePairs(train), config, validation=validation)
    for _ in training.iterations():
        pass
    found = evaluate_scorer(model, test, temperature=measure_temperature(model, validation))
    # Whoever knew the truth would agree with one verdict in 1 - noise.
    assert found["accuracy"]["mean"] >= 0.9 * (1 - noise)
    assert found["gold"]["agreement"]["mean"] >= 0.9
    assert found["gold"]["labels"] == pytest.approx(1 - noise, abs=0.06)
    calibration = found["calibration_at_temperature"]
    assert calibration["ece_equal_mass"] <= calibration["ece_if_honest"] + 0.05
    assert found["order_change"] == 0.0
