from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.kl import AdaptiveKL, FixedKL, estimate_kl, exact_kl, kl_loss, penalise_rewards
from lmgym_agents.losses import merge_stats
from tests.reference.losses import central_differences

F64 = torch.float64
SAMPLES = 1_000_000


@pytest.fixture(scope="module")
def small():
    """A policy and a reference over 8 tokens, far apart, and a million tokens of the policy."""
    generator = torch.Generator().manual_seed(0)
    policy = torch.randn(8, generator=generator, dtype=F64)
    reference = torch.randn(8, generator=generator, dtype=F64)
    tokens = torch.multinomial(policy.softmax(-1), SAMPLES, replacement=True, generator=generator)
    return policy, reference, tokens


def true_kl(policy, reference):
    """KL(policy || reference) by its definition, in Python floats."""
    p, q = policy.softmax(-1).tolist(), reference.softmax(-1).tolist()
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def estimates(policy, reference, tokens, kind):
    return estimate_kl(policy.log_softmax(-1)[tokens], reference.log_softmax(-1)[tokens], kind)


def test_exact_kl(small):
    policy, reference, _ = small
    assert float(exact_kl(policy[None], reference[None])) == pytest.approx(
        true_kl(policy, reference), rel=1e-12
    )
    never = torch.tensor([[0.0, 0.0, -torch.inf]])
    # 0.5 log(0.5 * 3) twice
    assert float(exact_kl(never, torch.zeros(1, 3))) == pytest.approx(math.log(1.5), rel=1e-6)


@pytest.mark.parametrize("kind", ["k1", "k3", "k1+", "k3+"])
def test_mean_estimate_is_the_exact_kl(small, kind):
    x = estimates(*small, kind)
    error = float(x.mean()) - true_kl(*small[:2])
    assert abs(error) <= 3 * float(x.std()) / SAMPLES**0.5


def test_k2_is_biased_in_value_as_documented(small):
    x = estimates(*small, "k2")
    assert abs(float(x.mean()) - true_kl(*small[:2])) > 10 * float(x.std()) / SAMPLES**0.5


def test_k3_is_never_negative_and_less_noisy(small):
    k1, k3 = (estimates(*small, kind) for kind in ("k1", "k3"))
    assert (k1 < 0).any() and (k3 >= 0).all() and (estimates(*small, "k3+") >= 0).all()


def gradient(small, kind):
    policy, reference, tokens = small
    logits = policy.clone().requires_grad_()
    estimates(logits, reference, tokens, kind).mean().backward()
    return logits.grad


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("kind", ["k2", "k1+", "k3+"])
def test_gradient_is_that_of_the_exact_kl(small, kind):
    policy, reference, _ = small
    exact = central_differences(lambda x: torch.tensor(true_kl(x, reference), dtype=F64), policy)
    got = gradient(small, kind)
    assert cosine(got, exact) >= 0.999
    assert float((got - exact).norm() / exact.norm()) <= 0.02


def test_gradient_of_k3_is_that_of_the_other_divergence(small):
    policy, reference, _ = small
    other = central_differences(lambda x: torch.tensor(true_kl(reference, x), dtype=F64), policy)
    exact = central_differences(lambda x: torch.tensor(true_kl(x, reference), dtype=F64), policy)
    got = gradient(small, "k3")
    assert cosine(got, other) >= 0.999
    assert cosine(got, exact) < 0.99


def test_gradient_of_k1_is_noise_as_documented(small):
    policy, reference, _ = small
    exact = central_differences(lambda x: torch.tensor(true_kl(x, reference), dtype=F64), policy)
    assert float(gradient(small, "k1").norm()) < 0.01 * float(exact.norm())
    with pytest.raises(InvalidValueError, match="k1"):
        one = torch.zeros(1, 1)
        kl_loss(logp_policy=one, logp_reference=one, is_action=one == 0, denominator=1, kind="k1")


@pytest.mark.parametrize("kind", ["k2", "k3", "k3+"])
def test_ratio_corrects_for_tokens_of_an_older_policy(small, kind):
    policy, reference, tokens = small  # the tokens are of `policy`; the weights have moved on since
    generator = torch.Generator().manual_seed(1)
    moved = (policy + 0.3 * torch.randn(8, generator=generator, dtype=F64)).requires_grad_()
    got = kl_loss(
        logp_policy=moved.log_softmax(-1)[tokens][None],
        logp_reference=reference.log_softmax(-1)[tokens][None],
        is_action=torch.ones(1, SAMPLES, dtype=torch.bool),
        denominator=SAMPLES,
        kind=kind,
        logp_old=policy.log_softmax(-1)[tokens][None],
    )
    got.loss.backward()
    exact = central_differences(lambda x: torch.tensor(true_kl(x, reference), dtype=F64), moved.detach())
    assert cosine(moved.grad, exact) >= 0.999
    if kind != "k2":
        assert merge_stats([got.stats])["kl_loss"] == pytest.approx(
            true_kl(moved.detach(), reference), rel=0.02
        )


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_estimators_worked_by_hand(kind):
    # d = log 2: k1 = 0.6931, k2 = 0.2402, k3 = 1/2 - 1 + log 2 = 0.1931
    expected = {"k1": math.log(2), "k2": math.log(2) ** 2 / 2, "k3": math.log(2) - 0.5}[kind]
    got = estimate_kl(torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.25)]), kind)
    assert float(got) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["k2", "k3"])
def test_gradient_equals_central_differences(kind):
    generator = torch.Generator().manual_seed(0)
    logp = torch.randn(3, 4, generator=generator, dtype=F64, requires_grad=True)
    rest = {
        "logp_reference": torch.randn(3, 4, generator=generator, dtype=F64),
        "logp_old": torch.randn(3, 4, generator=generator, dtype=F64),
        "is_action": torch.rand(3, 4, generator=generator) < 0.7,
        "denominator": 7.0,
        "kind": kind,
    }
    if kind == "k2":
        rest.pop("logp_old")  # its ratio is a constant on purpose, which differences cannot see

    def loss(logp):
        return kl_loss(logp_policy=logp, **rest).loss

    loss(logp).backward()
    numeric = central_differences(loss, logp.detach())
    assert (logp.grad - numeric).norm() <= 1e-5 * numeric.norm()


@pytest.mark.parametrize("poison", [1e6, float("nan")])
def test_what_no_action_holds_changes_nothing_at_all(poison):
    generator = torch.Generator().manual_seed(0)
    arrays = [torch.randn(3, 4, generator=generator) for _ in range(4)]
    acts = torch.rand(3, 4, generator=generator) < 0.6

    def run(fill):
        policy, reference, old, rewards = (torch.where(acts, x, fill) for x in arrays)
        policy = policy.requires_grad_()
        got = kl_loss(
            logp_policy=policy,
            logp_reference=reference,
            is_action=acts,
            denominator=5,
            kind="k3",
            logp_old=old,
        )
        got.loss.backward()
        paid = penalise_rewards(
            rewards=rewards, logp_behaviour=old, logp_reference=reference, is_action=acts, coefficient=0.1
        )
        return got.loss.detach(), policy.grad, paid[acts]

    for a, b in zip(run(0.0), run(poison), strict=True):
        assert torch.equal(a, b)


def test_kl_in_the_reward_worked_by_hand():
    got = penalise_rewards(
        rewards=torch.tensor([[0.0, 0.0, 1.0]]),
        logp_behaviour=torch.tensor([[0.0, -1.0, -2.0]]),
        logp_reference=torch.tensor([[-5.0, -1.5, -1.0]]),
        is_action=torch.tensor([[False, True, True]]),
        coefficient=0.1,
    )
    np.testing.assert_allclose(got.numpy(), [[0, -0.05, 1.1]], atol=1e-7)


def test_adaptive_coefficient_worked_by_hand():
    control = AdaptiveKL(coefficient=0.1, target=6.0, horizon=1000)
    control.update(kl=6.6, num_episodes=100)  # error 0.1: * (1 + 0.1 * 100 / 1000)
    assert control.coefficient == pytest.approx(0.1 * 1.01)
    control.update(kl=60.0, num_episodes=100)  # error clipped to 0.2
    assert control.coefficient == pytest.approx(0.1 * 1.01 * 1.02)
    control.update(kl=-5.0, num_episodes=100)  # and to -0.2
    assert control.coefficient == pytest.approx(0.1 * 1.01 * 1.02 * 0.98)
    fixed = FixedKL(0.05)
    fixed.update(kl=60.0, num_episodes=100)
    assert fixed.coefficient == 0.05
    with pytest.raises(InvalidValueError, match="horizon"):
        AdaptiveKL(coefficient=0.1, target=6.0, horizon=0)


def test_unknown_kind():
    with pytest.raises(InvalidValueError, match="k3"):
        estimate_kl(torch.zeros(1), torch.zeros(1), "k4")
