"""Expert iteration from scratch on a probe: accuracy rises on nothing but verified samples."""

from __future__ import annotations

import pytest
import torch

from lmgym.tasks.probes import Echo
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.expert_iteration import ExpertIteration
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_search import search_named
from lmgym_agents.evaluation import evaluate
from lmgym_agents.search.states import Transitions
from lmgym_agents.state_model import PolicyStates
from tests.agents import expert_setup

pytestmark = pytest.mark.learning

TASK = Echo(length=1, needs_stop=False)
LETTERS = expert_setup.make_letters("abcdefgh>")


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(seed, **options):
    """Returns the greedy success on the problems trained on before and after, and the algorithm."""
    policy = expert_setup.make_policy(LETTERS, context=8, seed=seed)
    shared = dict(
        seed=seed, problems=6, problems_per_update=6, steps_per_update=30, batch_rows=32, optimizer="muon",
        probe_split="train", eval_split="train", restart=False,
    )  # fmt: skip
    config = ExpertIterationConfig(**(shared | options))
    algorithm = ExpertIteration(
        policy, TASK, LETTERS, config, make_search=search_named(config.plan.search)
    )  # fmt: skip
    before = success(policy)
    updates = list(algorithm.iterations())
    return before, success(policy), updates, policy


def success(policy):
    agent = LMAgent(policy, LETTERS)
    return evaluate(
        agent, TASK, split="train", num_problems=6, env_options={"tokenizer": LETTERS}, num_transcripts=0
    ).success.mean


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_accuracy_rises_on_verified_samples_alone(seed):
    before, after, updates, _ = train(
        seed, rounds=4, samples=32, temperature=2.0, steps=30, learning_rate=3e-3
    )
    assert before < 0.35
    assert after > 0.9
    sampled = [update.metrics["pass_1"] for update in updates if update.metrics["phase"] == "measure"]
    assert sampled[-1] > sampled[0] + 0.5


def test_trees_teach_policy_and_values():
    before, after, updates, policy = train(
        0, preset="alphazero", rounds=4, samples=16, steps=30, learning_rate=3e-3, min_visits=4
    )
    assert after > before + 0.3
    errors = [update.metrics["value_error"] for update in updates if update.metrics["phase"] == "learn"]
    assert errors[-1] < errors[0]
    transitions = Transitions(TASK, LETTERS)
    rows = [transitions.start(problem).tokens for problem in TASK.problems("train", range(20))]
    values = PolicyStates(policy, has_values=True).evaluate(rows).values
    assert 0.1 < values.mean() < 1.2


def test_greedy_answers_to_the_same_problems_ring_the_alarm():
    _, after, updates, _ = train(
        0, preset="star", rationalise=False, rounds=5, fresh=False, steps=30, learning_rate=3e-3,
    )  # fmt: skip
    assert after < 0.9
    alarms = [update.metrics["alarms"] for update in updates if update.metrics["phase"] == "measure"]
    assert any("stagnation" in alarm for alarm in alarms)
