"""Soft Bellman residuals and losses of Q heads: slow loops, laws of the optimum, gradients, poison."""

from typing import get_args

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.accumulate import accumulate_gradients
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.q_objectives import HeadsObjective, LogitsObjective
from lmgym_agents.policy import Policy
from lmgym_agents.q.action_rows import find_actions
from lmgym_agents.q.losses import conservative_loss, error_loss
from lmgym_agents.q.model import QModel
from lmgym_agents.q.replay import Replay, ReplayRows
from lmgym_agents.q.soft_losses import Variant, group_means, path_sums, soft_residuals
from lmgym_agents.q.sums import LogitSums, logit_sums
from tests.agents.tiny_models import VOCAB_SIZE, make_model
from tests.reference import q_targets as reference

VARIANTS = get_args(Variant)
BETA, GAMMA = 0.3, 0.9


def make_arrays(seed=0, num_rows=5, width=4):
    rng = np.random.default_rng(seed)
    counts = torch.tensor([0, *rng.integers(1, width + 1, num_rows - 1).tolist()])
    truncated = torch.tensor(rng.random(num_rows) < 0.5) & (counts > 0)
    columns = torch.arange(width + 1)
    return {
        "rewards": torch.tensor(rng.normal(size=(num_rows, width))),
        "log_ratios": torch.tensor(rng.normal(size=(num_rows, width))),
        "normalisers": torch.tensor(rng.normal(size=(num_rows, width + 1))),
        "reference_normalisers": torch.tensor(rng.normal(size=(num_rows, width + 1))),
        "has_action": columns[:-1] < counts[:, None],
        "has_state": columns < (counts + truncated)[:, None],
    }, counts, truncated  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(3))
def test_residuals_equal_slow_loops(variant, seed):
    arrays, counts, truncated = make_arrays(seed)
    baseline = torch.linspace(-1, 1, len(counts), dtype=torch.float64)
    found = soft_residuals(variant, **arrays, beta=BETA, gamma=GAMMA, baseline=baseline)
    for b, n in enumerate(counts.tolist()):
        norms = [arrays[name][b, : n + 1].tolist() for name in ("normalisers", "reference_normalisers")]
        truth = reference.soft_residuals(
            variant, arrays["rewards"][b, :n].tolist(), arrays["log_ratios"][b, :n].tolist(), *norms,
            BETA, GAMMA, bool(truncated[b]), float(baseline[b]),
        ) if n else []  # fmt: skip
        assert found.residuals[b, :n].tolist() == pytest.approx(truth, abs=1e-12)
        assert not found.residuals[b, n:].any() and not found.is_used[b, n:].any()
        once = variant in ("trajectory", "tbrm", "path_consistency")
        assert int(found.is_used[b].sum()) == min(n, 1 if once else n)


def test_at_the_start_the_residual_is_what_was_earned():
    arrays, *_ = make_arrays()
    arrays["normalisers"], arrays["log_ratios"] = arrays["reference_normalisers"], torch.zeros(5, 4)
    rewards = torch.where(arrays["has_action"], arrays["rewards"], 0)
    to_go = path_sums(rewards, torch.zeros(5, 5), arrays["has_action"], GAMMA)
    for variant, expected in (("one_step", rewards), ("multi_step", to_go)):
        found = soft_residuals(variant, **arrays, beta=BETA, gamma=GAMMA).residuals
        assert torch.allclose(found, expected.double())
    found = soft_residuals("trajectory", **arrays, beta=BETA, gamma=GAMMA).residuals
    assert torch.allclose(found[:, 0], to_go[:, 0].double())


def two_states():
    """Both actions of state 0 lead to state 1, then the episode ends; Q* by hand from the soft backup.

    Rewards: r(0, ·) = (0.2, -0.1), r(1, ·) = (1, 0). Returns the reference's logits, r, Q*, each
    [state, action], and V*.
    """
    reference_logits = torch.tensor([[0.3, -0.4], [1.0, 0.2]], dtype=torch.float64)
    prior = reference_logits.softmax(-1)
    rewards = torch.tensor([[0.2, -0.1], [1.0, 0.0]], dtype=torch.float64)
    q = rewards.clone()
    values = torch.zeros(2, dtype=torch.float64)
    values[1] = BETA * (prior[1] * (q[1] / BETA).exp()).sum().log()
    q[0] = rewards[0] + GAMMA * values[1]
    values[0] = BETA * (prior[0] * (q[0] / BETA).exp()).sum().log()
    return reference_logits, rewards, q, values


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_optimal_soft_policy_has_no_residual(variant):
    reference_logits, rewards, q, values = two_states()
    logits = reference_logits + q / BETA
    if variant == "tbrm":
        # Its V is absolute: the same policy with the logits of the first state shifted.
        logits[0] += values[0] / BETA - logits[0].logsumexp(-1)
    ratios = logits.log_softmax(-1) - reference_logits.log_softmax(-1)
    paths = [(a, b) for a in (0, 1) for b in (0, 1)]
    arrays = {
        "rewards": torch.stack([torch.stack([rewards[0, a], rewards[1, b]]) for a, b in paths]),
        "log_ratios": torch.stack([torch.stack([ratios[0, a], ratios[1, b]]) for a, b in paths]),
        "normalisers": torch.cat([logits.logsumexp(-1), torch.zeros(1)]).expand(4, 3),
        "reference_normalisers": torch.cat([reference_logits.logsumexp(-1), torch.zeros(1)]).expand(4, 3),
        "has_action": torch.ones(4, 2, dtype=torch.bool),
        "has_state": torch.tensor([[True, True, False]]).expand(4, 3),
    }
    sums = path_sums(
        arrays["rewards"] - BETA * arrays["log_ratios"], torch.zeros(4, 3), arrays["has_action"], GAMMA
    )
    baseline = group_means(sums[:, 0], torch.zeros(4, dtype=torch.int64))
    if variant == "path_consistency":
        assert torch.allclose(baseline, values[0])
    found = soft_residuals(variant, **arrays, beta=BETA, gamma=GAMMA, baseline=baseline)
    assert found.residuals.abs().max() < 1e-12
    arrays["log_ratios"] = arrays["log_ratios"] * torch.tensor([[1.1], [0.9], [1.0], [1.0]])
    worse = soft_residuals(variant, **arrays, beta=BETA, gamma=GAMMA, baseline=baseline)
    assert worse.residuals.abs().max() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_stands_in_unused_cells_changes_neither_residual_nor_gradient(variant):
    arrays, counts, _ = make_arrays()
    baseline = torch.zeros(len(counts), dtype=torch.float64)
    results = []
    for poison in (0.0, torch.nan):
        own = {}
        for name in ("rewards", "log_ratios", "normalisers", "reference_normalisers"):
            exists = arrays["has_state"] if "norm" in name else arrays["has_action"]
            own[name] = arrays[name].masked_fill(~exists, poison).requires_grad_()
        found = soft_residuals(variant, **(arrays | own), beta=BETA, gamma=GAMMA, baseline=baseline)
        error_loss(found.residuals, found.is_used, 3.0).loss.backward()
        results.append((found.residuals.detach(), own["log_ratios"].grad, own["normalisers"].grad))
    for clean, poisoned in zip(*results, strict=True):
        assert torch.equal(clean, poisoned)


def test_a_target_networks_values_are_constants():
    arrays, *_ = make_arrays()
    arrays["normalisers"].requires_grad_()
    later = torch.full((5, 5), 0.7, dtype=torch.float64, requires_grad=True)
    found = soft_residuals("one_step", **arrays, beta=BETA, gamma=GAMMA, next_values=later).residuals
    by_hand = arrays["rewards"] + GAMMA * torch.where(arrays["has_state"], 0.7, 0)[:, 1:]
    by_hand = by_hand - BETA * (arrays["normalisers"] - arrays["reference_normalisers"])[:, :-1]
    by_hand = torch.where(arrays["has_action"], by_hand - BETA * arrays["log_ratios"], 0)
    assert torch.allclose(found, by_hand)
    found.sum().backward()
    assert later.grad is None


def test_errors_squared_and_huber_by_hand():
    errors = torch.tensor([[0.2, -1.5, torch.nan]])
    is_used = torch.tensor([[True, True, False]])
    squared = error_loss(errors, is_used, 2.0)
    assert float(squared.loss) == pytest.approx((0.5 * 0.04 + 0.5 * 2.25) / 2)
    assert float(squared.stats["td_error"]) == pytest.approx(1.7)
    weights = torch.tensor([[1.0, 0.5, torch.nan]])
    huber = error_loss(errors, is_used, 2.0, weights=weights, kind="huber", huber_delta=0.5)
    assert float(huber.loss) == pytest.approx((0.5 * 0.04 + 0.5 * 0.5 * (1.5 - 0.25)) / 2)
    with pytest.raises(UnknownNameError):
        error_loss(errors, is_used, 2.0, kind="absolute")
    with pytest.raises(InvalidValueError):
        error_loss(errors, is_used, 2.0, huber_delta=0.0)


def test_the_pessimists_term_by_hand():
    q = torch.tensor([[[0.0, np.log(3.0)]], [[0.0, 0.0]]])
    found = conservative_loss(q, torch.tensor([1]), 2.0)
    assert float(found) == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)


# Whole objectives on a tiny model in float64 ------------------------------------------------------------


def make_rows(seed=0):
    rng = np.random.default_rng(seed)
    text = ["ppaa", "paeea", "paae", "ppaaa"]
    lengths = torch.tensor([len(row) for row in text])
    is_action = torch.tensor([[c == "a" for c in row.ljust(5, ".")] for row in text])
    return ReplayRows(
        input_ids=torch.tensor(rng.integers(0, VOCAB_SIZE, (4, 5))), lengths=lengths, is_action=is_action,
        logp_behaviour=torch.zeros(4, 5, dtype=torch.float64),
        rewards=torch.tensor(rng.random((4, 5))) * (torch.arange(5) < lengths[:, None]),
        terminated=torch.tensor([True, True, False, True]),
        truncated=torch.tensor([False, False, True, False]), success=torch.ones(4, dtype=torch.bool),
        problem_index=torch.arange(4), group=torch.tensor([0, 0, 1, 1]),
        born=torch.zeros(4, dtype=torch.int64),
    )  # fmt: skip


def make_objective(kind, **options):
    torch.manual_seed(0)
    # The norms of Llama compute in float32 whatever the weights are; those of GPT-2 do not.
    policy = Policy(make_model("gpt2").double()).double()
    options = {"target": "none", "group_size": 2, "gamma": 0.9, "beta": BETA} | options
    model = QModel(policy, kind=kind, beta=BETA).double()
    with torch.no_grad():
        for parameter in model.parameters():  # away from the start, where much is 0
            parameter.add_(0.05 * torch.randn_like(parameter))
    config = QLearningConfig(parametrisation=kind, **options)
    return (LogitsObjective if kind == "logits" else HeadsObjective)(model, config), model


def batch_of(objective, rows=None):
    rows, _ = objective.prepare(make_rows() if rows is None else rows, 10**6)
    replay = Replay(100)
    replay.add(rows)
    batch = replay.sample(np.random.default_rng(0), 4)
    return batch._replace(weights=torch.tensor([1.0, 0.5, 0.25, 1.0]))


def call_once(function):
    """Returns the function with its first result kept for good: all rows come in one micro-batch here."""
    kept = []

    def call(*args):
        if not kept:
            kept.append(function(*args))
        return kept[0]

    return call


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *(("logits", {"variant": variant}) for variant in VARIANTS),
        ("heads", {"backup": "max", "trace": "watkins", "lam": 0.5, "conservative_coefficient": 0.1}),
        ("heads", {"backup": "expected", "n_step": 2, "error": "huber", "huber_delta": 0.2}),
        ("heads", {"imitation": "best", "backup": "soft", "priority_exponent": 0.5}),
    ],
)
def test_gradients_equal_central_differences(kind, options):
    objective, model = make_objective(kind, **options)
    batch = batch_of(objective)
    # Targets and weights of heads are constants: they are kept while a weight is moved.
    if kind == "heads":
        for name in ("_targets", "_imitation_weights"):
            setattr(objective, name, call_once(getattr(objective, name)))
    loss_of_rows, _ = objective.make_loss(batch, 10**6)
    rows = torch.arange(4)
    loss_of_rows(rows).loss.backward()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if parameter.grad is None or not parameter.grad.any():
            continue
        place = tuple(int(torch.randint(size, (1,), generator=generator)) for size in parameter.shape)
        if not parameter.grad[place]:
            place = tuple(int(i) for i in torch.unravel_index(parameter.grad.abs().argmax(), parameter.shape))
        h = 1e-6
        ends = []
        for step in (h, -h):
            with torch.no_grad():
                parameter[place] += step
                ends.append(float(loss_of_rows(rows).loss.detach()))
                parameter[place] -= step
        slope = (ends[0] - ends[1]) / (2 * h)
        assert float(parameter.grad[place]) == pytest.approx(slope, rel=1e-5, abs=1e-8), name


def each_row(rows):
    """Yields each row's number, what its actions earned, its prefixes before them and its actions."""
    for b in range(len(rows)):
        ids, is_action = rows.input_ids[b].tolist(), rows.is_action[b].tolist()
        length = int(rows.lengths[b])
        places = [t for t in range(length) if is_action[t]]
        prefixes = [ids[:t] for t in places] + ([ids[:length]] if rows.truncated[b] else [])
        earned = reference.earned_by(rows.rewards[b].tolist(), is_action, length)
        yield b, earned, prefixes, [ids[t] for t in places]


@torch.no_grad()
def ask_alone(model, prefix):
    """Returns Q [K, V] and V of one prefix, by a pass of its own."""
    length = torch.tensor([len(prefix)])
    found = model.evaluate_states(
        torch.tensor([prefix]), length, torch.arange(len(prefix))[None] == length - 1
    )
    return found.q[:, 0], float(found.values)


@pytest.mark.parametrize("trace", ["peng", "watkins"])
@pytest.mark.parametrize("is_double", [True, False])
def test_targets_of_heads_are_those_of_a_slow_loop(is_double, trace):
    low, high = 0.1, 0.5
    objective, model = make_objective(
        "heads", target="polyak", double=is_double, trace=trace, lam=0.5, prior_coefficient=0.0,
        clip_low=low, clip_high=high,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in objective.target.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = batch_of(objective)
    loss_of_rows, errors = objective.make_loss(batch, 10**6)
    loss, expected, is_clipped = loss_of_rows(torch.arange(4)).loss.detach(), 0.0, set()
    for b, earned, prefixes, actions in each_row(batch.rows):
        online = [ask_alone(model, prefix) for prefix in prefixes]
        slow = [ask_alone(objective.target, prefix)[0].amin(0) for prefix in prefixes]
        choosers = [q.amin(0) for q, _ in online]
        values = [
            float(judge[chooser.argmax() if is_double else judge.argmax()])
            for judge, chooser in zip(slow, choosers, strict=True)
        ]
        greedy = [bool(chooser.argmax() == a) for chooser, a in zip(choosers, actions, strict=False)]
        last = values[-1] if batch.rows.truncated[b] else 0.0
        before, cut = values[: len(actions)], greedy if trace == "watkins" else None
        targets = reference.lambda_return(earned, before, last, 0.9, 0.5, cut)
        is_clipped |= {(x < low, x > high) for x in [*targets, *before]}
        row_errors = []
        for (q, v), action, target, value in zip(online, actions, targets, before, strict=False):
            of_heads = q[:, action] - min(max(target, low), high)
            of_value = v - min(max(value, low), high)
            weight = float(batch.weights[b]) / float(batch.rows.is_action.sum())
            expected += weight * 0.5 * (float(of_heads.square().sum()) + 0.5 * of_value**2)
            row_errors.append(float(of_heads.abs().mean()))
        assert float(errors[b]) == pytest.approx(np.mean(row_errors), rel=1e-5)
    assert len(is_clipped) == 3  # below, above and between
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@torch.no_grad()
def logps_alone(policy, prefix):
    """Returns the log-probs of all tokens and the normaliser of one prefix, by a pass of its own."""
    logits = policy.output_logits(policy.hidden_states(torch.tensor([prefix]))[0, -1])
    return logits.log_softmax(-1), float(logits.logsumexp(-1))


@pytest.mark.parametrize("variant", ["one_step", "multi_step", "trajectory", "tbrm"])
def test_residuals_of_logits_are_those_of_plain_passes(variant):
    objective, model = make_objective("logits", variant=variant)
    batch = batch_of(objective)
    loss_of_rows, errors = objective.make_loss(batch, 10**6)
    loss, expected = loss_of_rows(torch.arange(4)).loss.detach(), 0.0
    is_once = variant in ("trajectory", "tbrm")
    num_residuals = len(batch.rows) if is_once else int(batch.rows.is_action.sum())
    for b, earned, prefixes, actions in each_row(batch.rows):
        now = [logps_alone(model.policy, prefix) for prefix in prefixes]
        with model.reference.frozen() as frozen:
            before = [logps_alone(frozen, prefix) for prefix in prefixes]
        ratios = [
            float(one[0][action] - other[0][action])
            for one, other, action in zip(now, before, actions, strict=False)
        ]
        norms, reference_norms = ([norm for _, norm in found] for found in (now, before))
        residuals = reference.soft_residuals(
            variant, earned, ratios, norms, reference_norms, BETA, 0.9, bool(batch.rows.truncated[b])
        )
        expected += float(batch.weights[b]) * sum(0.5 * r**2 for r in residuals) / num_residuals
        used = residuals[:1] if is_once else residuals
        assert float(errors[b]) == pytest.approx(np.mean(np.abs(used)), rel=1e-4)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["logits", "heads"])
def test_micro_batches_add_up_to_the_whole(kind):
    objective, model = make_objective(kind, **({"variant": "path_consistency"} if kind == "logits" else {}))
    batch = batch_of(objective)
    results = []
    for budget in (10**6, 5):
        loss_of_rows, errors = objective.make_loss(batch, budget)
        done = accumulate_gradients(loss_of_rows, batch.rows.lengths, budget, model.parameters())
        results.append((done.loss, done.stats, errors.clone()))
        gradient = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        results[-1] += (gradient,)
    (loss, stats, errors, gradient), (other_loss, other_stats, other_errors, other_gradient) = results
    assert loss == pytest.approx(other_loss) and stats == pytest.approx(other_stats)
    assert torch.allclose(errors, other_errors) and errors.all()
    for a, b in zip(gradient, other_gradient, strict=True):
        assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("kind", ["logits", "heads"])
def test_what_stands_in_padding_and_replies_does_not_matter(kind):
    objective, model = make_objective(kind)
    rows = make_rows()
    results = []
    for poison in (0.0, torch.nan):
        in_row = torch.arange(5) < rows.lengths[:, None]
        poisoned = ReplayRows(
            **(vars(rows) | {
                "rewards": rows.rewards.masked_fill(~in_row, poison),
                "logp_behaviour": rows.logp_behaviour.masked_fill(~rows.is_action, poison),
                "input_ids": rows.input_ids.masked_fill(~in_row, 0 if poison == 0 else VOCAB_SIZE - 1),
            })
        )  # fmt: skip
        loss_of_rows, _ = objective.make_loss(batch_of(objective, poisoned), 10**6)
        model.zero_grad()
        loss = loss_of_rows(torch.arange(4)).loss
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    for clean, other in zip(*results, strict=True):
        assert torch.equal(clean, other)


def test_sums_equal_plain_logits_also_in_chunks():
    policy = Policy(make_model("llama"), max_logits=3 * VOCAB_SIZE)
    rows = make_rows()
    at = find_actions(rows.is_action, rows.lengths, rows.truncated)
    sums = logit_sums(policy, rows.input_ids, at)
    sums.logps.sum().backward()
    found = LogitSums(*(part.detach() for part in sums))
    logits = policy.model(input_ids=rows.input_ids).logits.detach()
    for b in range(4):
        columns = [t for t in range(5) if rows.is_action[b, t]]
        states = [t - 1 for t in columns] + ([int(rows.lengths[b]) - 1] if rows.truncated[b] else [])
        for j, t in enumerate(states):
            assert float(found.normalisers[b, j]) == pytest.approx(
                float(logits[b, t].logsumexp(-1)), rel=1e-4
            )
        for j, t in enumerate(columns):
            logps = logits[b, t - 1].log_softmax(-1)
            assert float(found.logps[b, j]) == pytest.approx(float(logps[rows.input_ids[b, t]]), rel=1e-4)
            assert float(found.entropies[b, j]) == pytest.approx(
                -float((logps.exp() * logps).sum()), rel=1e-4
            )
