"""Bad models, bad budgets, nothing to expand: every search ends, and says what was left out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, PromptTooLongError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.maze import Maze
from lmgym.tasks.probes import Guess
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.beam import Beam
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.best_of_n import BestOfN
from lmgym_agents.search.leaf_values import ModelValues, RolloutLeafValues
from lmgym_agents.search.majority import Majority
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.sampling_expander import ResponseExpander, StepExpander
from lmgym_agents.search.states import Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.search.valued_expander import ValuedExpander
from lmgym_agents.tiny_models import make_tiny_model
from tests.agents.search.scripted_model import RandomTree, Sayer, ScriptedModel, said_in, transitions_of

ORDERS = ["a_star", "best_first", "q_star", "levin", "phs", "phs_star"]
TREE = RandomTree(3, depth=3)
PLENTY = SearchBudget(max_nodes=500)


def edges_of(said, q=0.5):
    return {letter: (logp, q) for letter, logp in TREE.children(said).items()}, 0.0


def all_methods(expander, transitions, budget, **options):
    yield Beam(expander, transitions, budget, width=3, score="q", **options)
    for order in ORDERS:
        config = BestFirstConfig(order=order, **options)
        yield BestFirst(expander, transitions, budget, config)


def search_all(script, budget=PLENTY, *, max_length=None, **options):
    transitions, problems = transitions_of([TREE] * 3)
    model = ScriptedModel(script, max_length=max_length)
    expander = TokenExpander(model, transitions)
    return {
        method.name: method.search(problems)
        for method in all_methods(expander, transitions, budget, **options)
    }


@pytest.mark.parametrize("name", ["max_tokens", "max_nodes", "max_seconds"])
@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_budgets_must_be_positive(name, bad):
    with pytest.raises(InvalidValueError, match=name):
        SearchBudget(**{name: bad})


def test_a_search_without_any_budget_is_refused():
    with pytest.raises(InvalidValueError, match="needs"):
        SearchBudget()


@pytest.mark.parametrize("worth", [math.nan, math.inf, -math.inf])
def test_a_heuristic_that_is_no_number_leaves_nothing_to_expand(worth):
    for results in search_all(lambda index, said: edges_of(said, worth)).values():
        for result in results:
            assert (result.stop, result.candidates, result.num_nodes) == ("exhausted", (), 1)
            assert result.counts == {"nan_q": 4, "empty_expansions": 1}


def test_one_bad_branch_is_left_out_and_the_rest_searched():
    """Every word that begins with "a" is lost; the others are all looked at."""

    def script(index, said):
        edges, value = edges_of(said)
        return ({**edges, "a": (edges["a"][0], math.nan)} if not said and edges else edges), value

    for results in search_all(script, accept="verifier").values():
        for result in results:
            assert result.counts["nan_q"] == 1
            assert result.answer is None or not said_in(result.answer).startswith("a")


def test_a_model_that_proposes_nothing():
    for results in search_all(lambda index, said: ({}, 0.0)).values():
        for result in results:
            assert (result.stop, result.candidates, result.num_nodes) == ("exhausted", (), 1)
            assert result.counts == {"empty_expansions": 1}


def test_states_beyond_the_models_context_are_dead_ends():
    for name, results in search_all(lambda index, said: edges_of(said), max_length=3).items():
        for result in results:
            assert result.stop in ("exhausted", "solved")
            if result.stop == "exhausted":
                assert result.counts["too_long"] >= 1 and result.counts["empty_expansions"] >= 1, name
            assert all(len(candidate.state.tokens) <= 4 for candidate in result.candidates)


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("kind", ["max_nodes", "max_tokens"])
def test_budgets_hold_in_every_order(most, kind):
    budget = SearchBudget(**{kind: most})
    for results in search_all(lambda index, said: edges_of(said), budget).values():
        for result in results:
            assert result.num_nodes <= most and result.num_tokens <= most
            assert result.stop == kind.removeprefix("max_") or result.num_nodes < most or result.candidates


def test_time_that_is_up_ends_every_search():
    for results in search_all(lambda index, said: edges_of(said), SearchBudget(max_seconds=1e-9)).values():
        assert all((result.stop, result.num_nodes) == ("seconds", 1) for result in results)


def test_orders_that_need_q_say_so():
    transitions, problems = transitions_of([TREE])
    expander = TokenExpander(ScriptedModel(lambda index, said: edges_of(said), has_q=False), transitions)
    for method in all_methods(expander, transitions, PLENTY):
        if method.name == "levin":
            assert method.search(problems)[0].stop == "solved"
            continue
        with pytest.raises(InvalidValueError, match="Q function"):
            method.search(problems)
    plain = BestFirst(expander, transitions, PLENTY, BestFirstConfig(heuristic="zero"))
    assert plain.search(problems)[0].stop == "solved"


def test_process_rewards_that_are_no_numbers_drop_their_states():
    class Bad:
        num_tokens = 0

        def __call__(self, states, *, seed):
            self.last_num_tokens = np.ones(len(states), np.int64)
            return np.array([math.nan if said_in(state).startswith("a") else 0.5 for state in states])

    transitions, problems = transitions_of([TREE])
    expander = TokenExpander(ScriptedModel(lambda index, said: edges_of(said)), transitions)
    config = BestFirstConfig(order="q_star", anytime=True, accept="any")
    result = BestFirst(expander, transitions, PLENTY, config, rewards=Bad()).search(problems)[0]
    assert result.counts["nan_values"] == 1
    assert result.candidates and not any(said_in(c.state).startswith("a") for c in result.candidates)


def test_a_prompt_that_does_not_fit_is_the_callers_mistake():
    task, tokenizer = Math(level=1), CharTokenizer()
    transitions = Transitions(task, tokenizer, max_prompt_tokens=2)
    with pytest.raises(PromptTooLongError):
        BestOfN(Sayer(["1"]), transitions, PLENTY, n=1).search(task.problems("train", [0]))


# An untrained model on real tasks: what it says is nonsense, and every method copes -------------------------


@pytest.fixture(scope="module")
def parts():
    tokenizer = CharTokenizer()
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=200, seed=0,
        config={"initializer_range": 0.4},
    )  # fmt: skip
    policy = Policy(model)
    return tokenizer, Engine(model), QStates(QModel(policy, kind="heads", initial_value=0.3))


@pytest.mark.parametrize(
    "task", [Math(level=2, style="worked"), Guess(), Maze()], ids=lambda t: t.fingerprint
)
def test_every_method_on_real_tasks(parts, task):
    tokenizer, engine, states = parts
    transitions = Transitions(
        task, tokenizer, max_new_tokens=8, max_episode_tokens=task.max_prompt_chars + 30
    )
    problems = task.problems("train", range(3))
    budget = SearchBudget(max_tokens=100, max_nodes=8)
    tokens = TokenExpander(states, transitions, top_k=5)
    params = SamplingParams(max_new_tokens=5)
    rollouts = RolloutLeafValues(engine, transitions, num_rollouts=2)
    steps = ValuedExpander(
        StepExpander(engine, transitions, num_samples=3, params=params), rollouts, transitions
    )
    values = ModelValues(states, transitions, terminal="model")
    whole = ValuedExpander(ResponseExpander(engine, transitions, num_samples=2), values, transitions)
    methods = [
        *all_methods(tokens, transitions, budget, accept="any"),
        Beam(steps, transitions, budget, width=2),
        BestFirst(steps, transitions, budget, BestFirstConfig(cost="nlogp", accept="any", pops=3)),
        BestFirst(whole, transitions, budget, BestFirstConfig(order="q_star"), rewards=values),
        BestOfN(engine, transitions, budget, n=4, select="value", values=values),
        Majority(engine, transitions, budget, n=4),
    ]
    for method in methods:
        results = method.search(problems, seed=1)
        again = method.search(problems[::-1], seed=1)[::-1]
        for result, other in zip(results, again, strict=True):
            assert [c.state for c in result.candidates] == [c.state for c in other.candidates], method.name
            assert all(candidate.state.is_over for candidate in result.candidates)
            assert result.num_nodes <= 8 and result.stop != "seconds"
