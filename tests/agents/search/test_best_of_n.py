from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Guess
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.search.best_of_n import BestOfN
from lmgym_agents.search.leaf_values import VerifierValues
from lmgym_agents.search.majority import Majority
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.states import Transitions
from lmgym_agents.tiny_models import make_tiny_model
from tests.agents.search.scripted_model import TOKENIZER as WORDS
from tests.agents.search.scripted_model import Sayer, Words

TOKENIZER = CharTokenizer()
TASK = Math(level=1)
TRANSITIONS = Transitions(TASK, TOKENIZER, max_new_tokens=12)
PROBLEMS = TASK.problems("train", range(20))
PLENTY = SearchBudget(max_nodes=1000)


@pytest.fixture(scope="module")
def engine():
    return make_engine()


def make_engine(rows=256):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=160, seed=0,
        config={"initializer_range": 0.4},
    )  # fmt: skip
    return Engine(model, max_rows=rows)


def summary(result):
    found = [(candidate.state.tokens, candidate.score) for candidate in result.candidates]
    return result.stop, result.num_nodes, result.num_tokens, found, result.counts


@pytest.mark.parametrize("method", [BestOfN, Majority])
def test_results_depend_on_seed_and_problem_alone(engine, method):
    search = method(engine, TRANSITIONS, SearchBudget(max_tokens=60), n=8)
    together = search.search(PROBLEMS, seed=1)
    small = method(make_engine(3), TRANSITIONS, SearchBudget(max_tokens=60), n=8)
    alone = [small.search([problem], seed=1)[0] for problem in reversed(PROBLEMS)][::-1]
    assert [r.stop for r in together] == [r.stop for r in alone]
    for one, other in zip(together, alone, strict=True):
        assert [c.state.tokens for c in one.candidates] == [c.state.tokens for c in other.candidates]
        assert (one.num_nodes, one.num_tokens, one.counts) == (
            other.num_nodes,
            other.num_tokens,
            other.counts,
        )
        assert [c.score for c in one.candidates] == pytest.approx(
            [c.score for c in other.candidates], abs=1e-4
        )
    assert {r.stop for r in together} >= {"tokens"} and len({r.num_nodes for r in together}) > 2
    others = search.search(PROBLEMS, seed=2)
    assert all(
        one.candidates[0].state.tokens != two.candidates[0].state.tokens
        for one, two in zip(together, others, strict=True)
        if one.candidates and two.candidates
    )


def test_log_probs_are_the_policys_and_rank(engine):
    results = BestOfN(engine, TRANSITIONS, PLENTY, n=6).search(PROBLEMS[:4])
    policy = Policy(engine.model)
    for result in results:
        assert (result.stop, result.num_nodes, len(result.candidates)) == ("exhausted", 6, 6)
        scores = [candidate.score for candidate in result.candidates]
        assert scores == sorted(scores, reverse=True)
        assert result.num_tokens == sum(c.state.num_actions for c in result.candidates)
        for candidate in result.candidates:
            tokens, size = candidate.state.tokens, candidate.state.num_actions
            with torch.no_grad():
                logps = policy.evaluate(torch.tensor([tokens]), torch.tensor([len(tokens)])).logps[0]
            assert float(logps[-size:].sum()) == pytest.approx(candidate.score, abs=1e-4)
            assert candidate.path_logp == candidate.score


@pytest.mark.parametrize("most", [1, 7, 20, 45, 200])
def test_a_budget_keeps_the_first_episodes(engine, most):
    """What a budget holds is what drawing one after the other would have, until it is used up."""
    everything = BestOfN(engine, TRANSITIONS, PLENTY, n=12, select="first").search(PROBLEMS)
    cut = BestOfN(engine, TRANSITIONS, SearchBudget(max_tokens=most), n=12, select="first").search(PROBLEMS)
    for full, part in zip(everything, cut, strict=True):
        sizes = [candidate.state.num_actions for candidate in full.candidates]
        assert len({candidate.state.tokens for candidate in full.candidates}) > 6
        fits = int((np.cumsum(sizes) <= most).sum())
        assert [c.state.tokens for c in part.candidates] == [c.state.tokens for c in full.candidates[:fits]]
        assert part.num_tokens <= most and part.num_nodes == fits
        if fits < 12:
            assert part.stop == "tokens" and part.num_tokens == most
        else:
            assert part.stop == "exhausted" and part.num_tokens == sum(sizes)


def test_every_turn_draws_anew():
    """One number a token and turn: with the same for all turns, a policy that forgets would repeat itself."""
    task, sayer, seeds = Guess(), Sayer(["1", "2", "3"]), []

    class Spy:
        def generate(self, *args, seed, **options):
            seeds.append((seed, tuple(options["request_ids"].tolist())))
            return sayer.generate(*args, seed=seed, **options)

    transitions = Transitions(task, TOKENIZER, max_new_tokens=3)
    BestOfN(Spy(), transitions, PLENTY, n=2).search(task.problems("train", range(2)))
    assert len(seeds) > 2 and len({seed for seed, _ in seeds}) == len(seeds)
    assert all(len(set(streams)) == len(streams) for _, streams in seeds)


def test_several_turns_are_played_on():
    task = Guess()
    transitions = Transitions(task, TOKENIZER, max_new_tokens=3)
    results = BestOfN(make_engine(), transitions, SearchBudget(max_nodes=5), n=9).search(
        task.problems("train", range(6))
    )
    assert all((r.stop, r.num_nodes) == ("nodes", 5) for r in results)
    states = [candidate.state for result in results for candidate in result.candidates]
    assert all(state.is_over for state in states)
    assert max(sum(turn.role == "agent" for turn in state.turns) for state in states) > 1


# By hand: an engine that says given texts ------------------------------------------------------------------


def words(texts, n, method=BestOfN, budget=PLENTY, goals=("ab",), **options):
    task = Words("abcdownx!", {0: goals})
    transitions = Transitions(task, WORDS, max_new_tokens=8)
    if "values" in options:
        options["values"] = options["values"](transitions)
    search = method(Sayer(texts), transitions, budget, n=n, **options)
    return search.search(task.problems("train", [0]))[0]


def said(result):
    return [candidate.state.transcript.response for candidate in result.candidates]


def test_selections_by_hand():
    texts = ["abc", "ab", "a", "down"]
    assert said(words(texts, 4, select="first")) == ["abc", "ab", "a", "down"]
    assert said(words(texts, 4, select="logp")) == ["a", "ab", "abc", "down"]  # a nat a token
    assert said(words(texts, 4, select="verifier")) == ["ab", "abc", "a", "down"]
    result = words(texts, 4, select="value", values=VerifierValues)
    assert said(result) == ["ab", "abc", "a", "down"]  # the verifier fails on "down": last, and counted
    assert [c.score for c in result.candidates] == [1.0, 0.0, 0.0, -math.inf]
    assert result.counts == {"nan_values": 1}


def test_accepting_the_verifiers_words_ends_with_the_first():
    result = words(["abc", "ab", "a", "ab"], 4, accept="verifier", select="first")
    assert (said(result), result.stop, result.num_nodes, result.num_tokens) == (["ab"], "solved", 2, 4 + 3)
    nothing = words(["a", "abc"], 4, accept="verifier")
    assert (nothing.answer, nothing.stop, nothing.num_nodes) == (None, "exhausted", 4)


class Dear:
    """Values that cost tokens."""

    def __init__(self, transitions):
        self.num_tokens = 0

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.arange(1, 1 + len(states))
        return np.arange(len(states), dtype=np.float64)


def test_tokens_of_values_are_counted():
    result = words(["a", "b"], 2, select="value", values=Dear)
    assert said(result) == ["b", "a"] and result.num_tokens == 2 + 2 + 1 + 2


def test_majority_by_hand():
    """Answers are what stands before "!"; without one a text speaks for itself, after those that have one."""
    texts = ["a!", "xx", "bb!", "xx", "a!", "xx", "c!", "bb!"]
    result = words(texts, 8, Majority)
    # Two votes each for a (3 tokens each) and bb (4 each): the higher sum of log-probs wins.
    assert said(result) == ["a!", "bb!", "c!", "xx"]
    assert [candidate.score for candidate in result.candidates] == [2.0, 2.0, 1.0, 3.0]
    assert (result.stop, result.num_nodes) == ("exhausted", 8)


def test_majority_never_looks_at_what_is_right():
    texts = ["a!", "ab!", "a!"]
    right, wrong = words(texts, 3, Majority, goals=("ab!",)), words(texts, 3, Majority, goals=("a!",))
    assert said(right) == said(wrong) == ["a!", "ab!"]


def test_votes_join_turns_and_ignore_spaces():
    task = Words("ab ")
    transitions = Transitions(task, WORDS, max_new_tokens=8)
    search = Majority(Sayer(["a ", "b", " a", "b", "a"]), transitions, PLENTY, n=5)
    result = search.search(task.problems("train", [0]))[0]
    assert said(result) == ["a", "b"] and result.candidates[0].score == 3.0


def test_nothing_fits_a_budget_of_one_token():
    result = words(["abc"], 3, budget=SearchBudget(max_tokens=1))
    assert (result.candidates, result.stop, result.num_tokens) == ((), "tokens", 1)
    assert result.counts == {"cut_by_budget": 1}
    assert words(["abc"], 3, Majority, budget=SearchBudget(max_tokens=1)).answer is None


def test_seconds_end_a_search_between_batches():
    result = words(["abc"], 3, budget=SearchBudget(max_seconds=1e-9))
    assert (result.stop, len(result.candidates)) == ("seconds", 1)


def test_an_engine_without_room_leaves_episodes_unfinished():
    task = Words("abc", {0: ("ab",)})
    transitions = Transitions(task, WORDS, max_new_tokens=8)
    sayer = Sayer(["abc"])
    sayer.max_length = 4
    result = BestOfN(sayer, transitions, PLENTY, n=2).search(task.problems("train", [0]))[0]
    assert result.candidates == () and result.counts == {"too_long": 2}


@pytest.mark.parametrize("bad", [{"n": 0}, {"n": 2, "select": "best"}, {"n": 2, "select": "value"}])
def test_bad_options_are_refused(bad):
    with pytest.raises(InvalidValueError):
        BestOfN(Sayer(["a"]), TRANSITIONS, PLENTY, **bad)
    with pytest.raises(InvalidValueError):
        Majority(Sayer(["a"]), TRANSITIONS, PLENTY, n=0)


def test_progress_and_no_problems():
    seen = []
    results = BestOfN(Sayer(["1"]), TRANSITIONS, PLENTY, n=3).search(
        PROBLEMS, on_progress=lambda *numbers: seen.append(numbers)
    )
    assert seen[-1] == (20, sum(result.num_tokens for result in results))
    assert BestOfN(Sayer(["1"]), TRANSITIONS, PLENTY, n=3).search([]) == []
