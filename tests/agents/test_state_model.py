"""State models and Q models: asked about prefixes, they say what a plain forward pass says."""

from __future__ import annotations

import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.models import Policy, make_tiny_model
from lmgym_agents.q.heads import QHeads, make_target, update_target
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.state_model import PolicyStates, RecomputedHidden

ROWS = [[1, 5, 3, 2], [7], [4, 4, 9, 9, 1, 0], [1, 5, 3]]


@pytest.fixture
def policy() -> Policy:
    return Policy(make_tiny_model(16, layers=2, hidden_size=32, heads=4, seed=3, context=32))


def plain_logits(policy: Policy, row: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return policy.model(input_ids=torch.tensor([row])).logits[0, -1].double()


def test_log_probs_are_those_of_a_plain_forward_pass_of_each_row_alone(policy):
    found = PolicyStates(policy).evaluate(ROWS)
    for row, logps in zip(ROWS, found.logps, strict=True):
        assert torch.allclose(
            torch.tensor(logps).double(), plain_logits(policy, row).log_softmax(-1), atol=1e-5
        )
    assert found.q is None
    assert found.values is None


def test_rows_are_the_same_whatever_fits_into_one_pass(policy):
    at_once = RecomputedHidden(policy)(ROWS)
    one_by_one = RecomputedHidden(policy, max_tokens=1)(ROWS)
    assert torch.allclose(at_once, one_by_one, atol=1e-6)


def test_computed_tokens_are_counted(policy):
    states = PolicyStates(policy)
    states.evaluate(ROWS)
    states.evaluate([[3]])
    assert states.num_computed == 4 + 1 + 6 + 3 + 1


def test_values_come_from_the_value_head(policy):
    torch.nn.init.normal_(policy.value_head.weight)
    found = PolicyStates(policy, has_values=True).evaluate(ROWS)
    lengths = torch.tensor([len(row) for row in ROWS])
    ids = torch.zeros(4, 6, dtype=torch.int64)
    for place, row in enumerate(ROWS):
        ids[place, : len(row)] = torch.tensor(row)
    expected = policy.evaluate(ids, lengths, need_logps=False).bootstrap_values(lengths)
    assert torch.allclose(torch.tensor(found.values), expected, atol=1e-5)


@pytest.mark.parametrize("rows", [[], [[1], []]])
def test_empty_prefixes_are_refused(policy, rows):
    with pytest.raises(InvalidValueError, match="empty row"):
        PolicyStates(policy).evaluate(rows)


def test_values_of_a_separate_backbone_are_refused(policy):
    other = Policy(policy.model, value="separate")
    with pytest.raises(InvalidValueError, match="shared"):
        PolicyStates(other, has_values=True)


def test_logits_as_q_begin_at_zero_and_say_what_the_formula_says_after_a_change(policy):
    model = QModel(policy, kind="logits", beta=0.5)
    before = QStates(model).evaluate(ROWS)
    assert abs(before.q).max() == 0
    assert abs(before.values).max() == 0
    old = [plain_logits(policy, row) for row in ROWS]
    with torch.no_grad():
        policy.model.get_input_embeddings().weight.mul_(1.5)
    after = QStates(model).evaluate(ROWS)
    for place, row in enumerate(ROWS):
        new = plain_logits(policy, row)
        q = 0.5 * (new - old[place])
        value = 0.5 * (new.exp().sum().log() - old[place].exp().sum().log())
        assert torch.allclose(torch.tensor(after.q[place]).double(), q, atol=1e-5)
        assert float(after.values[place]) == pytest.approx(float(value), abs=1e-5)
        # The soft value of Q under the reference: β log Σ π_ref exp(Q/β), summed in plain sight.
        chances = old[place].exp() / old[place].exp().sum()
        assert float(value) == pytest.approx(float(0.5 * (chances * (q / 0.5).exp()).sum().log()), abs=1e-9)


def test_heads_begin_with_the_expected_return_everywhere(policy):
    model = QModel(policy, kind="heads", num_heads=3, initial_value=0.25)
    found = QStates(model).evaluate(ROWS)
    assert (found.q == 0.25).all()
    assert (found.values == 0.25).all()


def test_the_smallest_head_counts(policy):
    model = QModel(policy, kind="heads")
    with torch.no_grad():
        model.heads.q_heads[0][-1].bias.fill_(0.3)
        model.heads.q_heads[1][-1].bias[5] = 0.9
    found = QStates(model).evaluate(ROWS)
    assert found.q[:, 5] == pytest.approx(0.3)
    assert found.q[:, 4] == pytest.approx(0.0)


def test_states_before_actions_are_those_of_the_prefixes(policy):
    model = QModel(policy, kind="heads")
    for parameter in model.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    row = ROWS[2]
    is_action = torch.tensor([[False, False, True, False, True, True]])
    found = model.evaluate(torch.tensor([row]), torch.tensor([6]), is_action)
    asked = QStates(model).evaluate([row[:2], row[:4], row[:5]])
    assert torch.allclose(found.min_q, torch.tensor(asked.q), atol=1e-5)
    assert torch.allclose(found.values, torch.tensor(asked.values), atol=1e-5)


@pytest.mark.parametrize(("kind", "beta"), [("head", 0.1), ("logits", 0.0), ("logits", float("nan"))])
def test_nonsense_is_refused(policy, kind, beta):
    with pytest.raises(InvalidValueError):
        QModel(policy, kind=kind, beta=beta)


def test_targets_move_by_their_rate_and_get_no_gradient():
    heads = QHeads(4, 6)
    target = make_target(heads)
    assert not any(parameter.requires_grad for parameter in target.parameters())
    with torch.no_grad():
        heads.value_head[-1].bias.fill_(1.0)
    update_target(target, heads, 0.25)
    assert float(target.value_head[-1].bias) == pytest.approx(0.25)
    update_target(target, heads, 1.0)
    assert float(target.value_head[-1].bias) == 1.0
