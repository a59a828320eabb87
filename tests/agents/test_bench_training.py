"""Training in the benchmark: what counts, when it ends, what a killed job finds again."""

import copy
import math
import pickle
from functools import partial

import gymnasium as gym
import numpy as np
import pytest

from lmgym.bench.suites import Anchor, Entry
from lmgym.errors import BudgetSpentError, InvalidValueError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.bench.counted_env import TokenBudget, make_counted_env
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.weights import NotFiniteError

DELAYED = {"num_turns": 2, "length": 1}


def make_entry(env="lmgym/Echo-v0", options=None, budget=120, points=4, **fields):
    anchors = {split: Anchor(0.0, 1.0) for split in ("test", "validation")}
    options = {"length": 3, "alphabet": "abcdef"} if options is None else options
    return Entry(**{
        "name": "echo", "env": env, "options": options,
        "metric": "success", "eval_splits": ("test",), "num_problems": 8, "budget": budget,
        "curve_points": points, "curve_problems": 8, "model": "nano", "warm_start": None, "abilities": (),
        "anchors": anchors, "anchors_source": "by hand", **fields,
    })  # fmt: skip


def make_training(folder, measure=lambda: 0.5, **fields):
    return BenchTraining(
        make_entry(**fields), seed=3, model=None, tokenizer=make_tokenizer("char"), folder=folder,
        measure=measure, checkpoint_every_s=0,
    )  # fmt: skip


def make_env(budget, env="lmgym/Delayed-v0", options=None, **own):
    options = DELAYED if options is None else options
    return make_counted_env(env, options, budget, num_envs=5, tokenizer=make_tokenizer("char"), own=own)


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_tokens_are_counted_row_by_row(mode):
    budget = TokenBudget(10**6)
    env = make_env(budget, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    expected, live = 0, np.ones(5, bool)
    for _ in range(60):
        expected += int(live.sum())
        actions = rng.choice([env.tokenizer.end_id, 40, 41], 5)
        _, _, terminated, truncated, _ = env.step(actions)
        ended = terminated | truncated
        live = ~ended if mode == "NEXT_STEP" else np.ones(5, bool)
        assert budget.num_acted == expected
    assert budget.num_read == 0 and budget.num_spent == expected
    assert expected == 300 if mode == "SAME_STEP" else expected < 300


def test_responses_are_counted_where_rows_act():
    budget = TokenBudget(10**6)
    env = make_env(budget, autoreset_mode="DISABLED")
    env.reset(seed=0)
    tokens = np.full((5, 3), env.tokenizer.end_id)
    tokens[1, 0] = 40
    lengths, active = np.array([1, 2, 1, 1, 1]), np.array([True, True, False, True, False])
    env.step_responses(tokens, lengths, active)
    assert budget.num_acted == 1 + 2 + 1
    env.step_responses(tokens, lengths)
    assert budget.num_acted == 4 + 6


def test_a_copy_of_an_environment_takes_from_the_same_budget():
    budget = TokenBudget(10**6)
    env = make_env(budget, autoreset_mode="DISABLED")
    env.reset(seed=0)
    env.clone().step(np.full(5, 40))
    env.step(np.full(5, 40))
    assert budget.num_acted == 10


def test_a_deep_copy_takes_from_the_same_budget_and_a_pickle_is_refused():
    budget = TokenBudget(10**6)
    env = make_env(budget, autoreset_mode="DISABLED")
    env.reset(seed=0)
    copy.deepcopy(env).step(np.full(5, 40))
    assert budget.num_acted == 5
    with pytest.raises(TypeError, match="would not be counted"):
        pickle.dumps(env)


@pytest.mark.parametrize("by_response", [False, True])
def test_one_action_can_not_go_far_beyond_the_budget(tmp_path, by_response):
    training = make_training(tmp_path, budget=100)
    for num_envs, is_refused in ((126, True), (125, False)):
        env = training.make_env(num_envs)
        env.reset(seed=0)
        ends = np.full(num_envs, env.tokenizer.end_id)
        act = partial(env.step_responses, ends[:, None], np.ones(num_envs, int))
        act = act if by_response else partial(env.step, ends)
        if is_refused:
            with pytest.raises(BudgetSpentError, match="126 tokens goes far beyond"):
                act()
            assert training.num_tokens == 0
        else:
            act()
    assert training.num_tokens == 125


def test_what_was_read_can_not_go_far_beyond_the_budget(tmp_path):
    training = make_training(tmp_path, budget=100)
    training.advance(num_read_tokens=125)
    with pytest.raises(InvalidValueError, match="126 tokens of demonstrations"):
        training.advance(num_read_tokens=1)


def test_the_first_action_beyond_the_budget_is_refused_and_changes_nothing():
    budget = TokenBudget(12)
    env = make_env(budget, autoreset_mode="NEXT_STEP")
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.full(5, 40))
    before = env.input_ids
    with pytest.raises(BudgetSpentError, match="12 tokens is spent"):
        env.step(np.full(5, 40))
    assert budget.num_acted == 15
    np.testing.assert_equal(before, env.input_ids)


def test_a_refused_action_costs_nothing():
    budget = TokenBudget(100)
    env = make_env(budget, autoreset_mode="DISABLED")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"vocab|space|token"):
        env.step(np.full(5, 10**6))
    assert budget.num_acted == 0


def test_counted_episodes_are_those_of_the_plain_environment():
    env = make_env(TokenBudget(10**6), autoreset_mode="NEXT_STEP")
    plain = gym.make_vec("lmgym/Delayed-v0", num_envs=5, **DELAYED)
    seen, start = env.reset(seed=7)
    expected, plain_start = plain.reset(seed=7)
    assert start["prompt"].tolist() == plain_start["prompt"].tolist()
    for _ in range(8):
        np.testing.assert_equal(seen, expected)
        seen, *_ = env.step(np.full(5, 40))
        expected, *_ = plain.step(np.full(5, 40))


@pytest.mark.parametrize("name", ["split", "tokenizer", "reward", "length", "max_new_tokens"])
def test_agents_choose_nothing_that_changes_what_is_learned(tmp_path, name):
    with pytest.raises(InvalidValueError, match=f"{name}='x', which is the suite's"):
        make_training(tmp_path).make_env(2, **{name: "x"})


def test_training_rows_are_of_the_train_split(tmp_path):
    env = make_training(tmp_path).make_env(2, mask_actions=True)
    _, infos = env.reset(seed=0)
    assert infos["split"].tolist() == ["train", "train"] and env.setup.mask_actions


def test_the_curve_has_its_points_where_the_budget_says(tmp_path):
    scores = iter([0.0, 0.1, 0.2, 0.3, 0.4])
    training = make_training(tmp_path, measure=lambda: next(scores), budget=100, points=4)
    training.begin()
    # Marks at 25, 50, 75 and 100: the second step passes one, the third reaches one, the others pass one.
    goes_on = [
        training.advance(num_read_tokens=n, num_gradient_steps=1, flops=2.0) for n in (20, 29, 1, 26, 31)
    ]
    training.finish()
    assert goes_on == [True, True, True, True, False]
    points = [(p.num_tokens, p.num_gradient_steps, p.flops, p.score) for p in training.curve]
    assert points == [
        (0, 0, None, 0.0), (49, 2, 4.0, 0.1), (50, 3, 6.0, 0.2), (76, 4, 8.0, 0.3), (107, 5, 10.0, 0.4),
    ]  # fmt: skip
    assert training.num_read_tokens == 107 and training.num_acted_tokens == 0


def test_a_training_that_ends_early_has_a_last_point(tmp_path):
    training = make_training(tmp_path, budget=100, points=2)
    training.begin()
    training.advance(num_read_tokens=10)
    training.finish()
    assert [p.num_tokens for p in training.curve] == [0, 10]
    training.finish()
    assert len(training.curve) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_metrics_that_are_no_numbers_end_the_training(tmp_path, value):
    training = make_training(tmp_path)
    with pytest.raises(NotFiniteError, match="metric loss of update 1"):
        training.advance({"loss": value})
    assert read_metrics(tmp_path / "metrics.jsonl").records[0]["not_finite"] == {"loss": repr(float(value))}


@pytest.mark.parametrize(
    "counts",
    [
        {"num_gradient_steps": -1}, {"num_read_tokens": -1}, {"flops": -1.0}, {"flops": math.nan},
        {"num_read_tokens": math.nan}, {"num_gradient_steps": 0.5}, {"num_gradient_steps": 2**63},
        {"flops": 1e301},
    ],
)  # fmt: skip
def test_counts_only_grow(tmp_path, counts):
    training = make_training(tmp_path)
    with pytest.raises(InvalidValueError, match="numbers from 0"):
        training.advance(**counts)
    assert training.num_tokens == training.num_gradient_steps == 0 and training.flops is None


@pytest.mark.parametrize("num_tokens", [-1, math.nan])
def test_a_charge_gives_nothing_back(tmp_path, num_tokens):
    training = make_training(tmp_path)
    with pytest.raises(InvalidValueError, match="charge got num_tokens"):
        training.charge(num_tokens)
    assert training.num_tokens == 0


def test_a_checkpoint_gives_back_what_was_kept(tmp_path):
    first = make_training(tmp_path, budget=100, points=4)
    first.begin()
    first.start_scores = {"test": {"mean": 0.25}}
    assert first.restore() is None and not first.is_resumed
    first.advance({"a": 1}, num_read_tokens=30, num_gradient_steps=3, flops=7.0, state=lambda: {"x": 5})
    first.advance({"a": 2}, num_read_tokens=30)  # without a state: this work is done again
    second = make_training(tmp_path, budget=100, points=4)
    assert second.is_resumed and second.restore() == {"x": 5}
    assert (second.num_tokens, second.num_gradient_steps, second.flops) == (30, 3, 7.0)
    assert second.curve == first.curve[:2] and second.start_scores == {"test": {"mean": 0.25}}
    assert [record["a"] for record in read_metrics(tmp_path / "metrics.jsonl").records] == [1]


def test_an_agents_metrics_do_not_hide_the_counters(tmp_path):
    training = make_training(tmp_path)
    training.advance({"num_tokens": 99}, num_read_tokens=7)
    record = read_metrics(tmp_path / "metrics.jsonl").records[0]
    assert record["num_tokens"] == 7 and record["agent/num_tokens"] == 99


def test_marks_passed_together_are_one_point(tmp_path):
    training = make_training(tmp_path, budget=100, points=4)
    training.begin()
    training.advance(num_read_tokens=76)
    assert [point.num_tokens for point in training.curve] == [0, 76]
