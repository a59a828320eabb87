from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.losses import (
    aggregate,
    entropy_loss,
    importance_weights,
    loss_denominator,
    merge_stats,
    ppo_policy_loss,
    sft_loss,
    value_loss,
)
from tests.reference import losses as reference

F64 = torch.float64
ROWS, WIDTH = 7, 9


def make_batch(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(scale=1.0):
        return torch.randn(ROWS, WIDTH, generator=generator, dtype=F64) * scale

    is_action = torch.rand(ROWS, WIDTH, generator=generator) < 0.6
    is_action[:, 0] = False
    is_action[:, 1] = True
    old = draw() - 2
    return {
        "logp_policy": old + draw(0.4),
        "logp_old": old,
        "advantages": draw(),
        "is_action": is_action,
    }


OPTIONS = [
    {},
    {"clip_low": 0.2, "clip_high": 0.28},
    {"dual_clip": 1.3},
    {"clip_low": 0.1, "clip_high": 0.3, "dual_clip": 3.0, "aggregation": "sequence"},
    {"aggregation": "constant"},
    {"weights": "given"},
]


def complete(options, batch):
    """Fills in what an option set leaves open."""
    options = dict(options)
    if options.get("weights") == "given":
        generator = torch.Generator().manual_seed(9)
        options["weights"] = torch.rand(ROWS, WIDTH, generator=generator, dtype=F64) * 2
    aggregation = options.get("aggregation", "token")
    max_tokens = 20 if aggregation == "constant" else None
    options["denominator"] = loss_denominator(batch["is_action"], aggregation, max_tokens=max_tokens)
    return options


@pytest.mark.parametrize("options", OPTIONS)
def test_ppo_equals_the_loop_over_tokens(options):
    batch = make_batch()
    options = complete(options, batch)
    got = ppo_policy_loss(**batch, **options)
    per_token = reference.ppo(
        batch["logp_policy"].tolist(),
        batch["logp_old"].tolist(),
        batch["advantages"].tolist(),
        batch["is_action"].tolist(),
        options.get("clip_low", 0.2),
        options.get("clip_high", 0.2),
        options.get("dual_clip"),
        options["weights"].tolist() if "weights" in options else None,
    )
    expected = reference.mean(per_token, options.get("aggregation", "token"), 20)
    assert float(got.loss) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
def test_ppo_gradient_equals_central_differences(options):
    batch = make_batch(1)
    options = complete(options, batch)
    rest = {k: v for k, v in batch.items() if k != "logp_policy"}

    def loss(logp):
        return ppo_policy_loss(logp_policy=logp, **rest, **options).loss

    logp = batch["logp_policy"].requires_grad_()
    loss(logp).backward()
    numeric = reference.central_differences(loss, logp.detach())
    assert (logp.grad - numeric).norm() <= 1e-5 * numeric.norm()


def test_ppo_worked_by_hand():
    # Ratios 1.5, 0.5, 1.5, 0.5, 4 with advantages 2, 2, -2, -2, -1; range 0.8 to 1.28, dual clip 3:
    #   min(3, 2.56) = 2.56;  min(1, 1.6) = 1;  min(-3, -2.56) = -3;  min(-1, -1.6) = -1.6;
    #   min(-4, -1.28) = -4, at least -3: -3.   Sum -4.04, loss 4.04 / 5 = 0.808.
    ratios = torch.tensor([[1.5, 0.5, 1.5, 0.5, 4.0]], dtype=F64)
    got = ppo_policy_loss(
        logp_policy=ratios.log(),
        logp_old=torch.zeros(1, 5, dtype=F64),
        advantages=torch.tensor([[2.0, 2, -2, -2, -1]], dtype=F64),
        is_action=torch.ones(1, 5, dtype=torch.bool),
        denominator=5,
        clip_low=0.2,
        clip_high=0.28,
        dual_clip=3.0,
    )
    assert float(got.loss) == pytest.approx(0.808, abs=1e-12)
    stats = merge_stats([got.stats])
    assert stats["clip_fraction_high"] == pytest.approx(1 / 5)
    assert stats["clip_fraction_low"] == pytest.approx(1 / 5)
    assert stats["dual_clip_fraction"] == pytest.approx(1 / 5)
    assert stats["ratio"] == pytest.approx(8 / 5)
    assert stats["ratio_max"] == pytest.approx(4)
    logs = [math.log(r) for r in (1.5, 0.5, 1.5, 0.5, 4.0)]
    assert stats["approx_kl_k1"] == pytest.approx(-sum(logs) / 5)
    assert stats["approx_kl_k3"] == pytest.approx((8 - 5 - sum(logs)) / 5)
    assert stats["num_tokens"] == 5


def test_ppo_at_ratio_one_has_the_policy_gradient():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 5, generator=generator, dtype=F64, requires_grad=True)
    actions = torch.randint(0, 5, (6,), generator=generator)
    advantages = torch.randn(6, generator=generator, dtype=F64)
    logps = logits.log_softmax(-1).gather(-1, actions[:, None]).T
    ppo = ppo_policy_loss(
        logp_policy=logps,
        logp_old=logps.detach(),
        advantages=advantages[None],
        is_action=torch.ones(1, 6, dtype=torch.bool),
        denominator=6,
    )
    ppo.loss.backward()
    # d/dlogits of -mean(A log pi) = -A (onehot - softmax) / n, written out.
    onehot = torch.nn.functional.one_hot(actions, 5)
    expected = -advantages[:, None] * (onehot - logits.detach().softmax(-1)) / 6
    torch.testing.assert_close(logits.grad, expected, atol=1e-14, rtol=1e-12)
    stats = merge_stats([ppo.stats])
    assert stats["approx_kl_k1"] == 0 and stats["approx_kl_k3"] == 0 and stats["ratio"] == 1


def test_huge_log_ratios_stay_finite():
    logp = torch.tensor([[500.0, -500.0]], requires_grad=True)
    got = ppo_policy_loss(
        logp_policy=logp,
        logp_old=torch.zeros(1, 2),
        advantages=torch.tensor([[-1.0, 1.0]]),
        is_action=torch.ones(1, 2, dtype=torch.bool),
        denominator=2,
    )
    got.loss.backward()
    assert torch.isfinite(got.loss) and torch.isfinite(logp.grad).all()
    assert merge_stats([got.stats])["ratio_max"] == pytest.approx(math.exp(20))


def value_batch(seed=2):
    batch = make_batch(seed)
    return {
        "values": batch["logp_policy"],
        "old_values": batch["logp_old"],
        "returns": batch["advantages"],
        "is_action": batch["is_action"],
    }


@pytest.mark.parametrize("clip", [None, 0.2])
@pytest.mark.parametrize("aggregation", ["token", "sequence"])
def test_value_loss_equals_the_loop_and_its_gradient_central_differences(clip, aggregation):
    batch = value_batch()
    options = {"clip": clip, "aggregation": aggregation}
    options["denominator"] = loss_denominator(batch["is_action"], aggregation)
    arrays = [batch[k].tolist() for k in ("values", "old_values", "returns", "is_action")]
    expected = reference.mean(reference.value(*arrays, clip), aggregation)
    rest = {k: v for k, v in batch.items() if k != "values"}

    def loss(values):
        return value_loss(values=values, **rest, **options).loss

    values = batch["values"].requires_grad_()
    assert float(loss(values).detach()) == pytest.approx(expected, rel=1e-12)
    loss(values).backward()
    numeric = reference.central_differences(loss, values.detach())
    assert (values.grad - numeric).norm() <= 1e-5 * numeric.norm()


def test_value_loss_worked_by_hand():
    # V = 1, old 0, return 2, clip 0.2: unclipped (1 - 2)^2 = 1, clipped (0.2 - 2)^2 = 3.24: loss 1.62.
    # V = 1, old 0, return 0: unclipped 1, clipped 0.04: loss 0.5.
    got = value_loss(
        values=torch.tensor([[1.0, 1.0]]),
        old_values=torch.zeros(1, 2),
        returns=torch.tensor([[2.0, 0.0]]),
        is_action=torch.ones(1, 2, dtype=torch.bool),
        denominator=2,
        clip=0.2,
    )
    assert float(got.loss) == pytest.approx((1.62 + 0.5) / 2)
    stats = merge_stats([got.stats])
    assert stats["value_clip_fraction"] == 0.5 and stats["value_error_squared"] == 1 and stats["value"] == 1


def test_entropy_gradient_equals_central_differences():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, generator=generator, dtype=F64, requires_grad=True)
    acts = torch.tensor([[True, True, False], [False, True, True]])

    def loss(logits):
        p = logits.softmax(-1)
        return entropy_loss(-(p * p.log()).sum(-1), acts, 4).loss

    loss(logits).backward()
    numeric = reference.central_differences(loss, logits.detach())
    assert (logits.grad - numeric).norm() <= 1e-5 * numeric.norm()
    assert float(loss(torch.zeros(2, 3, 5, dtype=F64))) == pytest.approx(-math.log(5))


def test_sft_counts_every_target_whatever_its_id():
    logp = torch.tensor([[-9.0, -1.0, -2.0, -9.0]], requires_grad=True)
    is_target = torch.tensor([[False, True, True, False]])
    got = sft_loss(logp, is_target, 2)
    got.loss.backward()
    assert float(got.loss.detach()) == 1.5
    assert logp.grad.tolist() == [[0, -0.5, -0.5, 0]]


def test_aggregations_worked_by_hand():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 7.0, 7.0], [7.0, 7.0, 7.0]])
    acts = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    # token: (1 + 2 + 3 + 4) / 4; sequence: (2 + 4) / 2; constant: 10 / (2 rows * 5 tokens)
    for aggregation, expected in (("token", 2.5), ("sequence", 3.0), ("constant", 1.0)):
        denominator = loss_denominator(acts, aggregation, max_tokens=5)
        assert float(aggregate(x, acts, denominator, aggregation)) == expected
    with pytest.raises(InvalidValueError, match="max_tokens"):
        loss_denominator(acts, "constant")
    with pytest.raises(InvalidValueError, match="sequence"):
        loss_denominator(acts, "mean")
    assert loss_denominator(torch.zeros(2, 3, dtype=torch.bool)) == 1.0


def test_shares_of_parts_add_up():
    batch = make_batch(3)
    for options in OPTIONS:
        options = complete(options, batch)
        whole = ppo_policy_loss(**batch, **options)
        weights = options.pop("weights", None)
        parts = []
        for rows in (slice(0, 2), slice(2, 3), slice(3, 7)):
            part = {} if weights is None else {"weights": weights[rows]}
            parts.append(ppo_policy_loss(**{k: v[rows] for k, v in batch.items()}, **options, **part))
        assert float(sum(p.loss for p in parts)) == pytest.approx(float(whole.loss), rel=1e-13)
        assert merge_stats([p.stats for p in parts]) == pytest.approx(merge_stats([whole.stats]), rel=1e-13)
    assert merge_stats([]) == {}


@pytest.mark.parametrize("poison", [1e6, float("nan"), float("inf")])
def test_what_no_action_holds_changes_nothing_at_all(poison):
    batch = make_batch(4)
    acts = batch["is_action"]
    others = make_batch(5)

    def run(fill):
        def poked(x):
            return torch.where(acts, x, fill)

        logp = poked(batch["logp_policy"]).requires_grad_()
        values = poked(others["logp_policy"]).requires_grad_()
        entropies = poked(others["logp_old"]).requires_grad_()
        old, advantages = poked(batch["logp_old"]), poked(batch["advantages"])
        weights = importance_weights(
            logp_old=old, logp_behaviour=poked(others["logp_old"] * 0.1 + batch["logp_old"]), is_action=acts
        )
        losses = [
            ppo_policy_loss(
                logp_policy=logp,
                logp_old=old,
                advantages=advantages,
                is_action=acts,
                denominator=30,
                dual_clip=3.0,
                weights=torch.where(acts, weights, fill),
                aggregation=aggregation,
            )
            for aggregation in ("token", "sequence")
        ]
        losses.append(
            value_loss(
                values=values,
                old_values=poked(others["logp_old"]),
                returns=poked(others["advantages"]),
                is_action=acts,
                denominator=30,
            )
        )
        losses += [entropy_loss(entropies, acts, 30), sft_loss(logp, acts, 30)]
        total = sum(x.loss for x in losses)
        total.backward()
        return (
            total.detach(),
            [logp.grad, values.grad, entropies.grad],
            [merge_stats([x.stats]) for x in losses],
        )

    clean, dirty = run(0.5), run(poison)
    assert torch.equal(clean[0], dirty[0])
    for a, b in zip(clean[1], dirty[1], strict=True):
        assert torch.equal(a, b) and (a[~acts] == 0).all()
    assert clean[2] == dirty[2]


def test_importance_weights_worked_by_hand():
    # Ratios 0.5, 1, 4 in the first row (product 2), 4, 2 in the second (product 8).
    ratios = torch.tensor([[0.5, 1.0, 4.0], [4.0, 2.0, 99.0]], dtype=F64)
    acts = torch.tensor([[True, True, True], [True, True, False]])
    arrays = {"logp_old": ratios.log(), "logp_behaviour": torch.zeros(2, 3, dtype=F64), "is_action": acts}
    got = importance_weights(**arrays, mode="truncate", high=2.0)
    np.testing.assert_allclose(got.numpy(), [[0.5, 1, 2], [2, 2, 0]])
    got = importance_weights(**arrays, mode="mask", low=0.75, high=2.5)
    np.testing.assert_allclose(got.numpy(), [[0, 1, 0], [0, 2, 0]])
    got = importance_weights(**arrays, mode="sequence_mask", high=3.0)
    np.testing.assert_allclose(got.numpy(), [[0.5, 1, 4], [0, 0, 0]])
    with pytest.raises(InvalidValueError, match="sequence_mask"):
        importance_weights(**arrays, mode="band")


@pytest.mark.parametrize("options", [{"clip_low": 1.0}, {"clip_high": -0.1}, {"dual_clip": 1.1}])
def test_ranges_are_checked(options):
    with pytest.raises(InvalidValueError, match="clip"):
        ppo_policy_loss(**make_batch(), denominator=1, **options)
    batch = value_batch()
    with pytest.raises(InvalidValueError, match="clip"):
        value_loss(**batch, denominator=1, clip=0.0)
