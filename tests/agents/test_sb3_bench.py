"""Agents of Stable-Baselines3 in the benchmark: budgets, equal seeds, save and load, what they report."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import BudgetSpentError, InvalidValueError, ModelError, UnknownNameError
from lmgym.tokenization import CharTokenizer
from lmgym_agents.agent_specs import make_agent
from lmgym_agents.evaluation import evaluate

pytest.importorskip("stable_baselines3")
pytest.importorskip("sb3_contrib")

from lmgym_agents.baselines.sb3_bench import SB3Learner
from lmgym_agents.baselines.sb3_kinds import KINDS
from lmgym_agents.baselines.sb3_options import read_options
from lmgym_agents.models import save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.tiny_models import make_tiny_model

OPTIONS = {"length": 1, "alphabet": "cd"}
ON_POLICY = {"num_envs": 4, "n_steps": 8, "batch_size": 16, "n_epochs": 1}
OFF_POLICY = {"num_envs": 4, "buffer_size": 200, "batch_size": 8}
SHORT = {
    "ppo": ON_POLICY,
    "a2c": {"num_envs": 4, "n_steps": 8},
    "dqn": OFF_POLICY,
    "maskable-ppo": ON_POLICY,
    "recurrent-ppo": {**ON_POLICY, "lstm_hidden_size": 8},
    "qr-dqn": {**OFF_POLICY, "n_quantiles": 5},
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Path:
    """A model folder, as warm starts are."""
    folder = tmp_path_factory.mktemp("start")
    tokenizer = CharTokenizer()
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=32, seed=3,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    save_policy(Policy(model), folder, tokenizer=tokenizer)
    return folder


class FakeTraining:
    """A ``Training`` that counts by itself."""

    env_id, options, device = "lmgym/Echo-v0", OPTIONS, "cpu"

    def __init__(self, model, folder, *, budget=100, seed=0):
        self.model, self.folder, self.budget, self.seed = model, folder, budget, seed
        self.tokenizer, self.num_tokens, self.told = CharTokenizer(), 0, []

    def make_env(self, num_envs, *, autoreset_mode="DISABLED", **options):
        made = gym.make_vec(
            self.env_id, num_envs, **{**self.options, **options, "autoreset_mode": autoreset_mode}
        )
        step = made.step

        def counted(actions):
            if self.num_tokens >= self.budget:
                raise BudgetSpentError("spent")
            self.num_tokens += num_envs
            return step(actions)

        made.step = counted
        return made

    def restore(self):
        return None

    def advance(self, metrics=None, *, num_gradient_steps=0, flops=None, state=None, **_):
        assert state is None
        self.told.append((self.num_tokens, dict(metrics), num_gradient_steps, flops))
        return self.num_tokens < self.budget


def observations(width=8):
    ids = np.random.default_rng(0).integers(5, 90, (6, width)).astype(np.int32)
    mask = (np.arange(width) < np.arange(1, 7)[:, None]).astype(np.int8)
    return {"input_ids": np.where(mask > 0, ids, 0).astype(np.int32), "attention_mask": mask}


def weights(agent):
    return {name: tensor.clone() for name, tensor in agent.module.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_begins_learns_saves_and_loads(kind, start, tmp_path):
    agent = make_agent(f"sb3-{kind}", seed=1)
    assert agent.config["num_envs"] > 1
    agent = SB3Learner(kind, seed=1, **SHORT[kind])
    training = FakeTraining(start, tmp_path / "agent")
    agent.begin(training)
    assert agent.tokenizer is training.tokenizer
    at_first = weights(agent)
    before = evaluate(agent, "lmgym/Echo-v0", split="train", num_problems=2, env_options=OPTIONS)
    assert before.num_failed == 0 and training.num_tokens == 0
    agent.learn(training)
    per_rollout = 4 * 8 if "n_steps" in SHORT[kind] else 4
    assert training.num_tokens == 100 // per_rollout * per_rollout
    assert training.told[-1][0] == training.num_tokens
    assert sum(steps for _, _, steps, _ in training.told) > 0
    assert all(flops > 0 for *_, flops in training.told)
    assert sum(metrics["num_episodes"] for _, metrics, _, _ in training.told) > 10
    assert any(not torch.equal(tensor, at_first[name]) for name, tensor in weights(agent).items())
    agent.save(tmp_path / "saved")
    wide = observations(20)  # longer than any row of the environment
    expected = [agent.act(observations()).tolist(), agent.act(wide).tolist()]
    loaded = SB3Learner(kind)
    loaded.load(tmp_path / "saved")
    assert [loaded.act(observations()).tolist(), loaded.act(wide).tolist()] == expected
    for name, tensor in weights(agent).items():
        assert torch.equal(tensor, loaded.module.state_dict()[name]), name
    again = SB3Learner(kind, **SHORT[kind])  # one that has begun takes the weights up, and learns on
    again.begin(FakeTraining(start, tmp_path / "again"))
    again.load(tmp_path / "saved")
    assert again.act(observations()).tolist() == expected[0]


@pytest.mark.parametrize("kind", ["ppo", "dqn"])
def test_equal_seeds_learn_the_same_whatever_was_drawn_before(kind, start, tmp_path):
    found = []
    for seed, noise in ((1, 1), (1, 2), (2, 1)):
        agent = SB3Learner(kind, seed=seed, **SHORT[kind])
        training = FakeTraining(start, tmp_path, seed=seed)
        agent.begin(training)
        torch.manual_seed(noise)
        np.random.seed(noise)
        agent.learn(training)
        found.append((weights(agent), training.told))
    (first, told), (second, told_again), (other, _) = found
    assert told == told_again and all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_budget_that_ends_early_ends_the_training(start, tmp_path):
    training = FakeTraining(start, tmp_path, budget=100)
    agent = SB3Learner("dqn", **SHORT["dqn"])
    agent.begin(training)
    rows = training.make_env(50)  # tokens spent elsewhere once the training has been planned
    rows.reset(seed=0)
    learn = agent.algorithm.learn

    def spend_then_learn(*args, **kwargs):
        rows.step(np.ones(50, np.int64))
        return learn(*args, **kwargs)

    agent.algorithm.learn = spend_then_learn
    agent.learn(training)
    assert training.num_tokens == 102 and training.told[-1][0] == 102


def test_without_a_model_a_fresh_one_is_made(tmp_path):
    agent = SB3Learner("ppo", **SHORT["ppo"])
    agent.begin(FakeTraining(None, tmp_path))
    short = {name: array[:3] for name, array in observations().items()}
    assert agent.act(short).shape == (3,)


def test_options_are_those_of_their_class(start, tmp_path):
    options = read_options("dqn", {"tau": 0.5, "num_envs": 3, "q_scale": 0.2})
    assert options.num_envs == 3 and options.of_algorithm["tau"] == 0.5
    assert options.of_policy == {"q_scale": 0.2}
    with pytest.raises(UnknownNameError, match="learning_rate"):
        SB3Learner("ppo", learning_rat=1)
    with pytest.raises(UnknownNameError, match="maskable-ppo"):
        SB3Learner("maskable")
    with pytest.raises(UnknownNameError, match="verbose"):
        SB3Learner("ppo", verbose=1)
    with pytest.raises(InvalidValueError, match="num_envs"):
        SB3Learner("ppo", num_envs=0)
    with pytest.raises(InvalidValueError, match="begin"):
        SB3Learner("ppo").act(observations())


def test_files_that_do_not_fit_are_typed_errors(start, tmp_path):
    agent = SB3Learner("ppo", **SHORT["ppo"])
    agent.begin(FakeTraining(start, tmp_path))
    agent.save(tmp_path / "saved")
    with pytest.raises(ModelError, match="'ppo', not 'dqn'"):
        SB3Learner("dqn").load(tmp_path / "saved")
    with pytest.raises(ModelError, match="missing or damaged"):
        SB3Learner("ppo").load(start)
    (tmp_path / "saved" / "sb3.safetensors").write_bytes(b"no such file")
    with pytest.raises(ModelError, match="damaged"):
        SB3Learner("ppo").load(tmp_path / "saved")
