"""The diagnosis of learned values, on scripted models whose values are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem
from lmgym.tasks.base import Task
from lmgym.tasks.dataset.task import Dataset
from lmgym.tasks.maze import Maze
from lmgym.tasks.probes import Count, Delayed, Echo, Guess, Reverse
from lmgym.tokenization import CharTokenizer
from lmgym_agents.diagnosis.heuristic_quality import find_inadmissible, find_inconsistent
from lmgym_agents.diagnosis.hidden import expected_action_values, find_alike
from lmgym_agents.diagnosis.optimal_values import SuccessTruth, default_support
from lmgym_agents.diagnosis.ordering import find_ordering
from lmgym_agents.diagnosis.q_diagnosis import Diagnosis, diagnose
from lmgym_agents.errors import MetricsError
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.report.q_picture import draw_diagnosis
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.state_model import PolicyStates, StateEvaluation
from lmgym_agents.tiny_models import make_tiny_model

TOKENIZER = CharTokenizer()
OUTSIDE = 100.0
Script = Callable[[SearchState, np.ndarray], np.ndarray]


class ScriptedModel:
    """Finds the state of a row by playing it again, and gives Q by a script; every other token 100."""

    vocab_size = TOKENIZER.vocab_size
    max_length: int | None = None

    def __init__(
        self, transitions: Transitions, problems: Sequence[Problem], script: Script, *, kind: str = "q"
    ) -> None:
        self.transitions, self.script, self.kind = transitions, script, kind
        self.starts = {start.tokens: start for start in map(transitions.start, problems)}
        self.support = list(default_support(transitions))
        self.truth = SuccessTruth(transitions)
        self.num_computed = 0

    def state_of(self, row: tuple[int, ...]) -> SearchState:
        (state,) = [start for tokens, start in self.starts.items() if row[: len(tokens)] == tokens]
        while len(state.tokens) < len(row):
            state = self.transitions.apply(state, (row[len(state.tokens)],))
        assert state.tokens == row
        return state

    def evaluate(self, rows: Sequence[Sequence[int]]) -> StateEvaluation:
        q = np.full((len(rows), self.vocab_size), OUTSIDE, np.float32)
        values = np.zeros(len(rows), np.float32)
        for place, row in enumerate(rows):
            state = self.state_of(tuple(row))
            following = [self.transitions.apply(state, (token,)) for token in self.support]
            q[place, self.support] = self.script(state, self.truth.values(following))
            values[place] = self.truth.values([state])[0]
        logps = np.full(q.shape, -math.log(self.vocab_size), np.float32)
        return StateEvaluation(
            logps, q if self.kind == "q" else None, values if self.kind != "nothing" else None
        )

    def weights_changed(self) -> None:
        pass


def exact(state: SearchState, truth: np.ndarray) -> np.ndarray:
    return truth


def diagnose_script(
    task: Task, script: Script, *, number: int = 6, kind: str = "q", **options: object
) -> Diagnosis:
    transitions = Transitions(task, TOKENIZER)
    problems = task.problems("train", range(number))
    # Equal prompts would be one row to a model.
    problems = list({problem.prompt: problem for problem in problems}.values())
    model = ScriptedModel(transitions, problems, script, kind=kind)
    return diagnose(model, transitions, problems, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "task",
    [Echo(), Reverse(needs_stop=False), Count(length=3), Delayed(num_turns=2), Maze(level=1)],
    ids=lambda task: task.fingerprint,
)
@pytest.mark.parametrize("kind", ["q", "v"])
def test_the_truth_has_no_fault(task: Task, kind: str) -> None:
    found = diagnose_script(task, exact, kind=kind).metrics()
    for name in (
        "num_nan", "num_unknown", "num_too_long", "optimality_gap_rate", "q_error_mean", "q_error_max",
        "q_bias", "value_error_mean", "overestimation_rate", "overestimation_mean", "inadmissible_rate",
        "inadmissible_max", "inconsistent_rate", "inconsistent_max", "regret",
    ):  # fmt: skip
        assert found[name] == 0, name
    for name in ("best_action_rate", "pair_accuracy", "greedy_return", "optimal_return"):
        assert found[name] == 1, name
    assert {name for name in found if name.startswith("q_error_mean/")} >= {
        "q_error_mean/demonstrations", "q_error_mean/random",
    }  # fmt: skip


def test_a_constant_too_much_is_over_estimation_and_stays_admissible() -> None:
    found = diagnose_script(Echo(), lambda state, truth: truth + 0.25).metrics()
    for name in ("q_error_mean", "q_error_max", "q_bias", "overestimation_mean", "overestimation_max"):
        assert found[name] == pytest.approx(0.25), name
    assert found["overestimation_rate"] == found["pair_accuracy"] == found["greedy_return"] == 1
    # Optimistic everywhere, and no end pays more than was promised.
    assert found["inadmissible_rate"] == found["inconsistent_rate"] == 0


def test_a_constant_too_little_is_inadmissible() -> None:
    found = diagnose_script(Echo(), lambda state, truth: truth - 0.25).metrics("x/")
    assert found["x/q_bias"] == pytest.approx(-0.25)
    assert found["x/overestimation_rate"] == 0 and found["x/inadmissible_rate"] == 1
    assert found["x/inadmissible_mean"] == found["x/inadmissible_max"] == pytest.approx(0.25)


def test_a_small_difference_is_none() -> None:
    found = diagnose_script(Echo(), lambda state, truth: truth + 0.005).metrics()
    assert found["overestimation_rate"] == 0 and found["q_error_mean"] == pytest.approx(0.005)
    strict = diagnose_script(Echo(), lambda state, truth: truth + 0.005, tolerance=0.0)
    assert strict.metrics()["overestimation_rate"] == 1


def test_a_turned_order_is_seen() -> None:
    found = diagnose_script(Echo(), lambda state, truth: -truth).metrics()
    assert found["best_action_rate"] == found["pair_accuracy"] == found["greedy_return"] == 0
    assert found["optimal_return"] == found["regret"] == 1


def hand_script(state: SearchState, truth: np.ndarray) -> np.ndarray:
    """Q of end, y, z, by whether the right letter was said so far, the other one, or none."""
    right = state.problem.reference
    said = TOKENIZER.decode(state.partial)
    by_action = {
        "": {"right": 0.5, "other": 0.8, "end": 0.0},
        "right": {"right": 0.0, "other": 0.2, "end": 0.6},
        "other": {"right": 0.1, "other": 0.0, "end": 0.3},
    }["" if not said else "right" if said == right else "other"]
    letters = [by_action["right" if letter == right else "other"] for letter in "yz"]
    return np.array([by_action["end"], *letters])


def test_a_tree_of_two_steps_worked_by_hand() -> None:
    diagnosis = diagnose_script(
        Echo(length=1, alphabet="yz"), hand_script, number=1, enumerate_up_to=3, tolerance=0.0
    )
    assert diagnosis.support == (TOKENIZER.end_id, *TOKENIZER.encode("yz"))
    assert diagnosis.sources == ("all",) * 3  # nothing said, y, z
    found = diagnosis.metrics()
    # Q* is 1 for the right letter at first, then for the end after it; else 0.
    assert found["q_error_mean"] == pytest.approx((0.5 + 0.8 + 0.2 + 0.4 + 0.1 + 0.3) / 9)
    assert found["q_bias"] == pytest.approx((-0.5 + 0.8 + 0.2 - 0.4 + 0.1 + 0.3) / 9)
    assert found["q_error_max"] == pytest.approx(0.8)
    # The largest Q is .8 (V* 1), .6 (V* 1), .3 (V* 0).
    assert found["overestimation_rate"] == pytest.approx(1 / 3)
    assert found["overestimation_mean"] == pytest.approx(0.3)
    assert found["inadmissible_rate"] == pytest.approx(2 / 3)
    assert found["inadmissible_mean"] == pytest.approx((0.2 + 0.4) / 2)
    assert found["inadmissible_max"] == pytest.approx(0.4)
    # Of nine edges one rises: the right end pays 1 where .6 was promised.
    assert found["inconsistent_rate"] == pytest.approx(1 / 9)
    assert found["inconsistent_mean"] == pytest.approx(0.4)
    # At first the wrong letter looks best, and one of two pairs is in order; after "right" all is.
    assert found["best_action_rate"] == 0.5 and found["pair_accuracy"] == 0.75
    assert (found["greedy_return"], found["optimal_return"], found["regret"]) == (0, 1, 1)


def test_violations_by_hand() -> None:
    values, optimal = np.array([3.0, 1.0, np.nan]), np.array([2.0, 2.0, 2.0])
    assert find_inadmissible(values, optimal) == (2, 0.5, 1.0, 1.0)
    nothing = find_inadmissible(values[2:], optimal[2:])
    assert nothing.num_checked == 0 and math.isnan(nothing.rate)
    # With costs of 1: 3 >= -1 + 4 holds just so, 1 >= -1 + 2.5 falls short by .5.
    rewards = -np.ones((2, 2))
    following = np.array([[4.0, np.nan], [2.5, -7.0]])
    assert find_inconsistent(values[:2], rewards, following) == (3, pytest.approx(1 / 3), 0.5, 0.5)
    assert find_inconsistent(values[:2], rewards, following, tolerance=0.5).rate == 0


def test_ordering_by_hand() -> None:
    exactly = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, np.nan]])
    given = np.array([[0.5, 0.5, 0.9], [3.0, 1.0, 2.0], [0.1, np.nan, 0.7]])
    # Row 0: one pair of two right, one tied: 3/4. Row 1 has nothing to order, row 2 one usable action.
    assert find_ordering(given, exactly) == (1.0, 0.75)
    assert all(map(math.isnan, find_ordering(given[1:], exactly[1:])))


def test_nan_is_counted_and_passed_over() -> None:
    def script(state: SearchState, truth: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(truth)) == 0, np.nan, truth)  # the end token

    found = diagnose_script(Echo(), script).metrics()
    assert found["num_nan"] == found["num_states"] and found["q_error_mean"] == 0
    assert found["greedy_return"] == 0 and all(map(math.isfinite, found.values()))
    lost = diagnose_script(Echo(), lambda state, truth: truth * np.nan).metrics()
    assert lost["num_nan"] == 9 * lost["num_states"] and "q_error_mean" not in lost
    assert "greedy_return" not in lost  # the walk has no way to go on


def test_states_longer_than_the_model_reads_are_counted() -> None:
    class Short(ScriptedModel):
        max_length = 4

    task = Echo()
    transitions, problems = Transitions(task, TOKENIZER), task.problems("train", range(4))
    model = Short(transitions, problems, exact)
    found = diagnose(model, transitions, problems).metrics()
    assert found["num_too_long"] > 0 and found["q_error_max"] == 0
    assert all(len(row) for row in model.starts)


def test_what_no_longer_fits_is_worth_nothing() -> None:
    task = Echo(length=2)
    problem = task.problem("train", 0)
    tight = Transitions(task, TOKENIZER, max_new_tokens=2)
    begun = tight.apply(tight.start(problem), (TOKENIZER.encode(problem.reference)[0],))
    assert task.optimal_value(problem, (), problem.reference[0]) == 1
    assert SuccessTruth(tight).values([begun]) == [0]
    assert SuccessTruth(tight, num_last_tokens=0).values([begun]) == [1]
    assert SuccessTruth(tight).values([tight.start(problem)]) == [1]
    start = begun._replace(tokens=begun.tokens[:-1], partial=())
    assert SuccessTruth(tight, num_last_tokens=2).values([start, begun]).tolist() == [1, 0]
    free = Echo(length=2, needs_stop=False)
    loose = Transitions(free, TOKENIZER)
    begun = loose.apply(loose.start(problem), (TOKENIZER.encode(problem.reference)[0],))
    assert SuccessTruth(loose).values([begun]) == [1]
    with pytest.raises(InvalidValueError, match="num_last_tokens"):
        SuccessTruth(loose, num_last_tokens=4)


def test_what_is_hidden_shows_as_a_gap() -> None:
    task = Guess(high=3, num_guesses=1)
    found = diagnose_script(task, exact, number=1).metrics()
    assert found["optimality_gap_rate"] > 0
    alike = find_alike(task.problems("train", range(64)))
    found = diagnose_script(task, exact, number=1, alike=alike).metrics()
    assert found["optimality_gap_rate"] == 0


def test_what_is_hidden_counts_by_its_mean() -> None:
    # The secrets of this split are 1, 3, 5, 6 and 7. "1" finds one of them, and leaves four to two guesses,
    # which find three: 1/5 + 4/5 * 3/4. "5" leaves two on either side, all of which are found.
    task = Guess(high=7, num_guesses=3)
    alike = find_alike(task.problems("train", range(64)))
    assert sorted(problem.reference for problem in alike) == [1, 3, 5, 6, 7]
    transitions = Transitions(task, TOKENIZER)
    begun = [
        transitions.apply(transitions.start(problem), tuple(TOKENIZER.encode(guess)))
        for guess in ("1", "5")
        for problem in alike
    ]
    truth, end = SuccessTruth(transitions), (TOKENIZER.end_id,)
    expected = expected_action_values(transitions, truth, begun, end, alike)
    assert expected == pytest.approx(np.array([[0.8]] * 5 + [[1.0]] * 5))
    alone = expected_action_values(transitions, truth, begun[:5], end)
    assert sorted(alone.ravel()) == pytest.approx([0.75] * 4 + [1.0])
    # After a reply only those are left that it fits: of a higher secret than 3, three with two guesses.
    told = [
        transitions.apply(transitions.apply(transitions.start(problem), tuple(TOKENIZER.encode("3"))), end)
        for problem in alike
        if problem.reference > 3
    ]
    guessed = [transitions.apply(state, tuple(TOKENIZER.encode("5"))) for state in told]
    expected = expected_action_values(transitions, truth, guessed, end, alike)
    assert expected == pytest.approx(np.full((3, 1), 2 / 3))
    assert find_alike(Echo().problems("train", range(64))) == []


def test_what_is_drawn_depends_on_the_problem_alone() -> None:
    task = Reverse()
    transitions = Transitions(task, TOKENIZER)
    problems = list({p.prompt: p for p in task.problems("train", range(8))}.values())
    model = ScriptedModel(transitions, problems, exact)
    both = diagnose(model, transitions, problems, seed=3)
    (one,) = (diagnose(model, transitions, problems[2:3], seed=3),)
    mine = [state for state in both.states if state.problem == problems[2]]
    assert mine == list(one.states)
    assert len({state.tokens for state in both.states}) == len(both.states)
    other = diagnose(model, transitions, problems, seed=4)
    assert other.states != both.states
    assert set(both.sources) == {"demonstrations", "greedy", "policy", "random"}


def test_bad_calls_are_typed_errors() -> None:
    with pytest.raises(InvalidValueError, match="neither"):
        diagnose_script(Echo(), exact, kind="nothing")
    with pytest.raises(InvalidValueError, match="optimal_value"):
        diagnose_script(Dataset(), exact, number=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'greedy'"):
        diagnose_script(Echo(), exact, sources=["gredy"])
    with pytest.raises(InvalidValueError, match="problem"):
        diagnose_script(Echo(), exact, number=0)
    with pytest.raises(InvalidValueError, match="support"):
        diagnose_script(Echo(), exact, support=[])
    for options in ({"states_per_problem": 0}, {"tolerance": math.nan}, {"max_walk_tokens": 0}):
        with pytest.raises(InvalidValueError, match="a diagnosis needs"):
            diagnose_script(Echo(), exact, **options)


def test_real_models_are_diagnosed() -> None:
    transitions = Transitions(Echo(), TOKENIZER)
    problems = Echo().problems("train", range(4))
    policy = Policy(make_tiny_model(TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=16))
    heads = diagnose(QStates(QModel(policy, num_heads=2, initial_value=0.5)), transitions, problems)
    assert np.all(heads.q == 0.5) and np.all(heads.head_values == 0.5)  # untrained heads say this everywhere
    assert heads.metrics()["inadmissible_mean"] == 0.5
    logits = diagnose(QStates(QModel(policy, kind="logits")), transitions, problems, acting="policy")
    assert np.abs(logits.q).max() < 1e-6 and logits.metrics()["pair_accuracy"] == 0.5
    values = diagnose(PolicyStates(policy, has_values=True), transitions, problems)
    assert values.head_values is not None and np.isfinite(values.q).all()
    with pytest.raises(InvalidValueError, match="neither"):
        diagnose(PolicyStates(policy), transitions, problems)


def test_the_picture_is_drawn() -> None:
    found = diagnose_script(Echo(), lambda state, truth: truth + 0.25)
    records = [
        {"step": 1, **found.metrics("diagnosis/")},
        {"step": 2, "diagnosis/q_error_mean": math.nan, "diagnosis/regret": 0.1},
        {"step": 3, "loss": 1.0},
    ]
    for options in ({}, {"records": records, "title": "Echo"}):
        assert draw_diagnosis(found, **options).startswith(b"\x89PNG")  # type: ignore[arg-type]
    with pytest.raises(MetricsError, match="nothing to draw"):
        draw_diagnosis(diagnose_script(Echo(), lambda state, truth: truth * np.nan))
