"""Candidate actions scored with the state shared: as if each pair had been evaluated alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.errors import ContextLengthError, TokenOutOfVocabularyError
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.cache import CachedHidden
from lmgym_agents.prefixes.candidates import score_candidates
from lmgym_agents.prefixes.store import PrefixStore
from tests.agents.tiny_models import CONTEXT, VOCAB_SIZE, make_model

METHODS = ["auto", "rows", "cascade", "packed"]


def make_pairs(seed: int) -> tuple[list[list[int]], list[list[list[int]]]]:
    """States of 1 to 40 tokens, one without a candidate; candidates that share first tokens and repeat."""
    rng = np.random.default_rng(seed)
    states = [rng.integers(0, VOCAB_SIZE, size).tolist() for size in (40, 33, 1, 35)]
    states.append([*states[0][:36], 1, 2])
    candidates = [
        [rng.integers(0, 3, rng.integers(1, 7)).tolist() for _ in range(count)] for count in (5, 1, 3, 0, 8)
    ]
    candidates[0].append(candidates[0][0])
    return states, candidates


def assert_scores(policy: Policy, scores, states, candidates) -> None:
    for place, (state, actions) in enumerate(zip(states, candidates, strict=True)):
        assert scores.is_candidate[place].sum() == len(actions)
        for column, action in enumerate(actions):
            row = torch.tensor([state + action])
            with torch.no_grad():
                wanted = policy.evaluate(row, torch.tensor([row.shape[1]])).logps[0, len(state) :]
                hidden = policy.hidden_states(row)[0, -1]
            found = scores.logps[place, column]
            torch.testing.assert_close(found[: len(action)], wanted, atol=1e-5, rtol=1e-5)
            assert not found[len(action) :].any()
            torch.testing.assert_close(scores.sums[place, column], wanted.sum(), atol=5e-5, rtol=1e-5)
            torch.testing.assert_close(scores.hidden[place, column], hidden, atol=2e-5, rtol=1e-5)
        assert not scores.logps[place, len(actions) :].any()
        assert not scores.hidden[place, len(actions) :].any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2"])
def test_every_pair_is_scored_as_if_it_were_alone(name, method):
    policy = Policy(make_model(name))
    states, candidates = make_pairs(0)
    scores = score_candidates(policy, states, candidates, method=method)
    assert_scores(policy, scores, states, candidates)


@pytest.mark.parametrize("method", METHODS)
def test_a_held_state_is_not_computed_again(method):
    policy = Policy(make_model("llama"))
    states, candidates = make_pairs(1)
    store = PrefixStore(policy, method=method)
    store.hidden(states)
    held = store.num_computed
    scores = score_candidates(policy, states, candidates, store=store)
    assert_scores(policy, scores, states, candidates)
    new = {
        (*state, *action[:end])
        for state, actions in zip(states, candidates, strict=True)
        for action in actions
        for end in range(1, len(action) + 1)
    }
    assert store.num_computed - held == len(new)
    # The candidates are held now, and so are the states that they lead to.
    assert_scores(policy, score_candidates(policy, states, candidates, store=store), states, candidates)
    store.hidden([states[0] + candidates[0][0]])
    assert store.num_computed - held == len(new)


def test_even_candidates_behind_equal_states_need_no_copies():
    policy = Policy(make_model("llama"))
    rng = np.random.default_rng(2)
    states = rng.integers(0, VOCAB_SIZE, (3, 34)).tolist()
    candidates = [[[first, *tail] for first, tail in enumerate(rng.integers(0, 9, (4, 4)).tolist())]] * 3
    for method in METHODS:
        assert_scores(policy, score_candidates(policy, states, candidates, method=method), states, candidates)


def test_a_small_store_evicts_and_stays_right():
    policy = Policy(make_model("llama"))
    states, candidates = make_pairs(3)
    hidden = CachedHidden(policy, max_tokens=50)
    assert hidden.store is not None
    for _ in range(2):
        scores = score_candidates(policy, states, candidates, store=hidden.store)
        assert_scores(policy, scores, states, candidates)
    assert hidden.store.report.evicted > 0


def test_bad_arguments_are_refused():
    policy = Policy(make_model("llama"))
    for states, candidates, error in (
        ([[1]], [[[1]], [[2]]], InvalidValueError),
        ([], [], InvalidValueError),
        ([[1], [2]], [[], []], InvalidValueError),
        ([[1]], [[[2], []]], InvalidValueError),
        ([[]], [[[2]]], InvalidValueError),
        ([[1]], [[[VOCAB_SIZE]]], TokenOutOfVocabularyError),
        ([[1] * CONTEXT], [[[2]]], ContextLengthError),
    ):
        with pytest.raises(error):
            score_candidates(policy, states, candidates)
