"""Stable-Baselines3 on token environments: what its networks read, what its actions are, what it learns."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import InvalidActionError, InvalidValueError

pytest.importorskip("stable_baselines3")

from stable_baselines3.common.env_checker import check_env

from lmgym_agents.baselines.sb3_actions import NeededTokens, make_token_env
from lmgym_agents.baselines.sb3_agent import SB3Agent
from lmgym_agents.baselines.sb3_features import LastHiddenFeatures
from lmgym_agents.baselines.sb3_models import inner_env, make_dqn, make_ppo, tokens_of
from lmgym_agents.baselines.sb3_runs import run_dqn, run_ppo
from lmgym_agents.evaluation import evaluate
from lmgym_agents.tiny_models import make_tiny_model

EASY = {"length": 1, "alphabet": "cdef"}
QUICK = {"num_envs": 4, "learning_starts": 32, "batch_size": 16}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("env_id", ["lmgym/Math-v0", "lmgym/Guess-v0", "lmgym/SlidingPuzzle-v0"])
def test_its_checker_accepts_the_few_actions(env_id):
    check_env(make_token_env(env_id), warn=True)


def test_actions_are_the_tokens_that_the_task_needs():
    env = make_token_env("lmgym/Echo-v0", EASY)
    tokenizer = inner_env(env).tokenizer
    assert env.tokens.tolist() == [tokenizer.end_id, *tokenizer.encode("cdef")]
    env.reset(seed=0, options={"split": "train", "problem_index": 0})
    answer = inner_env(env).task.problem("train", 0).reference
    env.step(1 + "cdef".index(answer))
    *_, info = env.step(0)
    assert info["response"] == answer and info["success"]
    with pytest.raises(InvalidActionError, match="action 5"):
        env.step(5)
    with pytest.raises(InvalidValueError, match="'token'"):
        NeededTokens(gym.make("lmgym/Echo-v0", granularity="response"))


def test_a_task_without_an_alphabet_keeps_all_tokens_but_padding():
    tokens = make_token_env("lmgym/ReasoningGym-v0", {"dataset": "chain_sum"}).tokens
    assert len(tokens) > 100 and 0 not in tokens and 1 in tokens


def test_features_are_the_hidden_state_of_the_last_token():
    env = gym.make("lmgym/Echo-v0")
    model = make_tiny_model(145, hidden_size=32, layers=1, heads=2, context=32)
    features = LastHiddenFeatures(env.observation_space, model=model).eval()
    rows = [[5, 6, 7], [9]]
    ids = torch.full((2, 6), 77.0)  # what stands behind a row is not read
    mask = torch.zeros(2, 6)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, dtype=torch.float)
        mask[place, : len(row)] = 1
    found = features({"input_ids": ids, "attention_mask": mask})
    for place, row in enumerate(rows):
        alone = model.base_model(input_ids=torch.tensor([row])).last_hidden_state[0, -1]
        torch.testing.assert_close(found[place], alone)
    before = model.base_model.embed_tokens.weight.clone()
    found.sum().backward()
    assert features.backbone.embed_tokens.weight.grad.abs().sum() > 0
    assert torch.equal(before, model.base_model.embed_tokens.weight)
    assert model.base_model.embed_tokens.weight.grad is None  # a copy is trained


def test_features_of_something_else_are_typed_errors():
    model = make_tiny_model(145, hidden_size=32, layers=1, heads=2, context=4)
    with pytest.raises(InvalidValueError, match="reads 4"):
        LastHiddenFeatures(gym.make("lmgym/Echo-v0").observation_space, model=model)
    with pytest.raises(InvalidValueError, match="token environments"):
        LastHiddenFeatures(gym.spaces.Dict({"x": gym.spaces.Discrete(2)}), model=model)


@pytest.mark.parametrize("kind", ["dqn", "ppo"])
def test_an_algorithm_is_an_agent(kind):
    if kind == "dqn":
        algorithm = make_dqn("lmgym/Guess-v0", env_options={"high": 7}, **QUICK).learn(200)
    else:
        algorithm = make_ppo("lmgym/Guess-v0", env_options={"high": 7}, num_envs=4, n_steps=16, batch_size=32)
        algorithm = algorithm.learn(128)
    agent = SB3Agent(algorithm)
    result = evaluate(agent, "lmgym/Guess-v0", env_options={"high": 7}, split="train", num_problems=4)
    assert 0 <= result.success.mean <= 1 and result.num_failed == 0
    wide = {"input_ids": np.full((3, 500), 9, np.int32), "attention_mask": np.zeros((3, 500), np.int8)}
    wide["attention_mask"][:, :4] = 1
    tokens = agent.act(wide)
    assert tokens.shape == (3,) and set(tokens) <= set(tokens_of(algorithm).tokens)
    narrow = {name: array[:, :4] for name, array in wide.items()}
    assert np.array_equal(agent.act(narrow), tokens)
    wide["attention_mask"][:] = 1
    with pytest.raises(InvalidValueError, match="500 tokens"):
        agent.act(wide)


@pytest.mark.parametrize("make", [make_dqn, make_ppo])
def test_networks_begin_with_the_weights_of_the_model_given(make):
    model = make_tiny_model(145, hidden_size=32, layers=1, heads=2, context=32)
    algorithm = make("lmgym/Echo-v0", env_options={**EASY, "tokenizer": "char"}, model=model, num_envs=4)
    features = (
        algorithm.policy.q_net.features_extractor if make is make_dqn else algorithm.policy.features_extractor
    )
    for name, weight in model.base_model.state_dict().items():
        assert torch.equal(features.backbone.state_dict()[name], weight), name


def test_equal_seeds_give_equal_curves():
    options = dict(total_steps=120, num_points=2, num_problems=4, split="train", **QUICK)
    first, second = (run_dqn("lmgym/Echo-v0", EASY, seed=3, **options) for _ in range(2))
    assert first == second and [steps for steps, _ in first] == [0, 60, 120]
    curve = run_ppo(
        "lmgym/Echo-v0", EASY, 100, num_points=1, num_problems=4, split="train", num_envs=4, n_steps=16,
        batch_size=32,
    )  # fmt: skip
    assert [steps for steps, _ in curve] == [0, 100] or curve[-1][0] == 128
    for wrong in ({"total_steps": 0}, {"num_points": 0}):
        with pytest.raises(InvalidValueError, match="at least 1"):
            run_dqn("lmgym/Echo-v0", EASY, **wrong)


@pytest.mark.learning
def test_dqn_learns_to_repeat_a_letter():
    curve = run_dqn(
        "lmgym/Echo-v0", EASY, 2500, num_points=1, num_problems=4, split="train", learning_starts=200,
        batch_size=64, exploration_fraction=0.6, target_update_interval=200,
    )  # fmt: skip
    assert curve[0][1] <= 0.5 and curve[-1][1] == 1.0
