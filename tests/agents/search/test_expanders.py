from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import SingleTurnTask
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search import token_expander
from lmgym_agents.search.leaf_values import VerifierValues
from lmgym_agents.search.sampling_expander import ResponseExpander, StepExpander
from lmgym_agents.search.states import Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.search.valued_expander import ValuedExpander
from lmgym_agents.state_model import PolicyStates
from lmgym_agents.tiny_models import make_tiny_model
from tests.agents.search.scripted_model import END, RandomTree, ScriptedModel, Words, token_of, transitions_of

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked")
TRANSITIONS = Transitions(TASK, TOKENIZER, max_new_tokens=20)
STATES = [TRANSITIONS.start(problem) for problem in TASK.problems("train", range(12))]


@pytest.fixture(scope="module")
def policy():
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=64, seed=0,
        config={"initializer_range": 0.4},
    )  # fmt: skip
    return Policy(model)


@pytest.fixture(scope="module")
def engine(policy):
    return Engine(policy.model, max_rows=7)


def plain_logps(policy, tokens):
    """Log-probs after every token by a forward pass of its own."""
    with torch.no_grad():
        logits = policy.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
    return logits.double().log_softmax(-1).numpy()


# Tokens -----------------------------------------------------------------------------------------------------


def test_tokens_are_the_likeliest_allowed_ones_with_the_policys_own_log_probs(policy):
    found = TokenExpander(PolicyStates(policy), TRANSITIONS, top_k=4).expand(STATES, seed=0)
    allowed = sorted({TOKENIZER.end_id, *TOKENIZER.encode(TASK.alphabet)})
    for state, candidates in zip(STATES, found, strict=True):
        logps = plain_logps(policy, state.tokens)[-1]
        best = sorted(allowed, key=lambda token: -logps[token])[:4]
        assert candidates.actions == tuple((token,) for token in best)
        assert candidates.logps == pytest.approx(logps[best], abs=1e-5)
        assert (candidates.q, candidates.value, candidates.num_tokens) == (None, None, 1)
    assert sum(np.exp(found[0].logps)) < 0.9  # not renormalised


def test_q_and_values_come_from_the_same_pass(policy):
    model = QModel(policy, kind="heads", initial_value=0.25)
    with torch.no_grad():
        for head in (*model.heads.q_heads, model.heads.value_head):
            head[-1].weight.normal_()
    said = QStates(model).evaluate([state.tokens for state in STATES])
    states = QStates(model)
    found = TokenExpander(states, TRANSITIONS, top_k=3).expand(STATES, seed=0)
    assert states.num_computed == sum(len(state.tokens) for state in STATES)
    for place, candidates in enumerate(found):
        tokens = [action[0] for action in candidates.actions]
        assert candidates.q == pytest.approx(said.q[place, tokens], abs=1e-5)
        assert candidates.value == pytest.approx(said.values[place], abs=1e-5)


def test_large_vocabularies_are_asked_about_in_parts(policy, monkeypatch):
    whole = TokenExpander(PolicyStates(policy), TRANSITIONS, top_k=4).expand(STATES, seed=0)
    monkeypatch.setattr(token_expander, "_MAX_NUMBERS", 5 * TOKENIZER.vocab_size)
    parts = TokenExpander(PolicyStates(policy), TRANSITIONS, top_k=4).expand(STATES, seed=0)
    assert [one.actions for one in whole] == [one.actions for one in parts]


def scripted(edges, **options):
    """An expander of one state whose edges are given."""
    tree = RandomTree(0, letters="abc", depth=4)
    transitions, problems = transitions_of([tree])
    model_options = {name: options.pop(name) for name in ("has_q", "max_length") if name in options}
    model = ScriptedModel(lambda index, said: (edges, 0.5), has_values=True, **model_options)
    expander = TokenExpander(model, transitions, **options)
    return expander.expand([transitions.start(problems[0])], seed=0)[0]


def letters_of(candidates):
    return "".join(END if a == (TOKENIZER.end_id,) else TOKENIZER.decode(a) for a in candidates.actions)


EDGES = {
    letter: (math.log(p), q) for letter, p, q in zip("abc$", (0.1, 0.5, 0.25, 0.15), range(4), strict=True)
}


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, "bc$a"),
        ({"top_k": 2}, "bc"),
        ({"top_k": 99}, "bc$a"),
        ({"top_p": 0.5}, "b"),
        ({"top_p": 0.51}, "bc"),
        ({"top_p": 0.9}, "bc$"),
        ({"top_p": 1.0}, "bc$a"),
        ({"top_k": 2, "top_p": 0.6}, "b"),  # 0.5 of the 0.75 that are left
        ({"min_logp": math.log(0.2)}, "bc"),
        ({"min_logp": 0.0}, ""),
        ({"allowed": [token_of("a"), token_of("$")]}, "$a"),
    ],
    ids=str,
)
def test_restrictions_by_hand(options, expected):
    candidates = scripted(EDGES, **options)
    assert letters_of(candidates) == expected
    assert candidates.logps.tolist() == [EDGES[letter][0] for letter in expected]
    assert candidates.q.tolist() == [EDGES[letter][1] for letter in expected]


def test_what_is_not_a_number_is_left_out_and_counted():
    bad = {**EDGES, "b": (math.nan, 0.0), "c": (math.log(0.2), math.nan), "$": (math.log(0.1), math.inf)}
    candidates = scripted(bad)
    assert letters_of(candidates) == "a" and candidates.counts == {"nan_logps": 1, "nan_q": 2}
    assert letters_of(scripted(bad, has_q=False, top_k=2)) == "c$"
    assert letters_of(scripted({**EDGES, "b": (-math.inf, 0.0)})) == "c$a"  # never said: nothing is wrong


def test_a_state_beyond_the_models_context_is_counted():
    candidates = scripted(EDGES, max_length=1)
    assert candidates.actions == () and candidates.counts == {"too_long": 1} and candidates.num_tokens == 0
    assert letters_of(scripted(EDGES, max_length=2)) == "bc$a"


def test_without_an_alphabet_all_tokens_but_special_ones_are_proposed():
    class AnyText(SingleTurnTask):
        fingerprint = "AnyText()"
        problems, verify, demonstrations = Words.problems, Words.verify, Words.demonstrations
        _goals = {}  # noqa: RUF012

    transitions = Transitions(AnyText(), TOKENIZER)
    model = ScriptedModel(lambda index, said: (dict.fromkeys("xyz$", (-1.0, 0.0)), 0.0))
    found = TokenExpander(model, transitions).expand(
        [transitions.start(AnyText().problem("train", 0))], seed=0
    )
    assert letters_of(found[0]) == "$xyz"
    ids = TokenExpander(model, transitions)._allowed
    assert TOKENIZER.pad_id not in ids and TOKENIZER.end_id in ids and len(ids) == TOKENIZER.vocab_size - 1


@pytest.mark.parametrize(
    "bad", [{"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"allowed": []}, {"allowed": [999]}]
)
def test_bad_restrictions_are_refused(bad):
    with pytest.raises(InvalidValueError):
        scripted(EDGES, **bad)


def test_a_model_of_another_tokenizer_is_refused():
    model = ScriptedModel(lambda index, said: ({}, 0.0))
    model.vocab_size = 7
    with pytest.raises(InvalidValueError, match="belong"):
        TokenExpander(model, TRANSITIONS)


# Steps and responses --------------------------------------------------------------------------------------


def params(**options):
    return SamplingParams(**{"max_new_tokens": 9, **options})


def test_steps_end_with_the_delimiter_the_turn_or_the_budget(policy, engine):
    expander = StepExpander(engine, TRANSITIONS, num_samples=40, params=params(), delimiter="a")
    seen = set()
    for state, candidates in zip(STATES, expander.expand(STATES, seed=1), strict=True):
        assert len(set(candidates.actions)) == len(candidates.actions)
        assert (np.diff(candidates.logps) <= 0).all()
        for action, logp in zip(candidates.actions, candidates.logps, strict=True):
            ends = [token in (TOKENIZER.end_id, *TOKENIZER.encode("a")) for token in action]
            assert not any(ends[:-1]) and (ends[-1] or len(action) == 9)
            seen.add(TOKENIZER.decode(action[-1:]) if ends[-1] else "budget")
            row = plain_logps(policy, (*state.tokens, *action))
            start = len(state.tokens)
            expected = sum(row[start - 1 + i, token] for i, token in enumerate(action))
            assert logp == pytest.approx(expected, abs=1e-4)
    assert seen == {"a", "", "budget"}


def test_responses_are_whole_turns(engine):
    expander = ResponseExpander(engine, TRANSITIONS, num_samples=3, params=params())
    for state, candidates in zip(STATES, expander.expand(STATES, seed=1), strict=True):
        assert all(TRANSITIONS.apply(state, action).is_over for action in candidates.actions)
        lengths = sum(map(len, candidates.actions))
        assert candidates.num_tokens >= lengths > 9
        if not candidates.counts:
            assert candidates.num_tokens == lengths and len(candidates.actions) == 3


def test_what_is_drawn_depends_on_seed_and_state_alone(engine):
    expander = StepExpander(engine, TRANSITIONS, num_samples=4, params=params())
    together = expander.expand(STATES, seed=3)
    alone = [expander.expand([state], seed=3)[0] for state in reversed(STATES)][::-1]
    assert [one.actions for one in together] == [one.actions for one in alone]
    assert [one.num_tokens for one in together] == [one.num_tokens for one in alone]
    other = expander.expand(STATES, seed=4)
    assert all(one.actions != two.actions for one, two in zip(together, other, strict=True))
    assert len({one.actions for one in together}) == len(STATES)


def test_samples_at_another_temperature_get_the_policys_log_probs(policy, engine):
    warm = StepExpander(engine, TRANSITIONS, num_samples=6, params=params(temperature=0.5), policy=policy)
    for state, candidates in zip(STATES, warm.expand(STATES, seed=0), strict=True):
        for action, logp in zip(candidates.actions, candidates.logps, strict=True):
            row, start = plain_logps(policy, (*state.tokens, *action)), len(state.tokens)
            assert logp == pytest.approx(sum(row[start - 1 + i, t] for i, t in enumerate(action)), abs=1e-4)
    with pytest.raises(InvalidValueError, match="policy="):
        StepExpander(engine, TRANSITIONS, num_samples=6, params=params(top_k=3))


def test_equal_samples_are_merged_and_paid(engine):
    warm = params(temperature=1e-3, max_new_tokens=3)
    policy = Policy(engine.model)
    expander = StepExpander(engine, TRANSITIONS, num_samples=5, params=warm, policy=policy)
    candidates = expander.expand(STATES[:1], seed=0)[0]
    assert len(candidates.actions) == 1 and candidates.counts == {"duplicates": 4}
    assert candidates.num_tokens == 5 * len(candidates.actions[0])
    greedy = StepExpander(engine, TRANSITIONS, num_samples=5, params=params(temperature=0, max_new_tokens=3))
    assert greedy.expand(STATES[:1], seed=0)[0].num_tokens == len(candidates.actions[0])


def test_a_state_beyond_the_engines_context_is_counted(policy):
    engine = Engine(policy.model, max_length=len(STATES[0].tokens))
    found = StepExpander(engine, TRANSITIONS, num_samples=2).expand(STATES[:1], seed=0)
    assert found[0].actions == () and found[0].counts == {"too_long": 1}
    # One more token fits: a response is then cut, and the state stays unfinished.
    engine = Engine(policy.model, max_length=len(STATES[0].tokens) + 1)
    found = ResponseExpander(engine, TRANSITIONS, num_samples=2).expand(STATES[:1], seed=0)
    assert {len(action) for action in found[0].actions} == {1}


def test_bad_options_of_steps_are_refused(engine):
    with pytest.raises(InvalidValueError, match="delimiter"):
        StepExpander(engine, TRANSITIONS, num_samples=2, delimiter="ab")
    with pytest.raises(InvalidValueError, match="delimiter"):
        StepExpander(engine, TRANSITIONS, num_samples=2, delimiter="")
    with pytest.raises(InvalidValueError, match="num_samples"):
        ResponseExpander(engine, TRANSITIONS, num_samples=0)


# Any expander with any values -----------------------------------------------------------------------------


class LengthValues:
    """A state is worth what was said there; NaN after an "a"."""

    num_tokens = 0

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.full(len(states), 2)
        texts = [state.tokens for state in states]
        return np.array([math.nan if t[-1] == token_of("a") else 0.1 * t[-1] for t in texts])


def test_candidates_are_worth_the_states_that_follow():
    tree = RandomTree(0, letters="abc", depth=4)
    transitions, problems = transitions_of([tree])
    model = ScriptedModel(lambda index, said: (EDGES, 0.0))
    expander = ValuedExpander(TokenExpander(model, transitions), LengthValues(), transitions)
    candidates = expander.expand([transitions.start(problems[0])], seed=0)[0]
    assert letters_of(candidates) == "bc$"
    assert candidates.q == pytest.approx([0.1 * token_of(letter) for letter in "bc$"])
    assert candidates.logps.tolist() == [EDGES[letter][0] for letter in "bc$"]
    assert candidates.num_tokens == 1 + 4 * 2 and candidates.counts == {"nan_q": 1}
    assert expander.expand([], seed=0) == []
    empty = ScriptedModel(lambda index, said: ({}, 0.0))
    none = ValuedExpander(TokenExpander(empty, transitions), VerifierValues(transitions), transitions)
    assert none.expand([transitions.start(problems[0])], seed=0)[0].actions == ()
