"""Targets of Q heads: hand-worked tables, slow loops, and cells that must not matter."""

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.q.action_rows import find_actions, sum_rewards
from lmgym_agents.q.targets import clip_targets, lambda_returns, n_step_returns, state_values
from tests.reference import q_targets as reference


def rows_of(*texts, truncated):
    """``p`` prompt, ``a`` action, ``e`` environment; a row is as long as its text."""
    width = max(map(len, texts))
    is_action = torch.tensor([[c == "a" for c in text.ljust(width, ".")] for text in texts])
    lengths = torch.tensor([len(text) for text in texts])
    return is_action, lengths, find_actions(is_action, lengths, torch.tensor(truncated))


def test_states_stand_before_actions_and_after_truncated_rows():
    _, _, rows = rows_of("ppaa", "paeea", "paee", truncated=[False, False, True])
    assert rows.is_state.int().tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 1, 0]]
    assert rows.has_action.tolist() == [[True, True], [True, True], [True, False]]
    assert rows.has_state.int().tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 0]]
    assert rows.actions_among_states().tolist() == [True, True, True, True, True, False]
    assert rows.of_actions(torch.tensor([1, 2, 3, 4, 5])).tolist() == [[1, 2], [3, 4], [5, 0]]
    assert rows.of_states(torch.tensor([1, 2, 3, 4, 5, 6])).tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 0]]


def test_rewards_of_replies_belong_to_the_action_before_them():
    _, lengths, rows = rows_of("paeea", "pp", truncated=[False, False])
    rewards = torch.tensor([[9.0, 1.0, 0.25, 0.5, 2.0], [9.0, 9.0, torch.nan, torch.nan, torch.nan]])
    assert sum_rewards(rewards, rows, lengths).tolist() == [[1.75, 2.0], [0.0, 0.0]]


# Two rows of three actions: the first terminates with 1, the second is truncated with 0.8 to come.
TABLE = {
    "rewards": torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.5, 0.0]], dtype=torch.float64),
    "values": torch.tensor([[0.1, 0.2, 0.4, 7.0], [0.3, 0.6, 0.2, 0.8]], dtype=torch.float64),
    "has_action": torch.ones(2, 3, dtype=torch.bool),
    "has_state": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.bool),
}


@pytest.mark.parametrize(
    ("lam", "gamma", "expected"),
    [
        (0.0, 1.0, [[0.2, 0.4, 1.0], [0.6, 0.7, 0.8]]),
        (1.0, 1.0, [[1.0, 1.0, 1.0], [1.3, 1.3, 0.8]]),
        # Row 1, backwards: 1; 0.5 * (0.5 * 0.4 + 0.5 * 1) = 0.35; 0.5 * (0.5 * 0.2 + 0.5 * 0.35) = 0.1375.
        # Row 2: 0.5 * 0.8 = 0.4; 0.5 + 0.5 * (0.1 + 0.2) = 0.65; 0.5 * (0.3 + 0.325) = 0.3125.
        (0.5, 0.5, [[0.1375, 0.35, 1.0], [0.3125, 0.65, 0.4]]),
    ],
)
def test_lambda_returns_by_hand(lam, gamma, expected):
    found = lambda_returns(**TABLE, lam=lam, gamma=gamma)
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64))


def test_watkins_cuts_before_an_action_that_was_not_the_best():
    is_greedy = torch.tensor([[True, False, True], [False, True, False]])
    found = lambda_returns(**TABLE, lam=1.0, is_greedy=is_greedy)
    # Row 1: action 1 was not the best, so action 0 believes U_1; row 2: action 2 was not, so action 1 does.
    assert torch.allclose(found, torch.tensor([[0.2, 1.0, 1.0], [0.7, 0.7, 0.8]], dtype=torch.float64))


def test_n_step_returns_by_hand():
    one, two, many = (n_step_returns(**TABLE, steps=n) for n in (1, 2, 99))
    assert torch.equal(one, lambda_returns(**TABLE, lam=0.0))
    assert torch.allclose(two, torch.tensor([[0.4, 1.0, 1.0], [0.7, 1.3, 0.8]], dtype=torch.float64))
    assert torch.allclose(many, lambda_returns(**TABLE, lam=1.0))


def random_rows(seed, num_rows=12, width=14):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, width + 1, num_rows)
    is_action = (rng.random((num_rows, width)) < 0.5) & (np.arange(width) < lengths[:, None])
    is_action[:, 0] = False
    is_action[0] = False  # a row without an action
    truncated = rng.random(num_rows) < 0.5
    rewards, noise = rng.normal(size=(2, num_rows, width))
    return is_action, lengths, truncated, rewards, noise, rng


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cut", [False, True])
def test_targets_equal_slow_loops_over_rows_with_replies(seed, cut):
    is_action, lengths, truncated, rewards, _, rng = random_rows(seed)
    rows = find_actions(torch.tensor(is_action), torch.tensor(lengths), torch.tensor(truncated))
    values = torch.tensor(rng.normal(size=rows.has_state.shape))
    greedy = rng.random(rows.has_action.shape) < 0.6
    table = {
        "rewards": sum_rewards(torch.tensor(rewards), rows, torch.tensor(lengths)), "values": values,
        "has_action": rows.has_action, "has_state": rows.has_state, "gamma": 0.9,
    }  # fmt: skip
    found = lambda_returns(**table, lam=0.7, is_greedy=torch.tensor(greedy) if cut else None)
    steps = n_step_returns(**table, steps=3)
    for b in range(len(lengths)):
        earned = reference.earned_by(rewards[b], is_action[b], lengths[b])
        n = len(earned)
        last = float(values[b, n]) if truncated[b] and n else 0.0
        before = values[b, :n].tolist()
        truth = reference.lambda_return(earned, before, last, 0.9, 0.7, greedy[b] if cut else None)
        assert found[b, :n].tolist() == pytest.approx(truth, abs=1e-12)
        assert steps[b, :n].tolist() == pytest.approx(
            reference.n_step_return(earned, before, last, 0.9, 3), abs=1e-12
        )
        assert not found[b, n:].any() and not steps[b, n:].any()


def test_what_stands_in_unused_cells_changes_nothing():
    is_action, lengths, truncated, rewards, _, rng = random_rows(1)
    rows = find_actions(torch.tensor(is_action), torch.tensor(lengths), torch.tensor(truncated))
    poisoned = torch.tensor(rewards)
    poisoned[torch.arange(poisoned.shape[1]) >= torch.tensor(lengths)[:, None]] = torch.nan
    earned = sum_rewards(poisoned, rows, torch.tensor(lengths))
    assert torch.equal(earned, sum_rewards(torch.tensor(rewards), rows, torch.tensor(lengths)))
    values = torch.tensor(rng.normal(size=rows.has_state.shape))
    shared = {"has_action": rows.has_action, "has_state": rows.has_state}
    clean = lambda_returns(rewards=earned, values=values, lam=0.5, **shared)
    bad_rewards = earned.masked_fill(~rows.has_action, torch.nan)
    bad_values = values.masked_fill(~rows.has_state, torch.nan)
    assert torch.equal(lambda_returns(rewards=bad_rewards, values=bad_values, lam=0.5, **shared), clean)
    assert n_step_returns(rewards=bad_rewards, values=bad_values, steps=2, **shared).isfinite().all()


# Two heads, one state, three actions. min: online [1, 3, 2], target [4, 1, 5].
ONLINE = torch.tensor([[[1.0, 3.0, 2.0]], [[2.0, 4.0, 6.0]]])
TARGET = torch.tensor([[[4.0, 1.0, 7.0]], [[6.0, 2.0, 5.0]]])


def test_double_q_chooses_with_one_network_and_judges_with_the_other():
    assert state_values("max", target_q=TARGET).tolist() == [5.0]
    assert state_values("max", target_q=TARGET, online_q=ONLINE).tolist() == [1.0]
    without_the_second = torch.tensor([[False, True, False]])
    assert state_values("max", target_q=TARGET, online_q=ONLINE, excluded=without_the_second).tolist() == [
        5.0
    ]
    only_the_first = torch.tensor([[False, True, True]])
    assert state_values("max", target_q=TARGET, excluded=only_the_first).tolist() == [4.0]


def test_expected_and_soft_values():
    chances = torch.tensor([[0.5, 0.5, 0.0]])
    assert state_values("expected", target_q=TARGET, acting_logps=chances.log()).tolist() == [2.5]
    # T log of the mean of exp(q / T), which goes from the mean to the maximum as T goes to 0.
    soft = state_values("soft", target_q=TARGET, temperature=2.0)
    assert float(soft) == pytest.approx(2 * np.log(np.mean(np.exp(np.array([4.0, 1.0, 5.0]) / 2))), rel=1e-6)
    prior = torch.tensor([[0.2, 0.8, 0.0]]).log()
    with_prior = state_values("soft", target_q=TARGET, temperature=1.0, prior_logps=prior)
    assert float(with_prior) == pytest.approx(np.log(0.2 * np.exp(4) + 0.8 * np.exp(1)), rel=1e-6)
    assert float(state_values("soft", target_q=TARGET, temperature=0.01)) == pytest.approx(5, abs=0.02)


def test_targets_are_clipped_to_the_range_of_returns():
    assert clip_targets(torch.tensor([[-1.0, 0.5, 2.0]]), 0.0, 1.0).tolist() == [[0.0, 0.5, 1.0]]


def test_bad_arguments_are_named():
    with pytest.raises(UnknownNameError, match="backup"):
        state_values("mean", target_q=TARGET)
    with pytest.raises(InvalidValueError, match="lam"):
        lambda_returns(**TABLE, lam=1.5)
    with pytest.raises(InvalidValueError, match="steps"):
        n_step_returns(**TABLE, steps=0)
    with pytest.raises(InvalidValueError, match="low < high"):
        clip_targets(torch.zeros(1, 1), 1.0, 1.0)
