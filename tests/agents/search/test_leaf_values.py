from __future__ import annotations

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.tasks.probes import Delayed, Guess
from lmgym_agents.engine import Engine
from lmgym_agents.search.completion import checked_params, complete
from lmgym_agents.search.leaf_values import (
    ModelValues,
    ProcessRewardValues,
    RolloutLeafValues,
    VerifierValues,
)
from lmgym_agents.search.states import Transitions
from lmgym_agents.tiny_models import make_tiny_model
from tests.agents.search.scripted_model import (
    TOKENIZER,
    RandomTree,
    Sayer,
    ScriptedModel,
    token_of,
    transitions_of,
)

TREE = RandomTree(0, letters="abc", depth=4)
TREE.goals = frozenset({"ab", "abca"})
TRANSITIONS, PROBLEMS = transitions_of([TREE])


def state_of(said):
    state = TRANSITIONS.start(PROBLEMS[0])
    for letter in said:
        state = TRANSITIONS.apply(state, (token_of(letter),))
    return state


STATES = [state_of(said) for said in ("", "ab", "ab$", "ac$", "abca")]


def script(index, said):
    """Q of a letter is its place in "abc$" / 10 + the length of what was said; V is -length."""
    return {letter: (-1.0, 0.1 * place + len(said)) for place, letter in enumerate("abc$")}, -float(len(said))


def test_the_verifiers_values():
    values = VerifierValues(TRANSITIONS, unfinished=0.25)
    assert values(STATES, seed=0).tolist() == [0.25, 0.25, 1.0, 0.0, 1.0]
    assert values.last_num_tokens.tolist() == [0] * 5 and values.num_tokens == 0
    assert math.isnan(VerifierValues(TRANSITIONS, unfinished=math.nan)(STATES[:1], seed=0)[0])


def test_a_verifier_that_fails_has_no_idea():
    tree = RandomTree(0, letters="down", depth=9)
    transitions, problems = transitions_of([tree])
    state = transitions.start(problems[0])
    for letter in "down$":
        state = transitions.apply(state, (token_of(letter),))
    assert math.isnan(VerifierValues(transitions)([state], seed=0)[0])


@pytest.mark.parametrize(
    "read, terminal, expected",
    [
        ("value", "verifier", [0.0, -2.0, 1.0, 0.0, 1.0]),
        ("value", "model", [0.0, -2.0, 2.3, 2.3, 3.0]),  # of ends: Q of what ended them
        ("max_q", "verifier", [0.3, 2.3, 1.0, 0.0, 1.0]),
        ("max_q", "model", [0.3, 2.3, 2.3, 2.3, 3.0]),
    ],
)
def test_a_models_values_by_hand(read, terminal, expected):
    model = ScriptedModel(script, has_values=True)
    values = ModelValues(model, TRANSITIONS, terminal=terminal, read=read)
    assert values(STATES, seed=0) == pytest.approx(expected, abs=1e-6)
    assert values.last_num_tokens.tolist() == ([1, 1, 0, 0, 0] if terminal == "verifier" else [1] * 5)
    assert values.num_tokens == sum(values.last_num_tokens)


def test_a_value_function_alone_is_asked_before_the_last_token():
    model = ScriptedModel(script, has_q=False, has_values=True)
    values = ModelValues(model, TRANSITIONS, terminal="model")
    assert values(STATES, seed=0).tolist() == [0.0, -2.0, -2.0, -2.0, -3.0]
    with pytest.raises(InvalidValueError, match="Q function"):
        ModelValues(model, TRANSITIONS, terminal="model", read="max_q")(STATES, seed=0)
    with pytest.raises(InvalidValueError, match="no values"):
        ModelValues(ScriptedModel(script), TRANSITIONS, terminal="model")(STATES, seed=0)


def test_values_are_clipped_and_bad_ones_are_no_idea():
    def bad(index, said):
        return {}, {0: math.nan, 2: math.inf}[len(said)]

    model = ScriptedModel(bad, has_q=False, has_values=True)
    assert np.isnan(ModelValues(model, TRANSITIONS, terminal="verifier")(STATES[:2], seed=0)).all()
    clipped = ModelValues(model, TRANSITIONS, terminal="verifier", value_range=(0.0, 1.0))(STATES[:2], seed=0)
    assert math.isnan(clipped[0]) and clipped[1] == 1.0
    empty = ModelValues(ScriptedModel(lambda i, s: ({}, 0.0)), TRANSITIONS, terminal="model", read="max_q")
    assert np.isnan(empty(STATES[:1], seed=0)).all()


def test_states_beyond_the_models_context_are_no_idea():
    model = ScriptedModel(script, has_values=True, max_length=3)
    for read, expected in (("value", [0.0, math.nan]), ("max_q", [0.3, math.nan])):
        values = ModelValues(model, TRANSITIONS, terminal="model", read=read)
        assert values(STATES[:2], seed=0) == pytest.approx(expected, nan_ok=True)
        assert values.last_num_tokens.tolist() == [1, 0]


class Steps:
    def values(self, prompts, prefixes, is_complete=None):
        self.asked = list(zip(prompts, prefixes, is_complete, strict=True))
        return np.array([0.1 * len(prefix) for prefix in prefixes])


def test_a_process_reward_model_reads_texts():
    steps = Steps()
    values = ProcessRewardValues(steps, TRANSITIONS, terminal="model")
    assert values(STATES, seed=0) == pytest.approx([0.0, 0.2, 0.2, 0.2, 0.4])
    assert steps.asked[1:3] == [("0:", "ab", False), ("0:", "ab", True)] and steps.asked[4][2] is False
    assert values.last_num_tokens.tolist() == [0, 2, 3, 3, 4]
    checked = ProcessRewardValues(steps, TRANSITIONS, terminal="verifier")
    assert checked(STATES, seed=0) == pytest.approx([0.0, 0.2, 1.0, 0.0, 1.0])
    with pytest.raises(InvalidValueError, match="turns"):
        ProcessRewardValues(steps, Transitions(Guess(), TOKENIZER), terminal="model")


def test_rollouts_by_hand():
    """From "" the four say "ab", "", "abca" (cut by the budget, right), "b"; from "ab" the first is wrong."""
    values = RolloutLeafValues(Sayer(["ab", "", "abca", "b"]), TRANSITIONS, num_rollouts=4)
    assert values(STATES, seed=0).tolist() == [0.5, 0.25, 1.0, 0.0, 1.0]
    assert values.last_num_tokens.tolist() == [3 + 1 + 4 + 2, 2 + 1 + 2 + 2, 0, 0, 0]


def make_engine(rows=64):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=96, seed=0,
        config={"initializer_range": 0.4},
    )  # fmt: skip
    return Engine(model, max_rows=rows)


def test_rollouts_depend_on_seed_and_state_alone():
    task = Delayed()
    transitions = Transitions(task, TOKENIZER)
    states = [transitions.start(problem) for problem in task.problems("train", range(6))]
    said = []

    def verify_batch(transcripts):
        said.append([tuple(transcript.turns) for transcript in transcripts])
        return [task.verify(transcript) for transcript in transcripts]

    transitions.task = type("Spy", (), {"verify_batch": staticmethod(verify_batch), "respond": task.respond})
    RolloutLeafValues(make_engine(), transitions, num_rollouts=3)(states, seed=5)
    for state in reversed(states):
        RolloutLeafValues(make_engine(2), transitions, num_rollouts=3)([state], seed=5)
    together, alone = said[0], [turns for call in said[:0:-1] for turns in call]
    assert together == alone and len(set(together)) == 18
    assert any(len(turns) > 1 for turns in together)  # several turns each
    with pytest.raises(InvalidValueError, match="num_rollouts"):
        RolloutLeafValues(make_engine(), transitions, num_rollouts=0)


def test_completions_say_their_log_probs_and_stop_at_the_engines_context():
    params = checked_params(None, TRANSITIONS)
    done = complete(Sayer(["ab"], logp=-0.5), TRANSITIONS, STATES, params, streams=range(5), seed=0)
    assert [one.state.is_over for one in done] == [True] * 5
    assert [one.logp for one in done] == [-1.5, -1.0, 0.0, 0.0, 0.0]
    short = Sayer(["ab"])
    short.max_length = 4
    done = complete(short, TRANSITIONS, STATES[:2], params, streams=range(2), seed=0)
    assert [one.num_tokens for one in done] == [2, 0] and not any(one.state.is_over for one in done)


def test_options_are_checked():
    model = ScriptedModel(script, has_values=True)
    for bad in (
        {"terminal": "both"},
        {"terminal": "model", "read": "q"},
        {"terminal": "model", "value_range": (1, 0)},
    ):
        with pytest.raises(InvalidValueError):
            ModelValues(model, TRANSITIONS, **bad)
