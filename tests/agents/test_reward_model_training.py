"""Training: shares of a batch, weights and ties, early stopping, and runs that are resumed."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.reward_models.pairs import Pair, PreferencePairs
from tests.agents.reward_scorers import make_encoder, make_lm


def make_pairs(count=40, seed=0):
    """The response with more a's is better."""
    rng = random.Random(seed)
    pairs = []
    for number in range(count):
        texts = ["".join(rng.choice("abc") for _ in range(rng.randint(2, 9))) for _ in range(2)]
        better, worse = sorted(texts, key=lambda text: -text.count("a"))
        is_tie = better.count("a") == worse.count("a")
        pairs.append(Pair(f"prompt {number % 11}", better, worse, is_tie, weight=rng.choice((0.5, 1.0))))
    return pairs


def make_training(model, *, pairs=None, validation=(), seed=0, **options):
    settings = {
        "iterations": 6,
        "batch_pairs": 8,
        "evaluate_every": 2,
        "learning_rate": 3e-3,
        "warmup_iterations": 0,
    }
    data = PreferencePairs(make_pairs() if pairs is None else pairs, seed=seed)
    return RewardModelTraining(model, data, RewardModelConfig(**(settings | options)), validation=validation)


def weights(training):
    return {name: part.detach().clone() for name, part in training.model.trained_parameters().items()}


def make_model(kind, tmp_path):
    if kind == "lm":
        return make_lm(tmp_path, max_tokens=32)
    if kind == "lm frozen":
        return make_lm(tmp_path, max_tokens=32, train_layers=0)
    return make_encoder(hidden_size=4, is_frozen=kind == "encoder")


KINDS = ("lm", "lm frozen", "encoder", "encoder tuned")


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_bit_for_bit_as_an_unbroken_one(kind, tmp_path):
    validation = make_pairs(20, seed=1)
    whole = make_training(make_model(kind, tmp_path), validation=validation)
    updates = [update.metrics for update in whole.iterations()]
    first = make_training(make_model(kind, tmp_path), validation=validation)
    for update in first.iterations():
        if update.step == 3:
            break
    state = first.state_dict()
    # As a file would hold it: nothing shared with the run that goes on.
    state = torch.utils._pytree.tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, state)
    second = make_training(make_model(kind, tmp_path), validation=validation)
    second.load_state_dict(state)
    assert [update.metrics for update in second.iterations()] == updates[3:]
    ours, theirs = weights(second), weights(whole)
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def keep_gradients(training):
    """Returns a dict that the next step fills with its gradients."""
    grads, step = {}, training.optimizer.step

    def keep():
        grads.update({n: p.grad.clone() for n, p in training.model.trained_parameters().items()})
        return step()

    training.optimizer.step = keep
    return grads


@pytest.mark.parametrize("kind", ["lm", "encoder tuned"])
def test_micro_batches_change_no_gradient(kind, tmp_path):
    found = []
    for budget in (10**6, 60, 1):
        training = make_training(
            make_model(kind, tmp_path), max_tokens_per_micro_batch=budget, max_grad_norm=None, iterations=1
        )
        grads = keep_gradients(training)
        found.append((training.iterate().metrics["loss"], grads))
    for loss, grads in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        for name, grad in grads.items():
            assert torch.allclose(grad, found[0][1][name], rtol=1e-3, atol=1e-6), name


def test_a_weight_of_two_is_the_pair_twice(tmp_path):
    pairs = make_pairs(6)
    twice = [pairs[0]._replace(weight=1.0)] * 2 + [pair._replace(weight=1.0) for pair in pairs[1:]]
    heavy = [pairs[0]._replace(weight=2.0)] + [pair._replace(weight=1.0) for pair in pairs[1:]]
    losses = []
    for data in (twice, heavy):
        training = make_training(make_lm(tmp_path, max_tokens=32), pairs=data, batch_pairs=len(data))
        training.tie_parameter = 1.0
        losses.append(training.iterate().metrics["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_it_learns_and_the_head_alone_learns_something(tmp_path):
    for model, low in ((make_lm(tmp_path, max_tokens=32), 0.95), (make_encoder(hidden_size=8), 0.7)):
        pairs = [pair for pair in make_pairs(60) if not pair.is_tie]
        training = make_training(model, pairs=pairs, iterations=60, batch_pairs=32, learning_rate=2e-2)
        last = [update.metrics["accuracy"] for update in training.iterations()][-10:]
        assert np.mean(last) > low


def test_early_stopping_keeps_the_weights_of_the_lowest_loss(tmp_path):
    turned = [
        pair._replace(better=pair.worse, worse=pair.better) for pair in make_pairs(30) if not pair.is_tie
    ]
    training = make_training(
        make_lm(tmp_path, max_tokens=32), validation=turned, iterations=50, evaluate_every=1, patience=3,
        learning_rate=1e-2,
    )  # fmt: skip
    kept = {}
    losses = []
    for update in training.iterations():
        losses.append(update.metrics["eval/loss"])
        if losses[-1] == min(losses):
            kept = weights(training)
    assert training.is_done and len(losses) < 50
    assert losses.index(min(losses)) + 1 == training.best_iteration == len(losses) - 3
    assert all((part == kept[name]).all() for name, part in weights(training).items())
    assert list(training.iterations()) == []  # it is over


def test_a_resumed_run_stops_early_where_an_unbroken_one_does(tmp_path):
    turned = [
        pair._replace(better=pair.worse, worse=pair.better) for pair in make_pairs(30) if not pair.is_tie
    ]
    options = {"iterations": 50, "evaluate_every": 1, "patience": 3, "learning_rate": 1e-2}

    def begin():
        return make_training(make_lm(tmp_path, max_tokens=32), validation=turned, **options)

    whole, first, second = begin(), begin(), begin()
    num_steps = len(list(whole.iterations()))
    for _ in range(whole.best_iteration + 1):  # one evaluation behind the best one
        first.iterate()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert whole.best_iteration + 1 + len(list(second.iterations())) == num_steps
    assert (second.best_iteration, second.best_loss) == (whole.best_iteration, whole.best_loss)
    ours, theirs = weights(second), weights(whole)
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_without_patience_it_goes_on_and_keeps_the_best_all_the_same(tmp_path):
    turned = [
        pair._replace(better=pair.worse, worse=pair.better) for pair in make_pairs(30) if not pair.is_tie
    ]
    training = make_training(
        make_lm(tmp_path, max_tokens=32), validation=turned, evaluate_every=1, patience=0, learning_rate=1e-2
    )
    assert len(list(training.iterations())) == 6 and training.best_iteration < 6


def test_ties_set_the_parameter_of_the_loss(tmp_path):
    pairs = [Pair("p", "a", "b", is_tie) for is_tie in (True, False, False, False)]
    training = make_training(make_lm(tmp_path, max_tokens=32), pairs=pairs)
    assert training.tie_parameter == pytest.approx(2 / 3)  # 2 * 0.25 / 0.75
    only_later = make_training(make_lm(tmp_path, max_tokens=32), pairs=pairs[1:], validation=pairs[:1])
    assert np.isfinite(
        [u.metrics["eval/loss"] for u in only_later.iterations() if "eval/loss" in u.metrics]
    ).all()


def test_a_step_that_is_not_finite_is_skipped_and_said(tmp_path):
    said = []
    model = make_lm(tmp_path, max_tokens=32)
    training = RewardModelTraining(
        model, PreferencePairs([Pair("p", "a", "b")]), RewardModelConfig(iterations=1), on_message=said.append
    )
    with torch.no_grad():
        model.model.score.weight[0, 0] = float("nan")
    before = weights(training)
    assert next(training.iterations()).metrics["skipped_steps"] == 1 and "skipped" in said[0]
    after = weights(training)
    assert all(torch.equal(part, after[name]) for name, part in before.items() if name != "head.weight")


@pytest.mark.parametrize(
    ("name", "value"),
    [("iterations", 0), ("batch_pairs", 0), ("label_smoothing", 0.5), ("patience", -1), ("tie_loss", "no"),
     ("learning_rate", float("nan")), ("head_learning_rate", -1.0), ("max_grad_norm", 0.0), ("seed", -1)],
)  # fmt: skip
def test_senseless_options_are_refused_by_name(name, value):
    with pytest.raises(InvalidValueError, match=name):
        RewardModelConfig(**{name: value})
