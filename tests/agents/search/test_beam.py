from __future__ import annotations

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym_agents.search.beam import Beam
from lmgym_agents.search.leaf_values import VerifierValues
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.token_expander import TokenExpander
from tests.agents.search.scripted_model import RandomTree, ScriptedModel, said_in, token_of, transitions_of
from tests.reference.exhaustive_search import leaves

PLENTY = SearchBudget(max_nodes=10_000)
TREES = [RandomTree(seed, depth=3) for seed in range(40)]


def q_of(said):
    """Some number for an edge."""
    return math.sin(sum((i + 1) * ord(letter) for i, letter in enumerate(said)))


def script(index, said):
    edges = TREES[index].children(said).items()
    return {letter: (logp, q_of(said + letter)) for letter, logp in edges}, 0.0


def make_beam(width, *, model=None, budget=PLENTY, trees=TREES, **options):
    transitions, problems = transitions_of(trees)
    expander = TokenExpander(model or ScriptedModel(script), transitions)
    return Beam(expander, transitions, budget, width=width, **options), problems


def slow_beam(tree, width, score):
    """Levels as plain lists: the best ``width`` stay, ends hold their place, ``width`` ends end it."""
    beam, finished = [""], []
    num_nodes = 0
    while beam and len(finished) < width:
        num_nodes += len(beam)
        children = [said + letter for said in beam for letter in tree.children(said)]
        kept = sorted(children, key=lambda said: -score(said))[:width]
        beam = [said for said in kept if tree.children(said)]
        finished += [said for said in kept if not tree.children(said)]
    return sorted(finished, key=lambda said: -score(said)), num_nodes


def path_logp(tree, said):
    return sum(tree.children(said[:i])[letter] for i, letter in enumerate(said))


SCORES = {
    "q": lambda tree: q_of,
    "logp": lambda tree: lambda said: path_logp(tree, said),
    "logp+value": lambda tree: lambda said: path_logp(tree, said) + 2.5 * q_of(said),
}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("width", [1, 2, 5])
def test_beams_are_the_slow_ones(score, width):
    beam, problems = make_beam(width, score=score, value_weight=2.5)
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        expected, num_nodes = slow_beam(tree, width, SCORES[score](tree))
        assert [said_in(candidate.state) for candidate in result.candidates] == expected
        assert (result.stop, result.num_nodes, result.num_tokens) == ("solved", num_nodes, num_nodes)
        for candidate in result.candidates:
            said = said_in(candidate.state)
            assert candidate.score == pytest.approx(SCORES[score](tree)(said), abs=1e-6)
            assert candidate.path_logp == pytest.approx(path_logp(tree, said), abs=1e-6)


def test_a_beam_without_width_is_an_exhaustive_search():
    beam, problems = make_beam(10**9, score="logp")
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        truth = sorted(leaves(tree.children, "nlogp"), key=lambda leaf: leaf[1])
        found = [(said_in(c.state), -c.path_logp) for c in result.candidates]
        assert [said for said, _ in found] == [said for said, _ in truth]
        assert [spent for _, spent in found] == pytest.approx([spent for _, spent in truth], abs=1e-6)
        assert result.stop == "solved" and result.num_nodes == 1 + 3 + 9


def test_the_verifier_ends_a_search_and_wrong_ends_leave_the_beam():
    beam, problems = make_beam(10**9, accept="verifier")
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        goals = [said for said, _ in leaves(tree.children, "steps") if tree.is_goal(said)]
        first = min(map(len, goals))
        assert {said_in(c.state) for c in result.candidates} == {g for g in goals if len(g) == first}
        assert (result.stop, result.num_nodes) == ("solved", [1, 4, 13][first - 1])
    narrow, _ = make_beam(1, accept="verifier", score="q")
    results = narrow.search(problems)
    assert {"solved", "exhausted"} == {result.stop for result in results}
    assert all(tree.is_goal(said_in(r.answer)) for tree, r in zip(TREES, results, strict=True) if r.answer)


class Values:
    """V(s') of what was said; costs two tokens a state."""

    num_tokens = 0

    def __init__(self, bad=""):
        self._bad = bad

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.full(len(states), 2)
        self.num_tokens += 2 * len(states)
        return np.array([math.nan if said_in(s) in self._bad else q_of(said_in(s)) for s in states])


def test_values_of_states_that_follow_score_and_are_paid():
    by_value, problems = make_beam(3, score="value", values=Values())
    by_q, _ = make_beam(3, score="q")
    pairs = zip(TREES, by_value.search(problems), by_q.search(problems), strict=True)
    for tree, one, other in pairs:
        assert [c.state for c in one.candidates] == [c.state for c in other.candidates]
        assert one.num_nodes == other.num_nodes
        assert one.num_tokens > other.num_tokens and (one.num_tokens - one.num_nodes) % 2 == 0
        assert tree.children(said_in(one.candidates[0].state)) == {}
        assert all(candidate.node.value == candidate.score for candidate in one.candidates)


def test_values_that_are_no_numbers_are_left_out_and_counted():
    beam, problems = make_beam(10**9, score="value", values=Values(bad=("a", "$")))
    result = beam.search(problems[:1])[0]
    assert result.counts == {"nan_values": 2}
    words = {said_in(candidate.state) for candidate in result.candidates}
    assert words == {s for s, _ in leaves(TREES[0].children, "steps") if s[0] in "bc"}


def test_equal_states_are_kept_once():
    class Twice:
        """The same step under two names: two letters at once, and one after the other."""

        def expand(self, states, *, seed):
            a, b = token_of("a"), token_of("b")
            one, two = ((a,), (a, b)), ((b,),)
            candidates = TokenExpander(ScriptedModel(script), self.transitions).expand(states, seed=seed)
            return [
                found._replace(
                    actions=one if not said_in(s) else two,
                    logps=np.array([-1.0, -2.0] if not said_in(s) else [-0.5]),
                    q=None,
                )
                for s, found in zip(states, candidates, strict=True)
            ]

    expander = Twice()
    expander.transitions, problems = transitions_of(TREES)
    beam = Beam(expander, expander.transitions, SearchBudget(max_nodes=4), width=5, score="logp")
    result = beam.search(problems[:1])[0]
    assert result.counts == {"duplicates": 1}


def test_problems_side_by_side_are_problems_alone():
    model = ScriptedModel(script)
    beam, problems = make_beam(3, model=model, budget=SearchBudget(max_nodes=4), score="logp")
    together = beam.search(problems)
    assert len(model.calls) <= 5 and model.calls[0] == len(TREES)
    alone = [beam.search([problem])[0] for problem in problems]
    assert [summary(result) for result in together] == [summary(result) for result in alone]
    assert {result.stop for result in together} == {"solved", "nodes"}


def summary(result):
    found = [(candidate.state, candidate.score) for candidate in result.candidates]
    return result.stop, result.num_nodes, result.num_tokens, result.counts, found


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_budgets_hold(most):
    for budget, stop in ((SearchBudget(max_nodes=most), "nodes"), (SearchBudget(max_tokens=most), "tokens")):
        beam, problems = make_beam(4, budget=budget)
        for result in beam.search(problems):
            assert result.num_nodes <= most and result.num_tokens <= most
            assert result.stop in (stop, "solved")
            assert result.num_nodes == most or result.stop == "solved"


def test_the_best_of_a_level_are_expanded_where_the_budget_holds_a_part_of_it():
    beam, problems = make_beam(3, budget=SearchBudget(max_nodes=2), score="logp", keep_tree=True)
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        expanded = {node.order: said_in(node.state) for node in result.root.walk() if node.order >= 0}
        first = sorted(tree.logps(""), key=lambda letter: -tree.logps("")[letter])
        assert expanded == {0: "", 1: next(letter for letter in first if letter != "$")}


def test_the_tree_shows_what_was_left_out():
    beam, problems = make_beam(2, keep_tree=True)
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        for node in result.root.walk():
            if node.order >= 0:
                assert node.status == "closed" and len(node.children) == len(
                    tree.children(said_in(node.state))
                )
            if node.status == "pruned":
                assert not node.children
        assert sum(node.order >= 0 for node in result.root.walk()) == result.num_nodes
        assert all(candidate.node.status == "goal" for candidate in result.candidates)


def test_bad_options_are_refused():
    for bad in ({"width": 0}, {"width": 2, "score": "best"}, {"width": 2, "score": "value"}):
        with pytest.raises(InvalidValueError):
            make_beam(**bad)
    beam, problems = make_beam(2, model=ScriptedModel(script, has_q=False))
    with pytest.raises(InvalidValueError, match="Q function"):
        beam.search(problems)


def test_progress_and_no_problems():
    beam, problems = make_beam(2)
    seen = []
    results = beam.search(problems, on_progress=lambda *numbers: seen.append(numbers))
    assert seen[-1] == (len(TREES), sum(result.num_tokens for result in results)) and beam.search([]) == []


def test_the_verifiers_values_find_what_is_right_when_nothing_is_cut():
    transitions, problems = transitions_of(TREES)
    expander = TokenExpander(ScriptedModel(script), transitions)
    beam = Beam(expander, transitions, PLENTY, width=10**9, score="value", values=VerifierValues(transitions))
    for tree, result in zip(TREES, beam.search(problems), strict=True):
        assert tree.is_goal(said_in(result.answer)) and result.candidates[0].score == 1.0
