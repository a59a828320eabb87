"""What benchmarks/proofs.py measures: greedy proofs by length, and searches over lines.

Comes in: folders of models, a file of what was measured before. Goes out: lines added to that file. Left out:
training, summaries, pictures.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from lmgym.logic.proof_search import remaining_lines
from lmgym.records import Problem
from lmgym_agents.commands.search import Search, judge, make_parts
from lmgym_agents.commands.search_methods import SearchOptions, SearchParts, make_method
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.prefixes.cache import make_last_hidden
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.expansion import LeafValues
from lmgym_agents.search.leaf_values import ModelValues
from lmgym_agents.search.results import SearchBudget, SearchMethod
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.search.valued_expander import ValuedExpander
from lmgym_agents.state_model import PolicyStates

BUDGETS = (32, 64, 128, 256, 512)
LEVEL = 2
OPTIONS = ("min_lines=1", "max_lines=2")
"""Of the environment: proofs of one or two lines, with a premise that nothing needs."""
SPLITS = ("test", "ood_length")
SEARCHED = (("value", "test"), ("ppo", "test"), ("ppo", "ood_length"))
"""Stages and splits; "value" is the policy of SFT with a value head that was trained by itself."""
MAX_STATES = 400
"""Of the search for the exact distance."""
MIN_VALUE = 0.02
"""Lower values count as this one: a value head is wrong now and then."""


@dataclass(frozen=True)
class Model:
    """One trained model."""

    turn: str
    stage: str
    seed: int

    def of(self, stage: str) -> Model:
        """Returns the model of another stage."""
        return Model(self.turn, stage, self.seed)

    def folder(self, out: Path) -> Path:
        """Returns the run folder."""
        return out / f"{self.turn}-{self.stage}-seed{self.seed}"


@dataclass(frozen=True)
class Measurements:
    """A file with a line for each thing measured; a line that was cut is measured again."""

    path: Path

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Returns the lines of a kind, of equal ones the last."""
        found: dict[str, dict[str, Any]] = {}
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            names = ("kind", "turn", "stage", "seed", "split", "asked", "method", "budget")
            found[json.dumps([row.get(name) for name in names])] = row
        return [row for row in found.values() if row["kind"] == kind]

    def has(self, **what: Any) -> bool:
        """Returns whether there is a line with these entries."""
        return any(what.items() <= row.items() for row in self.rows(what["kind"]))

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Appends lines."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


class LineValues:
    """What a state is worth by what is known of its last finished line, so that it costs a token a line.

    A search over tokens thus goes by likelihood within a line and by values between lines: lines are made one
    token after the other and only as far as they look worth it. Finished states are verified.
    """

    def __init__(self, transitions: Transitions, values: LeafValues | None) -> None:
        """Joins the parts; ``values`` None: a half for each line that is missing, by an exact search.

        No model knows that; it shows what the best heuristic could gain.
        """
        self._transitions, self._values = transitions, values
        self._known: dict[tuple[int, ...], float] = {}
        self.num_tokens = 0
        self.last_num_tokens = np.zeros(0, np.int64)

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        """See ``LeafValues``."""
        before = [_before_line(state) for state in states]
        tokens = np.zeros(len(states), np.int64)
        new: dict[tuple[int, ...], SearchState] = {}
        for place, (state, line) in enumerate(zip(states, before, strict=True)):
            if not state.is_over and line.tokens not in self._known and line.tokens not in new:
                new[line.tokens] = line
                tokens[place] = self._values is not None
        if new:
            known = self._ask(list(new.values()), seed)
            self._known |= dict(zip(new, known, strict=True))
        self.last_num_tokens = tokens
        self.num_tokens += int(tokens.sum())
        return np.array([self._value(*pair) for pair in zip(states, before, strict=True)], np.float64)

    def _ask(self, states: Sequence[SearchState], seed: int) -> list[float]:
        if self._values is not None:
            return [float(value) for value in self._values(states, seed=seed)]
        missing = [remaining_lines(state.task_state.proof, max_states=MAX_STATES) for state in states]
        return [0.0 if number is None else 0.5**number for number in missing]

    def _value(self, state: SearchState, line: SearchState) -> float:
        if state.is_over:
            return float(self._transitions.verify([state])[0].status == "correct")
        return self._known[line.tokens]


def _before_line(state: SearchState) -> SearchState:
    """Returns the state without its unfinished line."""
    if not state.partial:
        return state
    return state._replace(tokens=state.tokens[: -len(state.partial)], partial=())


@dataclass(frozen=True)
class Method:
    """One way to look for a proof."""

    name: str
    options: Mapping[str, Any]
    """of `lmgym search`"""
    colour: str
    by_line: str = ""
    """values of lines for a search over tokens: of the "model", or "exact" """


_SAMPLED = {"granularity": "response", "samples": 8}
_TOKENS = {"top_p": 0.98}
_A_STAR = {"method": "weighted_a_star", "weight": 2.0, "cost": "nlogp", "values": "model"}
METHODS: tuple[Method, ...] = (
    Method("greedy", {"method": "greedy", "accept": "any"}, "#222222"),
    Method("best of n", {"method": "best_of_n", "samples": 512}, "#8A8A8A"),
    Method("Levin over tokens", {"method": "levin", **_TOKENS}, "#E69F00"),
    Method("MCTS over 8 sampled lines, value", {"method": "mcts", "values": "model", **_SAMPLED}, "#009E73"),
    Method("A* over 8 sampled lines, value", {**_A_STAR, **_SAMPLED}, "#CC79A7"),
    Method("A*, value of lines", {**_TOKENS}, "#0072B2", by_line="model"),
    Method("A*, exact distance", {**_TOKENS}, "#B9C4E8", by_line="exact"),
)


def _make_parts(model: Model, out: Path, *options: str) -> SearchParts:
    return make_parts(
        Search(
            env=EnvOptions(
                env="lmgym/Proof-v0", level=LEVEL, option=(f"turn={model.turn}", *OPTIONS, *options)
            ),
            model=ModelOptions(model=str(model.folder(out) / "model"), device="cpu", threads=1),
        )
    )


def _make_method(method: Method, parts: SearchParts, budget: int) -> SearchMethod:
    if not method.by_line:
        options = {"accept": "verifier", "max_tokens": budget, **method.options}
        return make_method(SearchOptions(**options), parts)
    transitions = parts.transitions
    states = PolicyStates(parts.policy, hidden=make_last_hidden(parts.policy), has_values=True)
    values = ModelValues(states, transitions, terminal="verifier") if method.by_line == "model" else None
    expander = TokenExpander(states, transitions, top_k=8, **method.options)
    return BestFirst(
        ValuedExpander(expander, LineValues(transitions, values), transitions),
        transitions,
        SearchBudget(max_tokens=budget),
        BestFirstConfig(order="a_star", heuristic="log_q", cost="nlogp", min_q=MIN_VALUE, accept="verifier"),
    )


def num_lines(problem: Problem) -> int:
    """Returns how many lines the problem's own proof has, premises aside."""
    return len(problem.reference.proof)


def measure_greedy(model: Model, out: Path, asked: int, measured: Measurements, console: Console) -> None:
    """Lets a model write one proof for each problem of each split, and counts the right ones by length."""
    for split in SPLITS:
        what = {"kind": "greedy", "turn": model.turn, "stage": model.stage, "seed": model.seed,
                "split": split, "asked": asked}  # fmt: skip
        if measured.has(**what):
            continue
        parts = _make_parts(model, out)
        problems = distinct_problems(parts.transitions.task, split, asked)
        method = _make_method(METHODS[0], parts, 10**6)
        results = method.search(problems, seed=0)
        by_lines: dict[str, list[int]] = {}
        for problem, verdict in zip(problems, judge(results, parts.transitions), strict=True):
            entry = by_lines.setdefault(str(num_lines(problem)), [0, 0])
            entry[0], entry[1] = entry[0] + (verdict.status == "correct"), entry[1] + 1
        right = sum(entry[0] for entry in by_lines.values())
        tokens = sum(result.num_tokens for result in results) / len(results)
        measured.add(
            [{**what, "problems": len(problems), "right": right, "tokens": round(tokens, 1),
              "by_lines": by_lines}]
        )  # fmt: skip
        rate = f"{right / len(problems):.1%} ({tokens:.0f} tokens each)"
        console.print(f"{model.turn} {model.stage} seed {model.seed}, {split}: {rate}")


def measure_search(
    model: Model, split: str, out: Path, asked: int, measured: Measurements, console: Console
) -> None:
    """Runs every method once; a search that ends with the first proof gives the curve over all budgets.

    A refused line ends an episode here, for every method but greedy: a search has other lines to try.
    """
    free = _make_parts(model, out)
    strict = _make_parts(model, out, "max_refusals=1")
    problems = distinct_problems(strict.transitions.task, split, asked)
    for method in METHODS:
        what = {"kind": "search", "turn": model.turn, "stage": model.stage, "seed": model.seed,
                "split": split, "asked": asked, "method": method.name}  # fmt: skip
        if measured.has(**what):
            continue
        parts = free if method.name == "greedy" else strict
        start = time.perf_counter()
        results = _make_method(method, parts, BUDGETS[-1]).search(problems, seed=0)
        seconds = round(time.perf_counter() - start, 1)
        is_right = [verdict.status == "correct" for verdict in judge(results, parts.transitions)]
        used = [result.num_tokens for result in results]
        rows = []
        for budget in BUDGETS:
            solved = sum(right and tokens <= budget for right, tokens in zip(is_right, used, strict=True))
            tokens = math.fsum(min(budget, tokens) for tokens in used) / len(used)
            rows.append({**what, "budget": budget, "problems": len(problems), "right": solved,
                         "tokens": round(tokens, 1), "seconds": seconds})  # fmt: skip
        measured.add(rows)
        rates = ", ".join(f"{row['budget']}: {row['right'] / row['problems']:.1%}" for row in rows)
        console.print(f"{model.stage} {split} {method.name}: {rates}  ({seconds:.0f} s)")
