"""A tiny reward model learns what simulated raters want of short strings, honest raters and careless ones."""

from __future__ import annotations

import pytest
import torch

from lmgym.preferences import Comparison, make_preferences
from lmgym.preferences.simulated import SimulatedAnnotator
from lmgym.seeding import make_generator
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.reward_models import PreferencePairs, make_lm_reward_model, make_pairs
from lmgym_agents.reward_models.evaluation import evaluate_scorer, measure_temperature

pytestmark = [pytest.mark.learning, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def count_letters(transcript):
    """The gold: an a is good, a b is bad."""
    return float(transcript.response.count("a") - transcript.response.count("b"))


def ask(annotator, part, count):
    """Returns pairs of random strings, compared by the annotator."""
    rng = make_generator(0, "strings", part)
    comparisons = []
    for number in range(count):
        texts = ("".join(rng.choice(list("abcdefgh "), size=rng.integers(4, 17))) for _ in range(2))
        comparisons.append(Comparison(f"Write ({part} {number}): ", tuple(texts)))
    return make_pairs(make_preferences(annotator, comparisons, now="2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_it_learns_what_noise_allows_and_knows_how_sure_it_is(noise):
    annotator = SimulatedAnnotator(count_letters, noise=noise)
    train, validation, test = (
        ask(annotator, part, n) for part, n in (("train", 2000), ("validation", 300), ("test", 600))
    )
    model = make_lm_reward_model("nano", CharTokenizer(), max_tokens=48)
    config = RewardModelConfig(iterations=80, evaluate_every=10)
    training = RewardModelTraining(model, PreferencePairs(train), config, validation=validation)
    for _ in training.iterations():
        pass
    found = evaluate_scorer(model, test, temperature=measure_temperature(model, validation))
    # Whoever knew the truth would agree with one verdict in 1 - noise.
    assert found["gold"]["labels"] == pytest.approx(1 - noise, abs=0.06)
    assert found["accuracy"]["mean"] >= 0.9 * found["gold"]["labels"]
    assert found["gold"]["agreement"]["mean"] >= 0.9
    calibration = found["calibration_at_temperature"]
    assert calibration["ece_equal_mass"] <= calibration["ece_if_honest"] + 0.06
    assert found["order_change"] == 0.0
