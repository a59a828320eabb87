"""SlidingPuzzle-v0: distances against slow references and published counts, rules and values by hand."""

from __future__ import annotations

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards.step_cost import StepCost
from lmgym.tasks.sliding_puzzle.boards import (
    FARTHEST,
    Size,
    best_moves,
    distances,
    draw_board,
    layers,
    manhattan,
    moves_from,
)
from lmgym.tasks.sliding_puzzle.task import EXTRA, LEVELS, PuzzleReference, SlidingPuzzle

SMALL, EIGHT = Size(2, 3), Size(3, 3)
# Boards of the 8-puzzle by distance from the goal with the gap in a corner (A089473 of the OEIS).
COUNTS = [
    1, 2, 4, 8, 16, 20, 39, 62, 116, 152, 286, 396, 748, 1024, 1893, 2512, 4485, 5638, 9529, 10878, 16993,
    17110, 23952, 20224, 24047, 15578, 14560, 6274, 3910, 760, 221, 2,
]  # fmt: skip


def pose(board: str) -> Problem:
    return Problem("", PuzzleReference(board, distances(SMALL)[board]), "train", 0)


def play(task: SlidingPuzzle, problem: Problem, texts: str, complete: bool = True) -> Transcript:
    state, turns = task.start(problem), list[Turn]()
    for text in texts:
        turns.append(Turn("agent", text, complete))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            return Transcript(problem, tuple(turns), terminated=True)
        turns.append(Turn("environment", reply or ""))
    return Transcript(problem, tuple(turns))


def test_distances_are_the_published_ones() -> None:
    assert [len(layer) for layer in layers(EIGHT)] == COUNTS
    assert sum(COUNTS) == 181_440
    for (height, width), farthest in FARTHEST.items():
        for size in (Size(height, width), Size(width, height)):
            if size.height * size.width < 9:
                assert len(layers(size)) == farthest + 1 == size.farthest + 1
    assert EIGHT.farthest == 31


def test_distances_agree_with_relaxing_every_edge() -> None:
    boards = list(distances(SMALL))
    far = {board: 0.0 if board == SMALL.goal else float("inf") for board in boards}
    for _ in range(22):
        for board in boards:
            far[board] = min([far[board], *(far[near] + 1 for near in moves_from(SMALL, board).values())])
    assert far == distances(SMALL) and len(boards) == 360


def test_moves_by_hand() -> None:
    assert moves_from(SMALL, "12345_") == {"u": "12_453", "l": "1234_5"}
    assert moves_from(EIGHT, "1234_5786") == {
        "u": "1_3425786", "d": "1234857_6", "l": "123_45786", "r": "12345_786"
    }  # fmt: skip
    assert best_moves(EIGHT, "12345_786") == ["d"] and best_moves(EIGHT, EIGHT.goal) == []
    assert draw_board(EIGHT, "12345_786") == "123/45_/786"
    # 8 is two columns off, 6 one row, 7 in place; the gap does not count.
    assert manhattan(EIGHT, "12345_786") == 1 and manhattan(SMALL, "312_45") == 2 + 1 + 1 + 1 + 1


def test_the_manhattan_distance_is_admissible_and_consistent() -> None:
    for board, far in distances(SMALL).items():
        near = manhattan(SMALL, board)
        assert near <= far and (near - far) % 2 == 0
        assert all(near <= 1 + manhattan(SMALL, other) for other in moves_from(SMALL, board).values())


@pytest.mark.parametrize("level", LEVELS)
def test_levels_pose_their_distances(level: int) -> None:
    task = SlidingPuzzle(level=level)
    farthest = LEVELS[level].max_distance
    for split, near, far in (("train", 1, farthest), ("ood_distance", farthest + 1, farthest + EXTRA)):
        problems = task.problems(split, range(300))
        found = Counter(problem.reference.value for problem in problems)
        assert min(found) == near or split == "train"
        assert near <= min(found) and max(found) <= far and len(found) > (far - near) // 2
        assert all(task.distance(task.start(problem)) == problem.reference.value for problem in problems)
        assert task.max_turns >= far


def test_rules_by_hand() -> None:
    task = SlidingPuzzle(max_moves=12)
    problem = pose("_12453")  # r, r, d
    state = task.start(problem)
    assert (task.distance(state), task.legal_moves(state)) == (3, ("d", "r"))
    state, reply, is_over = task.respond(state, Turn("agent", "r"))
    assert (reply, is_over, state.board, state.num_moves_made) == ("\n1_2/453>", False, "1_2453", 1)
    for turn in (Turn("agent", "u"), Turn("agent", "rr"), Turn("agent", "r", False), Turn("agent", "R")):
        lost, reply, is_over = task.respond(state, turn)
        assert (lost.board, lost.num_moves_made, reply, is_over) == ("1_2453", 2, "\n1_2/453>", False)
    for text in "rd":
        state, reply, is_over = task.respond(state, Turn("agent", text))
    assert (state.board, reply, is_over) == ("12345_", None, True)
    assert task.legal_moves(state) == () and task.distance(state) == 0


def test_verdicts_by_hand() -> None:
    task = SlidingPuzzle(max_moves=12)
    problem = pose("_12453")
    assert task.verify(play(task, problem, "rrd")) == ("correct", "", "d", 1.0)
    assert task.verify(play(task, problem, "r")) == ("wrong", "unfinished", "r", pytest.approx(1 / 3))
    assert task.verify(play(task, problem, "ru")) == ("wrong", "illegal", None, pytest.approx(1 / 3))
    assert task.verify(play(task, problem, "d")) == ("wrong", "unfinished", "d", 0.0)
    assert task.verify(play(task, problem, "rl" * 6))[:2] == ("wrong", "wrong")
    assert task.verify(play(task, problem, "x" * 12))[:2] == ("wrong", "illegal")
    assert task.verify(play(task, problem, "r" * 12, complete=False))[:2] == ("wrong", "overlong")


def test_optimal_values_by_hand() -> None:
    task = SlidingPuzzle(max_moves=12)
    problem = pose("_12453")

    def value(texts: str, partial: str = "") -> float:
        return task.optimal_value(problem, play(task, problem, texts).turns, partial)

    assert value("") == value("rl" * 4) == value("rrd") == 1
    assert value("x" * 9) == 1  # three moves left, three needed
    assert value("x" * 9, "r") == 1
    assert value("x" * 9, "d") == value("x" * 9, "q") == value("x" * 9, "rr") == value("x" * 10) == 0
    assert value("x" * 8, "q") == 1 and value("x" * 8, "d") == 1  # as "dd" the turn is only lost
    assert value("x" * 7, "d") == 1 and value("x" * 12) == 0


def test_values_agree_with_trying_everything() -> None:
    task = SlidingPuzzle(max_distance=4, max_moves=8)

    def best(problem: Problem, turns: tuple[Turn, ...], state: object, left: int) -> float:
        if left == 0:
            return float(task.verify(Transcript(problem, turns)).status == "correct")
        found = 0.0
        for text in ("u", "d", "l", "r", "q"):
            turn = Turn("agent", text)
            after = task.respond(state, turn)
            more = (*turns, turn)
            value = (
                float(task.verify(Transcript(problem, more)).status == "correct")
                if after.is_over
                else best(problem, more, after.state, left - 1)
            )
            found = max(found, value)
        return found

    wasted = tuple(Turn("agent", "q") for _ in range(5))
    for problem in {p.key: p for p in task.problems("train", range(30))}.values():
        state = task.start(problem)
        for turn in wasted:
            state = task.respond(state, turn).state
        assert task.optimal_value(problem, wasted, "") == best(problem, wasted, state, 3)


def test_a_cost_for_every_move_adds_up_to_the_distance() -> None:
    env = gym.make("lmgym/SlidingPuzzle-v0", granularity="response", reward=StepCost())
    for index in range(5):
        env.reset(seed=0, options={"split": "train", "problem_index": index})
        task = env.unwrapped.task  # type: ignore[attr-defined]
        problem = task.problem("train", index)
        total = 0.0
        for text in task.demonstrations(problem, np.random.default_rng(0)):
            _, reward, terminated, _, _ = env.step(text)
            total += float(reward)
        assert terminated and total == 1 - problem.reference.value


def test_poor_demonstrations_are_poor() -> None:
    rng = np.random.default_rng(0)
    poor = SlidingPuzzle(demonstration_quality=0.0)
    right = [
        poor.verify(play(poor, problem, "".join(poor.demonstrations(problem, rng)))).status == "correct"
        for problem in poor.problems("train", range(100))
    ]
    assert 0.1 < np.mean(right) < 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 9}, "level"),
        ({"height": 1}, "height"),
        ({"height": 4, "width": 3}, "12 squares"),
        ({"max_distance": 21}, "max_distance"),
        ({"max_moves": 11}, "max_moves"),
        ({"demonstration_quality": 2}, "demonstration_quality"),
    ],
)
def test_bad_options_are_typed_errors(options: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        SlidingPuzzle(**options)  # type: ignore[arg-type]
