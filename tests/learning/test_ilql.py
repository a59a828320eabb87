"""Learning from recorded episodes on a problem of two steps whose values are worked by hand.

A start leads by x to B and by z to D. At B the data choose y, which earns 1, in a quarter of the episodes and
z, which earns nothing, in the others; at D everything earns 0.4. With a discount of 0.9:

    whole returns     Q(start, x) = 0.9 (1/4) = 0.225 < Q(start, z) = 0.36
    expectile 0.9     V(B) = v with 0.9 (1/4) (1 - v) = 0.1 (3/4) v, so v = 0.75, and Q(start, x) = 0.675
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym_agents.algorithms.ilql import ILQL
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.models import make_tiny_model
from lmgym_agents.offline.trajectories import Trajectories, Trajectory, TrajectorySource
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel

pytestmark = pytest.mark.learning

START, X, Y, Z, B, D = range(6)


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_episode(first, second, reward):
    ids = np.array([START, first, B if first == X else D, second])
    return Trajectory(
        input_ids=ids, is_action=np.array([False, True, False, True]),
        rewards=np.array([0, 0, 0, reward], np.float32), logp_behaviour=None, terminated=True,
        success=reward == 1, score=float(reward == 1), stopped=True, num_turns=2, split="train",
        problem_index=0, actor="hand",
    )  # fmt: skip


def make_data():
    episodes = [make_episode(X, Y, 1.0)] + 3 * [make_episode(X, Z, 0.0)]
    episodes += 2 * [make_episode(Z, Y, 0.4), make_episode(Z, Z, 0.4)]
    source = TrajectorySource(env_id="none", env_options={}, task="none", tokenizer="none", vocab_size=6)
    return Trajectories(source=source, episodes=tuple(episodes))


def learn(seed=0, **options):
    """Returns Q [2, V], V [2] and the prior's probabilities [2, V] at the start and at B."""
    network = make_tiny_model(6, hidden_size=32, layers=1, heads=2, context=8, seed=seed)
    model = QModel(Policy(network), initial_value=0.3, seed=seed)
    config = ILQLConfig(
        seed=seed, iterations=400, batch_rows=16, gamma=0.9, expectile=0.9, target_rate=0.05,
        learning_rate=3e-3, schedule="linear", end_rate=0.01, weight_decay=0.0, **options,
    )  # fmt: skip
    for _ in ILQL(model, make_data(), config).iterations():
        pass
    ids, is_action = torch.tensor([[START, X, B, Y]]), torch.tensor([[False, True, False, True]])
    with torch.no_grad():
        found = model.evaluate(ids, torch.tensor([4]), is_action)
    return found.min_q, found.values, found.logits.softmax(-1)


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 5))])
def test_implicit_q_values_are_those_worked_by_hand(seed):
    q, values, prior = learn(seed, cql_weight=0.0)
    assert float(q[1, Y]) == pytest.approx(1, abs=0.05)
    assert float(q[1, Z]) == pytest.approx(0, abs=0.05)
    assert float(values[1]) == pytest.approx(0.75, abs=0.08)
    assert float(q[0, X]) == pytest.approx(0.675, abs=0.08)
    assert float(q[0, Z]) == pytest.approx(0.36, abs=0.05)
    # The prior imitates: half of the episodes begin with x, a quarter of those go on with y.
    assert float(prior[0, X]) == pytest.approx(0.5, abs=0.1)
    assert float(prior[1, Y]) == pytest.approx(0.25, abs=0.1)


def test_monte_carlo_values_are_those_of_the_data():
    q, _, _ = learn(method="mc", cql_weight=0.0)
    assert float(q[0, X]) == pytest.approx(0.225, abs=0.05)
    assert float(q[0, Z]) == pytest.approx(0.36, abs=0.05)


def test_the_conservative_term_keeps_untried_actions_down():
    q, _, _ = learn(cql_weight=0.1)
    untried = [START, Y, B, D]
    assert float(q[0, untried].max()) < float(q[0, [X, Z]].min())
    assert float(q[0, X]) > float(q[0, Z])


def test_imitation_of_the_best_takes_their_actions():
    _, _, prior = learn(method="filtered_bc", best_share=0.125)
    assert float(prior[0, X]) > 0.95
    assert float(prior[1, Y]) > 0.95
