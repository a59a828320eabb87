"""Models, expanders and leaf values of a wrong shape are typed errors in every search; NaN is counted."""

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym_agents.search.beam import Beam
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.expansion import no_candidates
from lmgym_agents.search.mcts import MCTS
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.states import Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.search.valued_expander import ValuedExpander
from lmgym_agents.state_model import StateEvaluation
from tests.agents.search.scripted_model import TOKENIZER, Words

BUDGET = SearchBudget(max_tokens=60, max_nodes=60)
TASK = Words(goals={0: ("ab",), 1: ("c",)})
TRANSITIONS = Transitions(TASK, TOKENIZER, max_new_tokens=4)


class Model:
    """Says the same of every token of every state, after ``change``."""

    vocab_size, max_length, num_computed = TOKENIZER.vocab_size, None, 0

    def __init__(self, change=lambda said: said, q=0.5, value=0.5):
        self._change, self._q, self._value = change, q, value

    def evaluate(self, rows):
        shape = (len(rows), self.vocab_size)
        logps = np.full(shape, -math.log(self.vocab_size))
        return self._change(StateEvaluation(logps, np.full(shape, self._q), np.full(len(rows), self._value)))

    def weights_changed(self):
        pass


class Changed:
    """An expander whose answers are changed."""

    def __init__(self, change):
        self._inner, self._change = TokenExpander(Model(), TRANSITIONS, top_k=3), change

    def expand(self, states, *, seed):
        return self._change(self._inner.expand(states, seed=seed))


class Leaves:
    """Leaf values that ``make`` makes of their number."""

    num_tokens = 0

    def __init__(self, make):
        self._make = make

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.zeros(len(states), np.int64)
        return self._make(len(states))


def each(change):
    return lambda found: [change(candidates) for candidates in found]


def searches(expander, values):
    """One search of every kind, by value where it can."""
    yield Beam(expander, TRANSITIONS, BUDGET, width=2, score="value" if values else "q", values=values)
    best_first = expander if values is None else ValuedExpander(expander, values, TRANSITIONS)
    for order in ("a_star", "best_first", "phs"):
        config = BestFirstConfig(order=order, heuristic="log_q", accept="any")
        yield BestFirst(best_first, TRANSITIONS, BUDGET, config)
    for root in ("puct", "gumbel"):
        config = MCTSConfig(root=root, max_simulations=12, accept="any")
        yield MCTS(TRANSITIONS, expander, values, config, budget=BUDGET)


def refuse(expander, values, message):
    for search in searches(expander, values):
        with pytest.raises(InvalidValueError, match=message):
            search.search(TASK.problems("test", [0, 1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: None, r"Model\.evaluate must give a StateEvaluation, got None"),
        (lambda said: said._replace(logps=None), r"must give logps of shape \[2, \d+\], got None"),
        (lambda said: said._replace(logps=said.logps[:-1]), r"logps of shape \[2, \d+\], got .*\[1, \d+\]"),
        (
            lambda said: said._replace(q=said.q[:, :3]),
            r"q of shape \[2, \d+\], got an array of shape \[2, 3\]",
        ),
        (lambda said: said._replace(values=said.values[:, None]), r"values of shape \[2\], got .*\[2, 1\]"),
    ],
)
def test_a_model_that_answers_in_a_wrong_shape(change, message):
    refuse(TokenExpander(Model(change), TRANSITIONS, top_k=3), None, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: None, r"Changed\.expand must give a list of 2 Candidates.*, got None"),
        (lambda found: found[:-1], r"a list of 2 Candidates.*, got a list of 1"),
        (each(lambda one: one._replace(q=one.q[:-1])), r"q of shape \[3\], got an array of shape \[2\]"),
        (each(lambda one: one._replace(logps=one.logps[:-1])), r"logps of shape \[3\], got .*\[2\]"),
        (each(lambda one: one._replace(num_tokens=-1)), r"num_tokens from 0, got -1"),
        (each(lambda one: "abc"), r"must give Candidates, got 'abc'"),
    ],
)
def test_an_expander_that_answers_in_a_wrong_shape(change, message):
    refuse(Changed(change), None, message)


@pytest.mark.parametrize("make", [lambda n: None, lambda n: np.zeros(n + 1), lambda n: np.zeros((n, 1))])
def test_leaf_values_that_answer_in_a_wrong_shape(make):
    refuse(TokenExpander(Model(), TRANSITIONS, top_k=3), Leaves(make), r"Leaves\.__call__ must give an array")


@pytest.mark.parametrize("worth", [math.nan, math.inf, -math.inf, 1e308])
def test_worthless_numbers_are_counted_and_end_the_search(worth):
    expander = TokenExpander(Model(q=worth, value=worth), TRANSITIONS, top_k=3)
    for search in searches(expander, None):
        results = search.search(TASK.problems("test", [0, 1]))
        assert all(result.answer is None and result.counts["nan_q"] > 0 for result in results)
    for search in searches(TokenExpander(Model(), TRANSITIONS, top_k=3), Leaves(lambda n: np.full(n, worth))):
        assert all(sum(result.counts.values()) > 0 for result in search.search(TASK.problems("test", [0, 1])))


def test_expansions_without_actions_end_the_search():
    expander = Changed(each(lambda one: no_candidates("nothing")))
    for search in searches(expander, None):
        for result in search.search(TASK.problems("test", [0, 1])):
            assert result.answer is None and result.stop == "exhausted"
