"""PPO from scratch on probes of known optimum, paid by nothing but right and wrong."""

from __future__ import annotations

import hashlib

import pytest
import tokenizers
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.tasks.probes import Count, Delayed, Echo
from lmgym.tokenization import HFTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy

pytestmark = pytest.mark.learning


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_tokenizer(letters):
    """Knows these letters alone, so that a fresh model says something right now and then."""
    vocabulary = {token: i for i, token in enumerate(["<end>", "<unk>", *letters])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def train(task, letters, seed, *, layers=1, iterations=50, reward="correct"):
    """Returns the greedy success on the problems trained on, and the success of the first rollout."""
    tokenizer = make_tokenizer(letters)
    env = TokenVectorEnv(task, num_envs=256, autoreset_mode="DISABLED", tokenizer=tokenizer, reward=reward)
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=32, layers=layers, heads=2, context=env.context_length, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    config = PPOConfig(
        seed=seed, iterations=iterations, learning_rate=3e-3, optimizer="muon", entropy_coefficient=0.02,
        value_warmup_iterations=0,
    )  # fmt: skip
    ppo = PPO(Policy(model), env, config)
    updates = list(ppo.iterations())
    result = evaluate(
        LMAgent(ppo.policy, tokenizer), task, split="train", num_problems=64,
        env_options={"tokenizer": tokenizer},
    )  # fmt: skip
    return result.success.mean, updates[0].metrics["success"]


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 10))])
def test_echo_is_learned_to_the_optimum(seed):
    task = Echo(length=1, needs_stop=False)
    success, start = train(task, "abcdefgh>", seed)
    assert start < 0.25
    assert success >= 0.99 * task.optimal_return


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 10))])
def test_count_with_an_end_of_turn_is_learned_to_the_optimum(seed):
    task = Count(length=3, alphabet="ab")
    success, start = train(task, "ab in=0123", seed)
    assert start < 0.1
    assert success >= 0.99 * task.optimal_return


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 10))])
def test_what_was_asked_a_turn_ago_is_learned_to_the_optimum(seed):
    task = Delayed(num_turns=2, length=1, needs_stop=False)
    success, start = train(task, "abcdefgh. >waitsy", seed, layers=2)
    assert start < 0.25
    assert success >= 0.99 * task.optimal_return


def test_a_reward_that_does_not_depend_on_the_answer_teaches_nothing():
    task = Echo(length=1, needs_stop=False)

    def by_chance(transcript):
        return float(hashlib.blake2b(str(transcript.problem.index).encode()).digest()[0] % 2)

    success, _ = train(task, "abcdefgh>", 0, reward=by_chance)
    words = {problem.reference for problem in task.problems("train", range(256))}
    # The best that an answer can do which does not look at the prompt.
    assert success <= 1 / len(words) + 1e-9
