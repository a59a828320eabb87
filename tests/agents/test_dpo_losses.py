from __future__ import annotations

import math

import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.dpo_losses import dpo_loss

RIGHT = torch.tensor([-1.0, -2.0], dtype=torch.float64)
WRONG = torch.tensor([-3.0, -1.0], dtype=torch.float64)
REFERENCE_RIGHT = torch.tensor([-1.5, -2.0], dtype=torch.float64)
REFERENCE_WRONG = torch.tensor([-2.0, -2.0], dtype=torch.float64)
# h = (0.5 - -1.0, 0.0 - 1.0) = (1.5, -1.0)


def softplus(x):
    return math.log1p(math.exp(x))


def test_dpo_by_hand():
    found = dpo_loss(RIGHT, WRONG, REFERENCE_RIGHT, REFERENCE_WRONG, beta=0.2)
    # -log σ(0.3) = log(1 + e^-0.3), -log σ(-0.2) = log(1 + e^0.2)
    assert found.loss == pytest.approx((softplus(-0.3) + softplus(0.2)) / 2)
    assert found.stats["margin"] == pytest.approx(0.2 * 0.5)
    assert int(found.stats["pairs_right"]) == 1 and int(found.stats["num_tokens"]) == 2


def test_smoothed_labels_and_ipo_by_hand():
    smooth = dpo_loss(RIGHT, WRONG, REFERENCE_RIGHT, REFERENCE_WRONG, beta=0.2, label_smoothing=0.1)
    each = [0.9 * softplus(-x) + 0.1 * softplus(x) for x in (0.3, -0.2)]
    assert smooth.loss == pytest.approx(sum(each) / 2)
    ipo = dpo_loss(RIGHT, WRONG, REFERENCE_RIGHT, REFERENCE_WRONG, beta=0.25, kind="ipo")
    assert ipo.loss == pytest.approx(((1.5 - 2) ** 2 + (-1 - 2) ** 2) / 2)


@pytest.mark.parametrize("kind", ["sigmoid", "ipo"])
def test_gradients_equal_central_differences(kind):
    def loss(right, wrong):
        options = {"beta": 0.3, "kind": kind, "label_smoothing": 0.05}
        return dpo_loss(right, wrong, REFERENCE_RIGHT, REFERENCE_WRONG, **options).loss

    right, wrong = RIGHT.clone().requires_grad_(), WRONG.clone().requires_grad_()
    loss(right, wrong).backward()
    step = 1e-5
    for place in range(2):
        nudge = torch.zeros(2, dtype=torch.float64)
        nudge[place] = step
        by_right = (loss(RIGHT + nudge, WRONG) - loss(RIGHT - nudge, WRONG)) / (2 * step)
        by_wrong = (loss(RIGHT, WRONG + nudge) - loss(RIGHT, WRONG - nudge)) / (2 * step)
        assert right.grad[place] == pytest.approx(float(by_right), abs=1e-8)
        assert wrong.grad[place] == pytest.approx(float(by_wrong), abs=1e-8)
    # A step downhill makes right responses likelier (for IPO as long as they lie short of its margin).
    assert right.grad[1] < 0 < wrong.grad[1]


def test_parts_of_a_batch_add_up():
    whole = dpo_loss(RIGHT, WRONG, REFERENCE_RIGHT, REFERENCE_WRONG)
    parts = [
        dpo_loss(RIGHT[i], WRONG[i], REFERENCE_RIGHT[i], REFERENCE_WRONG[i], num_pairs=2).loss
        for i in ([0], [1])
    ]
    assert whole.loss == pytest.approx(float(sum(parts)))


@pytest.mark.parametrize("bad", [{"beta": 0}, {"beta": -1}, {"label_smoothing": 0.5}, {"kind": "hinge"}])
def test_what_is_not_allowed_is_named(bad):
    with pytest.raises(InvalidValueError, match="dpo_loss needs"):
        dpo_loss(RIGHT, WRONG, REFERENCE_RIGHT, REFERENCE_WRONG, **bad)
