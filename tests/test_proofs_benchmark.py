"""What benchmarks/proofs.py measures with: values of lines, and a file of measurements that may be cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._proofs_measure import LineValues, Measurements
from lmgym.tasks.proof import Proof
from lmgym.tokenization import make_tokenizer
from lmgym_agents.search.states import SearchState, Transitions


class _Counting:
    """Values states by their number of tokens, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []
        self.num_tokens = 0
        self.last_num_tokens = np.zeros(0, np.int64)

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        self.asked += [state.tokens for state in states]
        return np.array([float(len(state.tokens)) for state in states])


def _played() -> tuple[Transitions, list[SearchState]]:
    """Returns the start of a problem of two lines, its first line half done and done, and its end."""
    task = Proof(level=1, turn="line", max_refusals=1)
    tokenizer = make_tokenizer("char")
    transitions = Transitions(task, tokenizer)
    problem = next(p for p in task.problems("train", range(64)) if len(p.reference.proof) == 2)
    lines = task.demonstrations(problem, np.random.default_rng(0))
    first, second = ((*map(int, tokenizer.encode(line)), tokenizer.end_id) for line in lines)
    start = transitions.start(problem)
    done = transitions.apply(start, first)
    return transitions, [
        start, transitions.apply(start, first[:3]), done, transitions.apply(done, second),
    ]  # fmt: skip


def test_a_line_is_valued_once_and_costs_one_token() -> None:
    transitions, (start, half, done, end) = _played()
    model = _Counting()
    values = LineValues(transitions, model)
    found = values([start, half, done, end], seed=0)
    # An unfinished line is worth what the proof was worth before it; the verifier values the end.
    assert found.tolist() == [len(start.tokens), len(start.tokens), len(done.tokens), 1.0]
    assert values.last_num_tokens.tolist() == [1, 0, 1, 0]
    assert model.asked == [start.tokens, done.tokens]
    assert values([half], seed=0).tolist() == [len(start.tokens)]
    assert values.last_num_tokens.tolist() == [0]
    assert values.num_tokens == 2


def test_exact_values_halve_with_each_missing_line_and_are_free() -> None:
    transitions, states = _played()
    values = LineValues(transitions, None)
    assert values(states, seed=0).tolist() == [0.25, 0.25, 0.5, 1.0]
    assert values.num_tokens == 0


def test_a_refused_line_is_worth_nothing() -> None:
    transitions, (start, *_) = _played()
    tokenizer = transitions.tokenizer
    refused = transitions.apply(start, (*map(int, tokenizer.encode("q FE 1")), tokenizer.end_id))
    assert refused.is_over
    assert LineValues(transitions, None)([refused], seed=0).tolist() == [0.0]


def test_measurements_are_read_again_without_a_line_that_was_cut(tmp_path: Path) -> None:
    measured = Measurements(tmp_path / "new" / "measures.jsonl")
    row = {"kind": "search", "method": "greedy", "budget": 32, "right": 1}
    measured.add([row, {**row, "budget": 64}, {**row, "right": 2}])
    with measured.path.open("a") as file:
        file.write('{"kind": "search", "method"')
    assert measured.rows("search") == [{**row, "right": 2}, {**row, "budget": 64}]
    assert measured.has(kind="search", budget=64)
    assert not measured.has(kind="search", budget=128)
    assert not measured.has(kind="greedy", budget=64)
