from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.records import Turn, Verdict
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import SingleTurnTask
from lmgym.tasks.probes import Count, Delayed
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.expert_iteration import ExpertIteration
from lmgym_agents.algorithms.expert_iteration_config import PRESETS, ExpertIterationConfig
from lmgym_agents.algorithms.expert_rows import (
    TreeBuffer,
    TreeRow,
    actions_of,
    join_rows,
    response_rows,
    tree_rows,
)
from lmgym_agents.algorithms.expert_search import SEARCHES, search_named
from lmgym_agents.round_diagnosis import RoundRecord
from lmgym_agents.runs.state_tree import pack, unpack
from lmgym_agents.search.results import Candidate, SearchResult
from lmgym_agents.search.states import Transitions
from lmgym_agents.search.tree import Node
from lmgym_agents.solution_pool import Response
from tests.agents import expert_setup

TASK = Count(length=6, alphabet="ab")
LETTERS = expert_setup.make_letters("ab in=0123456")
SMALL = dict(
    rounds=2, problems=16, problems_per_update=8, steps=4, steps_per_update=2, batch_rows=16,
    probe_problems=4, probe_samples=4, eval_problems=4, samples=4, learning_rate=3e-3,
)  # fmt: skip


class Demonstrated:
    """A search that knows the way: each problem's demonstration, and a wrong response."""

    name = "demonstrated"

    def __init__(self, setting, wrong="?"):
        self._transitions, self._wrong = setting.transitions, wrong

    def search(self, problems, *, seed=0, on_progress=None):
        return [self._search(problem) for problem in problems]

    def _search(self, problem):
        transitions, tokenizer = self._transitions, self._transitions.tokenizer
        (text,) = transitions.task.demonstrations(problem, np.random.default_rng(0))
        found = []
        for said in (text, self._wrong):
            action = (*tokenizer.encode(said), tokenizer.end_id)
            state = transitions.apply(transitions.start(problem), action)
            found.append(Candidate(state=state, score=0.0, path_logp=0.0))
        return SearchResult(
            problem=problem, candidates=tuple(found), stop="exhausted", num_nodes=1, num_tokens=1
        )


def make(task=TASK, tokenizer=LETTERS, search=expert_setup.SampledResponses, seed=0, **options):
    policy = expert_setup.make_policy(tokenizer, context=80, seed=seed)
    config = ExpertIterationConfig(**(SMALL | options))
    messages = []
    algorithm = ExpertIteration(
        policy, task, tokenizer, config, make_search=search, on_message=messages.append,
        env_options={"max_prompt_tokens": 40} if task is not TASK else {},
    )  # fmt: skip
    return algorithm, messages


def test_a_round_searches_learns_and_measures():
    algorithm, _ = make()
    updates = list(algorithm.iterations())
    phases = ["measure", *(["search"] * 2 + ["learn"] * 2 + ["measure"]) * 2]
    assert [update.metrics["phase"] for update in updates] == phases
    assert [update.metrics["round"] for update in updates] == [0, *[1] * 5, *[2] * 5]
    assert len(updates) == algorithm.num_iterations == 11
    assert [update.step for update in updates] == list(range(1, 12))
    assert [record.round for record in algorithm.history] == [0, 1, 2]
    assert algorithm.history[0].newly_solved is None
    searched = updates[1].metrics
    assert searched["attempts"] == 8 * 4 and searched["problems"] == 8 and searched["num_tokens"] > 0
    for update in updates:
        assert all(math.isfinite(x) for x in update.metrics.values() if isinstance(x, float))


@pytest.mark.parametrize(
    "options",
    [{"restart": False}, {"restart": True, "balance": "hard", "search": Demonstrated},
     {"learn": "dpo", "restart": False, "search": Demonstrated},
     {"preset": "star", "temperature": 0.7, "retry_share": 0.5},
     {"remedy": "mixing", "patience": 1, "fresh": False, "search": Demonstrated, "learning_rate": 0.0,
      "rounds": 3}],
    ids=["keep", "restart", "dpo", "star", "mixing"],
)  # fmt: skip
def test_a_run_that_was_cut_anywhere_goes_on_bit_for_bit(options):
    whole, _ = make(**options)
    states, numbers = [], []
    for update in whole.iterations():
        states.append(clone(whole.state_dict()))
        numbers.append(update.metrics)
    assert whole.demonstration_share == (0.25 if "remedy" in options else 0.0)
    for cut in (1, 3, 4, 7, len(states) - 5):  # between rounds, between searches, between lessons
        other, _ = make(seed=9, **options)  # as it is made on resume, before the weights are loaded
        other.load_state_dict(states[cut])
        rest = [update.metrics for update in other.iterations()]
        assert repr(rest) == repr(numbers[cut + 1 :])
        assert_equal(other.state_dict(), states[-1])


def clone(state):
    """What a checkpoint would bring back."""
    tensors, structure = pack(state)
    return unpack(structure, {name: tensor.clone() for name, tensor in tensors.items()})


def assert_equal(one, two):
    """Equal as checkpoints: the same plain values and the same bytes of all arrays."""
    (tensors, plain), (other_tensors, other_plain) = pack(one), pack(two)
    assert plain == other_plain and set(tensors) == set(other_tensors)
    for name, tensor in tensors.items():
        assert torch.equal(torch.as_tensor(tensor), torch.as_tensor(other_tensors[name])), name


def test_what_is_learned_raises_the_likelihood_of_the_solutions():
    options = {"steps": 60, "steps_per_update": 20, "learning_rate": 1e-2, "restart": False}
    algorithm, _ = make(search=Demonstrated, rounds=1, problems=32, **options)
    updates = list(algorithm.iterations())
    losses = [update.metrics["loss"] for update in updates if update.metrics["phase"] == "learn"]
    before, after = (record.pass_1 for record in algorithm.history)
    assert after > before + 0.1 and losses[-1] < 0.7 * losses[0]


def test_preferring_right_over_wrong_responses_widens_the_margin():
    options = {"learn": "dpo", "steps": 10, "steps_per_update": 5, "rounds": 1, "dpo_sft_coefficient": 0.0}
    algorithm, _ = make(search=lambda setting: Demonstrated(setting, wrong="b"), restart=False, **options)

    def gap():
        """Log-prob of the right responses over that of the wrong ones, mean."""
        pairs = [(r.right[0], r.wrong[0]) for r in algorithm.pool.records.values()]
        sides = [response_rows([pair[side] for pair in pairs]) for side in (0, 1)]
        sums = [
            algorithm.policy.evaluate(rows.input_ids, rows.lengths, is_action=rows.is_target).logps.sum(dim=1)
            for rows in sides
        ]
        return float((sums[0] - sums[1]).detach().mean())

    gaps, learned = [], []
    for update in algorithm.iterations():
        if len(algorithm.pool.records) == 16:
            gaps.append(gap())
        if update.metrics["phase"] == "learn":
            learned.append(update.metrics)
    assert gaps[-1] > gaps[0] + 0.05  # before the first lesson, after the last one
    assert learned[1]["margin"] > learned[0]["margin"] > 0
    assert learned[1]["loss"] < learned[0]["loss"] < math.log(2)


def test_a_restart_begins_every_round_from_the_first_weights():
    algorithm, _ = make(search=Demonstrated, restart=True, learning_rate=0.0)
    first = {name: tensor.clone() for name, tensor in algorithm.policy.state_dict().items()}
    for update in algorithm.iterations():
        if update.metrics["phase"] == "search":
            with torch.no_grad():  # whatever became of the weights is undone by the restart
                algorithm.policy.value_head.bias.add_(1.0)
    assert all(torch.equal(tensor, first[name]) for name, tensor in algorithm.policy.state_dict().items())


class FailingVerifier(SingleTurnTask):
    """Its verifier fails on responses that begin with a digit from 5 on, and accepts the others."""

    fingerprint = "FailingVerifier()"
    alphabet = "ab"
    default_max_new_tokens = 4

    def problems(self, split, indices):
        from lmgym.records import Problem

        return [Problem(f"{split}{index % 40}=", None, split, index, key=str(index)) for index in indices]

    def verify(self, transcript):
        is_letter = transcript.response[:1] in "trainvldesb=01234"
        return Verdict("correct", score=1.0) if is_letter else Verdict("error", "failed")

    def demonstrations(self, problem, rng):
        return ("9",)


def test_what_the_verifier_failed_on_never_enters():
    tokenizer = expert_setup.make_letters("trainvldesb=0123456789")
    algorithm, _ = make(
        FailingVerifier(), tokenizer, samples=8, rounds=1, rationalise=True, ood_splits=(), max_per_problem=9
    )
    updates = list(algorithm.iterations())
    assert sum(update.metrics.get("errors", 0) for update in updates) > 0
    assert algorithm.pool.num_solutions > 0
    for record in algorithm.pool.records.values():
        for solution in record.right:
            ids = np.array(solution.tokens)[np.array(solution.is_action)]
            assert tokenizer.decode(ids)[:1] not in tuple(
                "56789"
            )  # nor did the hint, on which the verifier fails


def test_without_solutions_nothing_is_learned_and_a_word_is_said():
    algorithm, messages = make(Math(level=1), CharTokenizer(), temperature=0.0, samples=1, learning_rate=1.0)
    before = {name: tensor.clone() for name, tensor in algorithm.policy.state_dict().items()}
    updates = list(algorithm.iterations())
    assert algorithm.pool.num_solutions == 0
    assert {u.metrics["skipped_steps"] for u in updates if u.metrics["phase"] == "learn"} == {2}
    assert any("nothing to learn" in message for message in messages)
    assert all(torch.equal(t, before[name]) for name, t in algorithm.policy.state_dict().items())


def test_the_level_rises_with_success_and_not_beyond_the_last():
    options = {"start_level": 1, "last_level": 3, "rounds": 3, "raise_at": 0.9, "restart": False}
    algorithm, messages = make(Math(level=2), CharTokenizer(), search=Demonstrated, **options)
    levels = [u.metrics["level"] for u in algorithm.iterations() if u.metrics["phase"] == "search"]
    assert levels == [1, 1, 2, 2, 3, 3]
    assert {record.level for record in algorithm.pool.records.values()} == {1, 2, 3}
    assert sum("level" in message for message in messages) == 2
    with pytest.raises(InvalidValueError, match="from 2 to 1"):
        make(Math(level=2), CharTokenizer(), last_level=1)


@pytest.mark.parametrize("remedy", ["none", "temperature", "fresh_levels", "reset", "mixing"])
def test_an_alarm_rings_and_its_remedy_is_applied(remedy):
    algorithm, messages = make(remedy=remedy, rounds=1, fresh=False, temperature=0.8, restart=False)
    base = {name: tensor.clone() for name, tensor in algorithm.policy.state_dict().items()}
    list(algorithm.iterations())
    # A history in which much was known before: the next measurement must look like a collapse.
    algorithm.history = [
        RoundRecord(
            round=0, level=1, temperature=1.0, pass_1=1.0, pass_k=1.0, pass_k_error=0.0, k=4, distinct=1.0,
            entropy=1.0, held_out=1.0,
        )
    ]  # fmt: skip
    with torch.no_grad():
        algorithm.policy.model.get_output_embeddings().weight.zero_()
        algorithm.policy.model.get_output_embeddings().weight[1] = 5.0
    algorithm.iteration = algorithm.num_iterations - 1
    metrics = algorithm.iterate().metrics
    assert metrics["alarms"] == "collapse" and any("collapsed" in message for message in messages)
    assert bool(metrics["remedy"]) == (remedy != "none")
    assert algorithm.temperature == pytest.approx(0.8 * 1.3 if remedy == "temperature" else 0.8)
    assert algorithm.posed.is_fresh == (remedy == "fresh_levels")
    assert algorithm.demonstration_share == (0.25 if remedy == "mixing" else 0.0)
    algorithm._begin_lessons()
    is_base = all(torch.equal(tensor, base[name]) for name, tensor in algorithm.policy.state_dict().items())
    assert is_base == (remedy == "reset")


@pytest.mark.parametrize(("alarm", "level"), [("stagnation", 2), ("collapse", 1)])
def test_only_a_policy_that_stagnates_gets_harder_problems(alarm, level):
    options = {"remedy": "fresh_levels", "fresh": False, "start_level": 1, "last_level": 2}
    algorithm, _ = make(Math(level=2), CharTokenizer(), **options)
    assert f"level {level}" in algorithm._apply_remedy([alarm])
    assert algorithm.level == level and algorithm.posed.is_fresh


def test_problems_are_new_each_round_or_the_same_and_failed_ones_come_back():
    posed = {}
    for fresh in (True, False):
        algorithm, _ = make(Math(level=2), CharTokenizer(), fresh=fresh, temperature=0.0, samples=1, steps=2)
        chosen = []
        for update in algorithm.iterations():
            if update.metrics["phase"] == "learn":
                chosen.append(list(algorithm.posed._indices))
        posed[fresh] = chosen
    assert len({*posed[True][0], *posed[True][1]}) == 32
    assert posed[False][0] == posed[False][1]
    algorithm, _ = make(Math(level=2), CharTokenizer(), retry_share=0.5, temperature=0.0, samples=1, steps=2)
    chosen = [list(algorithm.posed._indices) for u in algorithm.iterations() if u.metrics["phase"] == "learn"]
    assert len(set(chosen[1]) & set(chosen[0])) == 8 and len(set(chosen[1])) == 16


def test_the_agents_tokens_are_found_in_rows_of_several_turns():
    task = Delayed(num_turns=3, length=1)
    tokenizer = expert_setup.make_letters("abcdefgh. >waitsy")
    transitions = Transitions(task, tokenizer)
    problem = task.problem("train", 0)
    state, expected = transitions.start(problem), []
    expected += [False] * len(state.tokens)
    for action in ((2, 3, 0), (4, 0), (5, 0)):
        before = len(state.tokens)
        state = transitions.apply(state, action[: transitions.tokens_left(state)])
        num_acted = min(len(action), transitions.max_new_tokens)
        expected += [True] * num_acted + [False] * (len(state.tokens) - before - num_acted)
    assert state.is_over and any(turn.role == "environment" for turn in state.turns)
    assert actions_of(transitions, state) == tuple(expected)
    assert isinstance(state.turns[0], Turn) and sum(expected) == state.num_actions


def make_tree():
    """A root with two actions, visited 3 and 1 times; the first leads on to a goal."""
    transitions = Transitions(TASK, LETTERS)
    start = transitions.start(TASK.problem("train", 0))
    root = Node(state=start, visits=5, total=2.0)
    for token, visits, total in ((8, 3, 2.0), (9, 1, 0.0)):
        state = transitions.apply(start, (token,))
        root.children.append(Node(state=state, parent=root, action=(token,), visits=visits, total=total))
    child = root.children[0]
    over = transitions.apply(child.state, (0,))
    child.children.append(Node(state=over, parent=child, action=(0,), visits=2, total=2.0, status="goal"))
    return root, start


def test_the_visits_of_a_tree_are_shares_of_its_rows():
    root, start = make_tree()
    rows = tree_rows(root, min_visits=2)
    assert [(row.tokens[row.start :], row.share, row.value) for row in rows] == [
        ((8,), 0.75, 0.4), ((9,), 0.25, 0.4), ((0,), 1.0, pytest.approx(2 / 3)),
    ]  # fmt: skip
    assert rows[0].tokens[: rows[0].start] == start.tokens and all(row.is_target for row in rows)
    assert len(tree_rows(root, min_visits=3)) == 2
    root.children[0].children[0].status = "dead"
    assert not any(row.is_target for row in tree_rows(root))  # the value alone is learned then


def test_rows_of_trees_are_drawn_by_their_shares_and_kept_for_some_rounds():
    buffer = TreeBuffer(max_rows=3, rounds=2)
    make_row = TreeRow((1, 2), 1, 1.0, 0.5, True)._replace
    buffer.add([make_row(value=math.nan), make_row(share=0.75), make_row(share=0.25, value=0.1)], round=1)
    drawn = buffer.draw(np.random.default_rng(0), 4000)
    assert abs(sum(row.share == 0.75 for row in drawn) / 4000 - 0.75) < 0.03
    buffer.add([make_row(tokens=(3, 4)), make_row(tokens=(5, 6))], round=2)
    assert [row.tokens for row in buffer.rows] == [(1, 2), (3, 4), (5, 6)]
    other = TreeBuffer(max_rows=3, rounds=2)
    other.restore(buffer.state())
    assert other.rows == buffer.rows and other._found == buffer._found
    buffer.add([], round=3)
    assert [row.tokens for row in buffer.rows] == [(3, 4), (5, 6)]


def test_solutions_and_tree_rows_share_a_batch():
    solution = Response("", (1, 2, 3), (False, True, True), 1)
    tree = [TreeRow((4, 5), 1, 1.0, 0.25, True), TreeRow((6, 7, 8, 9), 3, 1.0, 0.5, False)]
    batch = join_rows([solution], tree)
    assert batch.rows.input_ids.tolist() == [[1, 2, 3, 0], [4, 5, 0, 0], [6, 7, 8, 9]]
    assert batch.rows.is_target.tolist() == [
        [False, True, True, False],
        [False, True, False, False],
        [False] * 4,
    ]
    assert batch.value_position.tolist() == [1, 1, 3]
    assert batch.values[1:].tolist() == [0.25, 0.5] and math.isnan(batch.values[0])


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_runs_with_its_own_search(preset):
    config = ExpertIterationConfig(
        **(SMALL | {"preset": preset, "samples": None, "rounds": 1, "problems": 4})
    )
    plan = config.plan
    assert plan == PRESETS[preset] and plan.search in SEARCHES
    algorithm, _ = make(
        search=search_named(plan.search), preset=preset, rounds=1, problems=4,
        samples=400 if preset == "alphazero" else None, min_visits=2,
    )  # fmt: skip
    updates = list(algorithm.iterations())
    searched = updates[1].metrics
    assert searched["problems"] == 4 and searched["num_tokens"] > 0
    assert (searched["tree_rows"] > 0) == (preset == "alphazero")
    if preset == "alphazero":
        assert algorithm.policy.value_head.weight.abs().sum() > 0
    if preset == "star":
        assert algorithm.pool.num_solutions == 4  # what was failed is demonstrated


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rounds": 0}, "rounds"), ({"replay_share": 2.0}, "replay_share"), ({"preset": "none"}, "preset"),
        ({"remedy": "pray"}, "remedy"), ({"learn": "rl"}, "learn"), ({"band": (0.9, 0.1)}, "band"),
        ({"preset": "alphazero", "learn": "dpo"}, "learn"), ({"patience": 0}, "AlarmRule"),
        ({"samples": 0}, "samples"), ({"temperature": -1.0}, "temperature"),
        ({"temperature_factor": 1.0}, "temperature_factor"),
    ],
)  # fmt: skip
def test_options_are_checked(options, named):
    with pytest.raises(InvalidValueError, match=named):
        ExpertIterationConfig(**options)


def test_given_options_take_the_place_of_the_presets():
    config = ExpertIterationConfig(preset="star", samples=3, restart=False)
    assert config.plan == dataclasses.replace(PRESETS["star"], samples=3, restart=False)
