"""A* on the 8-puzzle as text with a learned Q, held against the optimum that is known for every board.

A language model of 0.15 million parameters reads a board as text and says by one prefill what each move costs
to the goal. It is trained in two ways, see _puzzle_q.py: "fitted" has never seen a distance (fitted
Q-iteration from scrambled boards), "exact" regresses on the true ones: what the network could know at best.
Its values are the heuristic of A* (f = g + weight · h, children made only when popped), beside no heuristic
(uniform cost) and the Manhattan distance. Measured:

1. the values: |Q - Q*| over boards of every distance, how often and by how much they over-estimate a cost
   (not admissible) or fall by more than a move's cost from a board to the next (not consistent), and whether
   the best move is a best one;
2. the searches, on held-out problems: cost of the answer against the least one, and states expanded.

    python benchmarks/sliding_puzzle.py                # about 5 minutes of one quiet core
    python benchmarks/sliding_puzzle.py --draw-only    # the picture and the record from what was run

Every trained network's results are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from _puzzle_picture import draw
from _puzzle_q import Kind, train
from _record import Mark, make_mark, write_record
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.sliding_puzzle.boards import MOVES, Size, distances, layers, manhattan, moves_from
from lmgym.tasks.sliding_puzzle.task import SlidingPuzzle
from lmgym.tokenization import CharTokenizer
from lmgym_agents.diagnosis.heuristic_quality import find_inadmissible, find_inconsistent
from lmgym_agents.diagnosis.ordering import find_ordering
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig, Heuristic
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.states import SearchState, Transitions

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = (1.0, 1.5, 2.0)
BOARDS_PER_DISTANCE = 200
TOLERANCE = 0.05
"""Moves; smaller violations count as none."""
QOf = Callable[[Sequence[str]], NDArray[np.float64]]
console = Console(highlight=False)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Holds A* with a learned Q against the optimum."""

    num_seeds: int = 3
    """networks of each kind"""
    steps: int = 800
    """updates of each network"""
    depth: int = 16
    """moves of the longest scramble that is learned from"""
    level: int = 5
    """of the puzzle: 3 × 3, up to 12 moves from the goal"""
    num_problems: int = 64
    """of the test split"""
    max_nodes: int = 20_000
    """states that a search may expand for a problem"""
    out: Path = ROOT / "runs" / "sliding_puzzle"
    """where finished parts are kept"""
    draw_only: bool = False
    """draw and record what is there"""


class MoveExpander:
    """Proposes the moves that stay on the board, each a whole turn, with their Q by one prefill a board."""

    def __init__(self, size: Size, q_of: QOf | None) -> None:
        tokenizer = CharTokenizer()
        self._actions = {move: (*tokenizer.encode(move), tokenizer.end_id) for move in MOVES}
        self._size, self._q_of = size, q_of

    def expand(self, states: Sequence[SearchState], *, seed: int) -> list[Candidates]:
        """See ``Expander``; every move is as likely."""
        boards = [state.task_state.board for state in states]
        q = self._q_of(boards) if self._q_of is not None else [None] * len(boards)
        return [self._candidates(board, row) for board, row in zip(boards, q, strict=True)]

    def _candidates(self, board: str, q: NDArray[np.float64] | None) -> Candidates:
        legal = moves_from(self._size, board)
        places = [place for place, move in enumerate(MOVES) if move in legal]
        actions = tuple(self._actions[move] for move in MOVES if move in legal)
        logps = np.full(len(actions), -np.log(len(actions)))
        return Candidates(actions, logps, None if q is None else q[places], None, 1)


def search(options: Options, q_of: QOf | None, heuristic: Heuristic, weight: float) -> dict[str, Any]:
    """Returns what a search comes to: shares, cost ratio, expansions; and each problem's numbers."""
    task = SlidingPuzzle(level=options.level, max_moves=60)
    problems = distinct_problems(task, "test", options.num_problems)
    transitions = Transitions(task, CharTokenizer())
    method = BestFirst(
        MoveExpander(task.size, q_of),
        transitions,
        SearchBudget(max_nodes=options.max_nodes),
        BestFirstConfig(heuristic=heuristic, weight=weight),
        key=lambda state: (state.task_state.board, state.partial),
    )
    started = time.perf_counter()
    results = method.search(problems)
    seconds = time.perf_counter() - started
    costs = [None if r.answer is None else _count_moves(r.answer) for r in results]
    best = [problem.reference.value for problem in problems]
    solved = [(cost, least) for cost, least in zip(costs, best, strict=True) if cost is not None]
    return {
        "weight": weight,
        "solved": len(solved) / len(problems),
        "optimal": sum(cost == least for cost, least in solved) / len(problems),
        "cost_ratio": sum(cost for cost, _ in solved) / max(1, sum(least for _, least in solved)),
        "expansions": float(np.mean([result.num_nodes for result in results])),
        "seconds": seconds,
        "problems": [
            {"distance": least, "cost": cost, "expansions": result.num_nodes}
            for least, cost, result in zip(best, costs, results, strict=True)
        ],
    }


def _count_moves(state: SearchState) -> int:
    return sum(turn.role == "agent" for turn in state.turns)


def follow_greedily(options: Options, q_of: QOf) -> dict[str, float]:
    """Returns what comes of always making the best move by Q, without a search."""
    task = SlidingPuzzle(level=options.level)
    problems = distinct_problems(task, "test", options.num_problems)
    boards = [problem.reference.board for problem in problems]
    costs = np.zeros(len(boards), np.int64)
    for _ in range(task.max_turns):
        q = _legal(task.size, boards, q_of(boards))
        for place, board in enumerate(boards):
            if board != task.size.goal:
                boards[place] = moves_from(task.size, board)[list(MOVES)[int(np.nanargmax(q[place]))]]
                costs[place] += 1
    is_solved = np.array([board == task.size.goal for board in boards])
    best = np.array([problem.reference.value for problem in problems])
    ratio = float(costs[is_solved].sum() / best[is_solved].sum()) if is_solved.any() else 0.0
    return {"solved": float(is_solved.mean()), "cost_ratio": ratio}


def _legal(size: Size, boards: Sequence[str], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns q with NaN for the moves that leave the board."""
    is_legal = np.array([[move in moves_from(size, board) for move in MOVES] for board in boards])
    return np.where(is_legal, q, np.nan)


def sample_boards(options: Options, size: Size) -> list[str]:
    """Returns up to ``BOARDS_PER_DISTANCE`` boards of every distance that the problems come from."""
    rng = make_generator(0, "sliding_puzzle", "boards")
    farthest = max(problem.reference.value for problem in _test_problems(options))
    found = list[str]()
    for layer in layers(size)[1 : farthest + 1]:
        found += [layer[at] for at in sorted(rng.permutation(len(layer))[:BOARDS_PER_DISTANCE].tolist())]
    return found


def _test_problems(options: Options) -> list[Problem]:
    return distinct_problems(SlidingPuzzle(level=options.level), "test", options.num_problems)


def judge(options: Options, size: Size, q_of: QOf) -> dict[str, Any]:
    """Returns how far Q is from the truth, and how good it is as a heuristic."""
    boards, far = sample_boards(options, size), distances(size)
    exact = np.array([float(far[board]) for board in boards])
    following = [moves_from(size, board) for board in boards]
    q = _legal(size, boards, q_of(boards))
    optimal_q = np.array(
        [[-1.0 - far[near[m]] if m in near else np.nan for m in MOVES] for near in following]
    )
    values = np.nanmax(q, axis=1)
    children = sorted({child for near in following for child in near.values()})
    of_child = dict(zip(children, np.nanmax(_legal(size, children, q_of(children)), axis=1), strict=True))
    of_child[size.goal] = 0.0
    next_values = np.array(
        [[of_child[near[m]] if m in near else np.nan for m in MOVES] for near in following]
    )
    inadmissible = find_inadmissible(values, -exact, tolerance=TOLERANCE)
    inconsistent = find_inconsistent(values, np.full(q.shape, -1.0), next_values, tolerance=TOLERANCE)
    errors = np.abs(q - optimal_q)
    return {
        "q_error_mean": float(np.nanmean(errors)),
        "q_error_max": float(np.nanmax(errors)),
        **{f"inadmissible_{name}": value for name, value in inadmissible._asdict().items()},
        **{f"inconsistent_{name}": value for name, value in inconsistent._asdict().items()},
        **find_ordering(q, optimal_q)._asdict(),
        "by_distance": {
            str(int(d)): [float(x) for x in np.percentile(-values[exact == d], [10, 50, 90])]
            for d in np.unique(exact)
        },
    }


def run_part(options: Options, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns a finished part from its file, or makes it; a part made with other options is made again."""
    path = options.out / f"{name}.json"
    settings = {
        key: value for key, value in asdict(options).items() if key not in ("out", "draw_only", "num_seeds")
    }
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if kept["settings"] == settings:
            return kept
    if options.draw_only:
        raise SystemExit(f"{path} is missing or was made with other options; run without --draw-only.")
    console.print(f"{name} ...")
    found = {"name": name, "settings": settings, **make()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, allow_nan=False), "utf-8")
    return found


def without_learning(options: Options, heuristic: Heuristic) -> dict[str, Any]:
    """Returns the part of uniform cost ("zero") or of the Manhattan distance."""
    size = SlidingPuzzle(level=options.level).size

    def q_of(boards: Sequence[str]) -> NDArray[np.float64]:
        def cost(board: str, move: str) -> float:
            near = moves_from(size, board).get(move)
            return np.nan if near is None else 1.0 + manhattan(size, near)

        return np.array([[-cost(board, move) for move in MOVES] for board in boards])

    if heuristic == "zero":
        return {"searches": [search(options, None, "zero", 1.0)]}
    searches = [search(options, q_of, heuristic, weight) for weight in WEIGHTS]
    return {"searches": searches, "quality": judge(options, size, q_of)}


def with_learning(options: Options, kind: Kind, seed: int) -> dict[str, Any]:
    """Returns the part of one trained network."""
    size = SlidingPuzzle(level=options.level).size

    def tell(step: int, loss: float) -> None:
        if (step + 1) % max(1, options.steps // 5) == 0:
            console.print(f"  {step + 1:,} of {options.steps:,} updates, loss {loss:.3f}")

    learned, seconds = train(
        size, kind, seed=seed, num_steps=options.steps, depth=options.depth, on_step=tell
    )
    return {
        "kind": kind,
        "seed": seed,
        "train_seconds": seconds,
        "quality": judge(options, size, learned.q),
        "greedy": follow_greedily(options, learned.q),
        "searches": [search(options, learned.q, "negative_q", weight) for weight in WEIGHTS],
    }


def make_rows(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each part and weight."""
    rows = []
    for part in parts:
        quality = {k: v for k, v in part.get("quality", {}).items() if k != "by_distance"}
        for found in part["searches"]:
            numbers = {k: v for k, v in found.items() if k != "problems"}
            extra = {f"greedy_{k}": v for k, v in part.get("greedy", {}).items()}
            rows.append({"heuristic": part["name"], **numbers, **quality, **extra})
    return rows


def make_marks(rows: Sequence[dict[str, Any]]) -> list[Mark]:
    """Returns what the fitted Q promises: nearly optimal, with far fewer expansions than uniform cost."""
    by_name = {row["heuristic"]: row for row in rows if row["weight"] == 1.0}
    fitted = [row for name, row in by_name.items() if name.startswith("fitted")]
    worst = max(row["cost_ratio"] for row in fitted)
    most = max(row["expansions"] for row in fitted)
    return [
        make_mark("problems solved by A* with the fitted Q, worst seed", min(r["solved"] for r in fitted), "",
                  at_least=1.0),
        make_mark("optimum / cost of A* with the fitted Q, worst seed", 1 / worst, "", at_least=0.95),
        make_mark("expansions of uniform cost / of A* with the fitted Q, worst seed",
                  by_name["uniform"]["expansions"] / most, "", at_least=10.0),
    ]  # fmt: skip


def make_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Returns the rows as people read them."""
    table = Table(title="A* on the 8-puzzle as text", title_justify="left")
    names = ("heuristic", "weight", "solved", "optimal", "cost_ratio", "expansions", "q_error_mean",
             "inadmissible_rate", "inadmissible_mean", "inconsistent_rate", "best_action_rate")  # fmt: skip
    for name in names:
        table.add_column(name.replace("_", " "), justify="left" if name == "heuristic" else "right")
    for row in rows:
        cells = [row.get(name, "") for name in names]
        table.add_row(*[cell if isinstance(cell, str) else f"{cell:.3f}" for cell in cells])
    return table


def main(options: Options) -> None:
    """Runs what is missing, prints, draws and records."""
    torch.set_num_threads(1)
    parts = [
        run_part(options, "uniform", lambda: without_learning(options, "zero")),
        run_part(options, "manhattan", lambda: without_learning(options, "negative_q")),
    ]
    for seed in range(options.num_seeds):
        for kind in ("fitted", "exact"):
            parts.append(
                run_part(options, f"{kind}-{seed}", lambda k=kind, s=seed: with_learning(options, k, s))  # type: ignore[misc]
            )
    rows = make_rows(parts)
    console.print(make_table(rows))
    record = write_record(
        "sliding_puzzle", rows, make_marks(rows), command="python benchmarks/sliding_puzzle.py"
    )
    console.print(f"wrote {record}")
    picture = ROOT / "docs" / "sliding_puzzle.png"
    picture.write_bytes(draw(parts))
    console.print(f"wrote {picture}")


if __name__ == "__main__":
    main(tyro.cli(Options))
