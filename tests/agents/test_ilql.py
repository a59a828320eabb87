from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym_agents.algorithms.ilql import ILQL
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.algorithms.offline_data import action_steps, epoch_rows
from lmgym_agents.errors import ResumeError, TrajectoryError
from lmgym_agents.models import make_tiny_model
from lmgym_agents.offline.trajectories import Trajectories, Trajectory, TrajectorySource, to_rollout
from lmgym_agents.policy import Policy
from lmgym_agents.q.ilql_losses import (
    cql_loss,
    expectile_loss,
    ilql_loss,
    q_regression_loss,
    weighted_bc_loss,
)
from lmgym_agents.q.model import QModel
from tests.reference import ilql as slow
from tests.reference.losses import central_differences

VOCAB = 7


def make_numbers(seed=0, count=9, heads=2):
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return {
        "q": draw(heads, count, VOCAB),
        "values": draw(count),
        "logits": draw(count, VOCAB),
        "actions": torch.randint(VOCAB, (count,), generator=rng),
        "targets": draw(count),
        "target_q": draw(heads, count),
    }


def run_loss(numbers, **options):
    given = numbers | {"target_q": numbers["target_q"].amin(0)}
    return ilql_loss(**given, denominator=4.0, **options)


OPTIONS = {
    "expectile": 0.8, "value_weight": 0.5, "cql_weight": 0.3, "bc_weight": 1.5, "bc_beta": 0.9,
    "max_bc_weight": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_losses_are_those_of_a_slow_loop(seed):
    numbers = make_numbers(seed)
    found = run_loss(numbers, **OPTIONS)
    lists = {name: value.tolist() for name, value in numbers.items()}
    regression, expectiles, conservative, imitation = slow.losses(
        **lists, expectile=0.8, beta=0.9, max_weight=2.0
    )
    expected = (regression + 0.5 * expectiles + 0.3 * conservative + 1.5 * imitation) / 4
    assert float(found.loss) == pytest.approx(expected, rel=1e-12)
    parts = {"q_loss": regression, "value_loss": expectiles, "cql_loss": conservative, "bc_loss": imitation}
    for name, value in parts.items():
        assert float(found.stats[name]) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", ["q", "values", "logits"])
def test_gradients_are_central_differences(name):
    numbers = make_numbers(3)
    point = numbers[name].clone().requires_grad_()
    # The weight of imitation is a constant, though values stand in it: only its plain form moves with them.
    options = OPTIONS | ({"bc_beta": 0.0} if name == "values" else {})
    run_loss(numbers | {name: point}, **options).loss.backward()
    slow_gradient = central_differences(
        lambda x: float(run_loss(numbers | {name: x}, **options).loss), numbers[name]
    )
    torch.testing.assert_close(point.grad, slow_gradient, rtol=1e-6, atol=1e-8)


def test_targets_and_slow_copies_are_constants():
    numbers = make_numbers()
    given = numbers | {"target_q": numbers["target_q"].amin(0)}
    for name in ("targets", "target_q"):
        given[name] = given[name].clone().requires_grad_()
    given["q"] = given["q"].clone().requires_grad_()
    ilql_loss(**given, denominator=1.0, **OPTIONS).loss.backward()
    assert given["targets"].grad is None and given["target_q"].grad is None


def test_weights_of_imitation_do_not_teach_values():
    numbers = make_numbers()
    values = numbers["values"].clone().requires_grad_()
    options = OPTIONS | {"value_weight": 0.0, "bc_beta": 2.0}
    run_loss(numbers | {"values": values}, **options).loss.backward()
    assert float(values.grad.abs().max()) == 0


def test_expectile_worked_by_hand():
    values = torch.tensor([0.0, 0.0])
    target_q = torch.tensor([2.0, -3.0])
    assert float(expectile_loss(values, target_q, 0.9, 1.0)) == pytest.approx(0.9 * 4 + 0.1 * 9)
    assert float(expectile_loss(values, target_q, 0.5, 2.0)) == pytest.approx(0.25 * (4 + 9))
    for bad in (0.0, 1.0, float("nan")):
        with pytest.raises(InvalidValueError, match="expectile"):
            expectile_loss(values, target_q, bad, 1.0)


def test_a_high_expectile_goes_to_the_best_of_the_data():
    samples = torch.tensor([0.0, 0.0, 0.0, 1.0])
    for expectile, low, high in ((0.5, 0.249, 0.251), (0.99, 0.95, 1.0)):
        value = torch.zeros(1, requires_grad=True)
        for _ in range(3000):
            (gradient,) = torch.autograd.grad(expectile_loss(value.expand(4), samples, expectile, 4.0), value)
            value = (value - 0.5 * gradient).detach().requires_grad_()
        assert low < float(value.detach()) < high


def test_losses_of_parts_add_up():
    numbers = make_numbers(count=8)
    whole = run_loss(numbers, **OPTIONS).loss

    def cut(part):
        chosen = {
            name: value[:, part] if name in ("q", "target_q") else value[part]
            for name, value in numbers.items()
        }
        return run_loss(chosen, **OPTIONS).loss

    torch.testing.assert_close(cut(slice(0, 3)) + cut(slice(3, 8)), whole, rtol=1e-12, atol=0)


def test_single_losses_worked_by_hand():
    q = torch.tensor([[[0.0, math.log(3.0)]], [[1.0, 1.0]]])
    actions = torch.tensor([1])
    assert float(cql_loss(q, actions, 1.0)) == pytest.approx(-math.log(0.75) + math.log(2))
    target = torch.tensor([2.0])
    assert float(q_regression_loss(q, actions, target, 1.0)) == pytest.approx((math.log(3) - 2) ** 2 + 1)
    logits, advantage = q[0], torch.tensor([1.0])
    assert float(weighted_bc_loss(logits, actions, advantage, 1.0)) == pytest.approx(-math.log(0.75))
    weighted = weighted_bc_loss(logits, actions, advantage, 1.0, beta=2.0)
    assert float(weighted) == pytest.approx(-math.log(0.75) * math.exp(2))
    clipped = weighted_bc_loss(logits, actions, advantage, 1.0, beta=2.0, max_weight=3.0)
    assert float(clipped) == pytest.approx(-math.log(0.75) * 3)


def make_episode(rng, *, terminated, turns=3):
    pieces = [[0] * int(rng.integers(1, 4))]
    for _ in range(turns):
        pieces += [[1] * int(rng.integers(1, 3)), [0] * int(rng.integers(0, 3))]
    is_action = np.array([bool(flag) for piece in pieces for flag in piece])
    length = len(is_action)
    rewards = np.where(is_action, rng.normal(size=length), 0).astype(np.float32)
    return Trajectory(
        input_ids=rng.integers(0, VOCAB, length), is_action=is_action, rewards=rewards, logp_behaviour=None,
        terminated=terminated, success=False, score=0.0, stopped=True, num_turns=turns, split="train",
        problem_index=0, actor="chance",
    )  # fmt: skip


def make_data(seed=0, count=6):
    rng = np.random.default_rng(seed)
    episodes = tuple(make_episode(rng, terminated=bool(i % 2)) for i in range(count))
    source = TrajectorySource(env_id="none", env_options={}, task="none", tokenizer="none", vocab_size=VOCAB)
    return Trajectories(source=source, episodes=episodes)


def make_model(seed=0, context=64, initial_value=-1.0, vocab=VOCAB):
    network = make_tiny_model(vocab, hidden_size=16, layers=1, heads=2, context=context, seed=seed)
    return QModel(Policy(network), initial_value=initial_value, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_transitions_and_returns_are_those_of_a_slow_loop(seed):
    rollout = to_rollout(make_data(seed).episodes)
    steps = action_steps(rollout)
    rows, width = rollout.input_ids.shape
    table = torch.randn(rows, width + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    # table[b, t] is V of the state before position t; the state (row, column) holds tokens up to column.
    values = table[steps.rows, steps.columns + 1]
    ends = [float(table[b, int(n)]) for b, n in enumerate(rollout.lengths)]
    is_action, terminated = rollout.is_action.tolist(), rollout.terminated.tolist()
    places = [(b, t) for b in range(rows) for t in range(width) if is_action[b][t]]
    expected = slow.next_values(is_action, table.tolist(), ends, terminated)
    assert steps.next_values(values).tolist() == [expected[place] for place in places]
    expected = slow.returns(is_action, rollout.rewards.double().tolist(), ends, terminated, 0.9)
    found = steps.discounted_returns(values, 0.9).tolist()
    assert found == pytest.approx([expected[place] for place in places], rel=1e-9)
    assert steps.actions.tolist() == [int(rollout.input_ids[place]) for place in places]


def test_what_the_environment_says_lies_in_no_state_of_its_own():
    ids = np.array([1, 2, 3, 4, 5, 6])
    episode = dataclasses.replace(
        make_episode(np.random.default_rng(0), terminated=False),
        input_ids=ids, is_action=np.array([0, 1, 0, 0, 1, 0], np.bool_),
        rewards=np.array([0, 2, 0, 0, 3, 0], np.float32),
    )  # fmt: skip
    steps = action_steps(to_rollout([episode]))
    assert steps.columns.tolist() == [0, 3, 5]  # before each action, and the end that a budget cut
    assert steps.actions.tolist() == [2, 5]
    assert steps.rewards.tolist() == [2, 3]
    assert steps.next_state.tolist() == [1, 2]
    ended = action_steps(to_rollout([dataclasses.replace(episode, terminated=True)]))
    assert ended.columns.tolist() == [0, 3]
    assert ended.next_state.tolist() == [1, -1]


def test_what_lies_beyond_an_ended_episode_changes_nothing():
    """Pokes values of states that no action leads to."""
    steps = action_steps(to_rollout(make_data(1).episodes))
    values = torch.zeros(len(steps.rows))
    first = {int(rows) for rows in steps.rows.tolist()}
    for row in first:
        values[int((steps.rows == row).nonzero()[0, 0])] = 1e9  # V of each row's first state
    assert float(steps.next_values(values).max()) == 0


def test_each_epoch_sees_every_row_once_and_steps_are_pure():
    seen = torch.cat([epoch_rows(10, step, 4, seed=3) for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    assert torch.equal(epoch_rows(10, 3, 4, seed=3), seen[12:16])


@pytest.mark.parametrize("method", ["ilql", "mc", "bc", "filtered_bc"])
def test_a_resumed_run_is_bit_for_bit_the_unbroken_one(method):
    config = ILQLConfig(method=method, iterations=6, batch_rows=4, optimizer="muon", best_share=0.7)
    data = make_data(count=9)
    unbroken = ILQL(make_model(), data, config)
    updates = list(unbroken.iterations())
    first = ILQL(make_model(), data, config)
    for _ in range(3):
        first.iterate()
    state = copy.deepcopy(first.state_dict())
    second = ILQL(make_model(seed=1), data, config)
    second.load_state_dict(state)
    later = list(second.iterations())
    assert [u.metrics for u in later] == [u.metrics for u in updates[3:]]
    for one, other in zip(unbroken.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(unbroken.target_heads.parameters(), second.target_heads.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("method", ["ilql", "mc"])
def test_micro_batches_change_no_gradient(method):
    data, gradients = make_data(count=6), []
    for budget in (10_000, 20):
        model = make_model()
        learner = ILQL(
            model, data, ILQLConfig(method=method, batch_rows=6, max_tokens_per_micro_batch=budget)
        )
        learner.optimizer.step = lambda: None
        kept = {}
        for name, parameter in model.named_parameters():
            parameter.register_hook(
                lambda g, name=name, kept=kept: kept.update({name: kept.get(name, 0) + g})
            )
        learner.iterate()
        gradients.append(kept)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-6)


WEIGHTS = {"q_weight": 0.7, "value_weight": 0.5, "cql_weight": 0.3, "bc_weight": 1.5}


def stir(module, scale=0.3):
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))


@torch.no_grad()
def ask_alone(learner, prefix):
    """Returns Q, V and logits of one state and the slow copies' Q, each from a pass of its own, as lists."""
    hidden = learner.model.policy.hidden_states(torch.as_tensor(prefix)[None])[0, -1:]
    found, slow_copies = learner.model.read(hidden, None), learner.target_heads(hidden)
    return found.q[:, 0].tolist(), float(found.values), found.logits[0].tolist(), slow_copies.q[:, 0].tolist()


@pytest.mark.parametrize("method", ["ilql", "mc"])
def test_a_whole_step_minimises_what_a_slow_loop_says(method):
    data = make_data(count=5)
    config = ILQLConfig(
        method=method, batch_rows=5, gamma=0.8, expectile=0.8, bc_beta=0.9, max_bc_weight=2.0, **WEIGHTS
    )
    learner = ILQL(make_model(), data, config)
    stir(learner.heads)
    stir(learner.target_heads, 0.2)
    rows = []  # of each action: Q, V, logits, action, target, slow Q
    for episode in data.episodes:
        ids, places = episode.input_ids, np.flatnonzero(episode.is_action)
        following = 0.0 if episode.terminated else ask_alone(learner, ids)[1]
        for t in reversed(places):
            q, value, logits, slow_q = ask_alone(learner, ids[:t])
            target = float(episode.rewards[t]) + 0.8 * following
            rows.append((q, value, logits, int(ids[t]), target, slow_q))
            following = target if method == "mc" else value
    q, values, logits, actions, targets, slow_q = zip(*rows, strict=True)
    heads, num_actions = range(2), len(rows)
    sums = slow.losses(
        [[of_heads[i] for of_heads in q] for i in heads], values, logits, actions, targets,
        [[of_heads[i][a] for of_heads, a in zip(slow_q, actions, strict=True)] for i in heads],
        expectile=0.8, beta=0.9, max_weight=2.0,
    )  # fmt: skip
    expected = sum(w * part for w, part in zip(WEIGHTS.values(), sums, strict=True)) / num_actions
    assert learner.iterate().metrics["loss"] == pytest.approx(expected, rel=1e-4)


def moves(**options):
    """Returns how far one step goes in the language model and in the heads."""
    model = make_model()
    learner = ILQL(model, make_data(), ILQLConfig(batch_rows=4, weight_decay=0.0, **options))
    stir(model.heads)
    before = copy.deepcopy(model)
    learner.iterate()
    return [
        max(float((a - b).abs().max().detach()) for a, b in zip(x.parameters(), y.parameters(), strict=True))
        for x, y in ((model.policy, before.policy), (model.heads, before.heads))
    ]


def test_steps_are_as_long_as_the_options_say():
    model, heads = moves(warmup_iterations=0)
    assert model == pytest.approx(1e-3, rel=1e-2) and heads == pytest.approx(1e-3, rel=1e-2)
    assert moves(warmup_iterations=9) == pytest.approx([model / 10, heads / 10], rel=1e-2)
    assert moves(warmup_iterations=0, head_learning_rate=1e-4) == pytest.approx([model, heads / 10], rel=1e-2)
    # Where eps is large, Adam goes by the size of the gradient, which is clipped.
    free, clipped = (moves(warmup_iterations=0, adam_eps=1.0, max_grad_norm=most) for most in (None, 1e-3))
    assert max(clipped) <= 1e-6 < min(free)


def test_another_seed_goes_through_the_data_in_another_order():
    data = make_data(count=9)
    runs = [ILQL(make_model(), data, ILQLConfig(batch_rows=3, seed=seed)) for seed in (0, 0, 1)]
    one, same, other = (
        [update.metrics["loss"] for update, _ in zip(run.iterations(), range(3), strict=False)]
        for run in runs
    )
    assert one == same != other


@pytest.mark.parametrize("change", ["rewards", "terminated", "input_ids", "is_action"])
def test_a_run_does_not_go_on_with_other_trajectories(change):
    data = make_data()
    state = ILQL(make_model(), data, ILQLConfig()).state_dict()
    first = data.episodes[0]
    places = np.flatnonzero(first.is_action)
    if change == "terminated":
        changed = dataclasses.replace(first, terminated=not first.terminated)
    else:
        array = getattr(first, change).copy()
        array[places[0]] = {"rewards": 0.5, "input_ids": (array[places[0]] + 1) % VOCAB, "is_action": False}[
            change
        ]
        changed = dataclasses.replace(first, **{change: array})
    other = Trajectories(source=data.source, episodes=(changed, *data.episodes[1:]))
    with pytest.raises(ResumeError, match="other trajectories"):
        ILQL(make_model(), other, ILQLConfig()).load_state_dict(state)


def test_slow_copies_go_a_share_of_the_way():
    model = make_model()
    learner = ILQL(model, make_data(), ILQLConfig(batch_rows=4, target_rate=0.25, warmup_iterations=0))
    before = [parameter.clone() for parameter in learner.target_heads.parameters()]
    learner.iterate()
    for old, slow_copy, now in zip(
        before, learner.target_heads.parameters(), learner.heads.parameters(), strict=True
    ):
        torch.testing.assert_close(slow_copy, old + 0.25 * (now - old))
        assert not slow_copy.requires_grad


@pytest.mark.parametrize("method", ["bc", "filtered_bc"])
def test_imitation_leaves_the_heads_alone(method):
    model = make_model()
    before = copy.deepcopy(model.heads.state_dict())
    ILQL(model, make_data(), ILQLConfig(method=method, batch_rows=4)).iterate()
    for name, value in model.heads.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_filtered_imitation_sees_the_best_alone():
    data = make_data(count=10)
    learner = ILQL(make_model(), data, ILQLConfig(method="filtered_bc", best_share=0.3))
    best = sorted(data.returns.tolist(), reverse=True)[:3]
    assert sorted(learner.data.returns.double().tolist(), reverse=True) == pytest.approx(best, rel=1e-6)


def test_mistakes_of_the_caller_are_typed_errors():
    data = make_data()
    with pytest.raises(InvalidValueError, match="heads"):
        ILQL(QModel(make_model().policy, kind="logits"), data, ILQLConfig())
    with pytest.raises(EmptyProblemSetError, match="lmgym record"):
        ILQL(make_model(), Trajectories(source=data.source, episodes=()), ILQLConfig())
    with pytest.raises(TrajectoryError, match="context is 4"):
        ILQL(make_model(context=4), data, ILQLConfig())
    with pytest.raises(TrajectoryError, match="the model has 5"):
        ILQL(make_model(vocab=5), data, ILQLConfig())


@pytest.mark.parametrize(
    ("name", "value"),
    [("iterations", 0), ("gamma", 0.0), ("gamma", 1.1), ("expectile", 1.0), ("cql_weight", -1.0),
     ("bc_beta", float("nan")), ("target_rate", 0.0), ("best_share", 2.0)],
)  # fmt: skip
def test_options_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidValueError, match=f"ILQLConfig.{name}"):
        ILQLConfig(**{name: value})


def test_an_unknown_method_is_refused():
    with pytest.raises(UnknownNameError, match="method"):
        ILQLConfig(method="iqlq")


def test_a_gradient_that_is_not_finite_skips_the_step():
    model, said = make_model(), []
    learner = ILQL(model, make_data(), ILQLConfig(batch_rows=4), on_message=said.append)
    with torch.no_grad():
        next(iter(model.heads.parameters()))[0] = torch.nan
    before = copy.deepcopy(model.policy.state_dict())
    update = learner.iterate()
    assert update.metrics["skipped_steps"] == 1 and "skipped" in said[0]
    for name, value in model.policy.state_dict().items():
        assert torch.equal(value, before[name])
