"""Maze-v0: its grids against slow references, its rules and texts by hand, its published scale."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards.step_cost import LMRL_MAZE, LMRL_MAZE_PARTIAL, Anchors, StepCost
from lmgym.tasks.maze.grid import LAYOUTS, MOVES, Grid, Square, best_moves, distances, draw_grid, open_squares
from lmgym.tasks.maze.task import LEVELS, Maze, MazeReference
from lmgym.tasks.stream import Words

ROOM: Grid = ("#####", "#...#", "#.#.#", "#.#.#", "#####")  # the u-shaped layout


def pose(grid: Grid, start: Square, goal: Square, value: int) -> Problem:
    return Problem("", MazeReference(grid, start, goal, value), "train", 0)


def walk(task: Maze, problem: Problem, texts: list[str]) -> tuple[Transcript, list[str | None]]:
    state, turns, replies = task.start(problem), list[Turn](), list[str | None]()
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        replies.append(reply)
        if is_over:
            return Transcript(problem, tuple(turns), terminated=True), replies
        turns.append(Turn("environment", reply or ""))
    return Transcript(problem, tuple(turns)), replies


def slow_distance(grid: Grid, start: Square, goal: Square) -> int:
    """Bellman-Ford: relaxes every pair of neighbouring open squares until nothing changes."""
    far = {square: 0.0 if square == goal else float("inf") for square in open_squares(grid)}
    for _ in range(len(far)):
        for row, column in far:
            for down, right in MOVES.values():
                near = far.get((row + down, column + right), float("inf"))
                far[row, column] = min(far[row, column], near + 1)
    return int(far[start])


@pytest.mark.parametrize("level", [1, 3, 5])
def test_distances_agree_with_a_slow_reference(level: int) -> None:
    for problem in Maze(level=level).problems("train", range(15)):
        grid, start, goal, value = problem.reference
        assert value == slow_distance(grid, start, goal) == distances(grid, goal)[start] > 0


def test_a_maze_without_loops_is_a_tree_and_one_with_all_is_open() -> None:
    words = Words(np.random.default_rng(0))
    for height, width in ((2, 2), (3, 5), (6, 4)):
        rooms = height * width
        assert len(open_squares(draw_grid(height, width, 0.0, words))) == rooms + rooms - 1
        num_walls = height * (width - 1) + (height - 1) * width
        grid = draw_grid(height, width, 1.0, words)
        assert len(open_squares(grid)) == rooms + num_walls
        assert len(distances(grid, (1, 1))) == rooms + num_walls


def test_every_tree_of_four_rooms_is_drawn() -> None:
    words = Words(np.random.default_rng(0))
    grids = [draw_grid(2, 2, 0.0, words) for _ in range(400)]
    counts = [grids.count(grid) for grid in set(grids)]
    assert len(counts) == 4 and min(counts) > 60  # one wall of the four is left, each 100 times in the mean


def test_the_rules_by_hand() -> None:
    task, problem = Maze(max_steps=8), pose(ROOM, (3, 1), (3, 3), 6)
    transcript, replies = walk(task, problem, ["u", "u", "r", "r", "d", "d"])
    assert task.verify(transcript)[:2] == ("correct", "") and replies[-1] is None
    assert replies[0] == "\n2,1 to 3,3 #rl>"
    assert replies[1] == "\n1,1 to 3,3 #lu>"
    for texts, reason, score in (
        (["l"], "unfinished", 0.0),  # into a wall
        (["u", "move up"], "illegal", 1 / 6),
        (["u", "u", "r", "r"], "unfinished", 4 / 6),
        (["u", "d", "u", "d", "u", "d", "u", "u"], "wrong", 2 / 6),
        (["u"] * 7 + ["U"], "illegal", 2 / 6),
    ):
        verdict = task.verify(walk(task, problem, texts)[0])
        assert (verdict.status, verdict.reason) == ("wrong", reason)
        assert verdict.score == pytest.approx(score)


def test_the_texts_in_words() -> None:
    task = Maze(layout="double_t", wording="words")
    problem = pose(LAYOUTS["double_t"].grid, (1, 11), (8, 6), 16)
    _, replies = walk(task, problem, ["move left", "move left\n"])
    position = "Your current position is at position 1,"
    assert replies == [
        f"\nThe goal is at position 8, 6. {position} 1 0. There are walls above you, below you.\n",
        f"\nThe goal is at position 8, 6. {position} 9. There is a wall above you.\n",
    ]
    partial = Maze(layout="double_t", wording="words", observation="partial")
    _, replies = walk(partial, problem, ["move left", "left", "move left\n\n"])
    assert replies == ["\nThere are walls above you, below you.\n"] * 3
    open_room = pose(draw_grid(3, 3, 1.0, Words(np.random.default_rng(0))), (3, 3), (1, 1), 4)
    assert walk(Maze(wording="words"), open_room, ["move up", "move down"])[1][1] == (
        "\nThe goal is at position 1, 1. Your current position is at position 3, 3. "
        "There are no walls near you.\n"
    )


def test_a_prompt_with_a_map_by_hand() -> None:
    for problem in Maze(level=1).problems("train", range(20)):
        grid, start, goal, _ = problem.reference
        rows = problem.prompt.split("\n")[:3]
        for row in range(3):
            for column in range(3):
                square = (row + 1, column + 1)
                mark = "S" if square == start else "G" if square == goal else grid[row + 1][column + 1]
                assert rows[row][column] == mark


def test_the_published_layout_has_the_published_scale() -> None:
    grid, goal = LAYOUTS["double_t"]
    ways = [far for far in distances(grid, goal).values() if far]
    assert len(ways) == 25
    assert -np.mean([way - 1 for way in ways]) == pytest.approx(LMRL_MAZE.highest)  # every way is taken
    assert {p.reference.start for p in Maze(layout="double_t").problems("train", range(300))} == set(
        open_squares(grid)
    ) - {goal}
    assert best_moves(grid, (1, 4), goal) == ["left"] and best_moves(grid, (5, 6), goal) == ["down"]
    assert [LMRL_MAZE.normalise(x) for x in (-101, -83, -6.84)] == [0, 50, 100]
    # Scores and raw returns as published: ILQL and PPO, then ILQL partially observed.
    assert LMRL_MAZE.normalise(-6.97) == pytest.approx(99.9, abs=0.05)
    assert LMRL_MAZE.normalise(-37.7) == pytest.approx(79.7, abs=0.05)
    assert LMRL_MAZE_PARTIAL.normalise(-52.9) == pytest.approx(76.3, abs=0.05)
    with pytest.raises(InvalidValueError, match="ascend"):
        Anchors(0, 0, 1).normalise(0.5)


def play_returns(texts: list[str], **options: object) -> list[float]:
    env = gym.make("lmgym/Maze-v0", granularity="response", reward="lmrl_maze", **options)
    env.reset(seed=0)
    rewards = []
    for text in texts:
        _, reward, terminated, truncated, _ = env.step(text)
        rewards.append(float(reward))
        if terminated or truncated:
            break
    return rewards


def test_returns_are_those_of_the_published_environment() -> None:
    rewards = play_returns(["move up", "jump"] * 60, layout="umaze", wording="words")
    assert rewards[:3] == [-1.0, -4.0, -1.0] and len(rewards) == 100 and rewards[-1] == -5.0
    assert sum(play_returns(["move left"] * 200, layout="umaze", wording="words")) == -101.0
    task = Maze(layout="umaze", wording="words")
    problem = task.problem("train", 0)
    texts = list(task.demonstrations(problem, np.random.default_rng(0)))
    env = gym.make(
        "lmgym/Maze-v0", granularity="response", reward="lmrl_maze", layout="umaze", wording="words"
    )
    _, info = env.reset(seed=3)
    problem = task.problem("train", info["problem_index"])
    texts = list(task.demonstrations(problem, np.random.default_rng(0)))
    total = sum(float(env.step(text)[1]) for text in texts)
    assert total == 1 - problem.reference.value


def test_step_cost_refuses_what_makes_no_sense() -> None:
    with pytest.raises(InvalidValueError, match=r"StepCost\.pay"):
        StepCost().paid("episode")
    with pytest.raises(InvalidValueError, match=r"StepCost\.illegal"):
        StepCost(illegal=float("nan"))


def test_optimal_values_count_the_moves_left() -> None:
    task, problem = Maze(max_steps=7), pose(ROOM, (3, 1), (3, 3), 6)
    one_lost = (Turn("agent", "l"), Turn("environment", ""))
    two_lost = (*one_lost, Turn("agent", "x"), Turn("environment", ""))
    assert task.optimal_value(problem, (), "") == task.optimal_value(problem, (), "d") == 1.0
    assert task.optimal_value(problem, one_lost, "") == task.optimal_value(problem, one_lost, "u") == 1.0
    assert task.optimal_value(problem, one_lost, "d") == 0.0
    assert task.optimal_value(problem, two_lost, "") == 0.0


def test_a_step_back_that_has_begun_can_still_be_spoilt() -> None:
    task, problem = Maze(max_steps=7), pose(ROOM, (3, 1), (3, 3), 6)
    one_step = (Turn("agent", "u"), Turn("environment", ""))
    # 5 squares to go and 6 moves left: "d" would leave 6 squares and 5 moves, "dd" is no move and loses one.
    assert task.optimal_value(problem, one_step, "d") == 1.0
    assert task.optimal_value(problem, (*one_step, Turn("agent", "d"), Turn("environment", "")), "") == 0.0


def test_demonstrations_of_low_quality_wander() -> None:
    task = Maze(level=3, demonstration_quality=0.0)
    rng = np.random.default_rng(0)
    lengths = [
        (len(task.demonstrations(problem, rng)), problem.reference.value)
        for problem in task.problems("train", range(200))
    ]
    assert all(best <= length <= LEVELS[3][2] for length, best in lengths if length < LEVELS[3][2])
    assert np.mean([length > best for length, best in lengths]) > 0.7


def test_options_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'double_t'"):
        Maze(layout="doublet")
    for options in (
        {"layout": "umaze", "level": 2},
        {"layout": "umaze", "width": 3},
        {"level": 9},
        {"loops": 2},
    ):
        with pytest.raises(InvalidValueError):
            Maze(**options)  # type: ignore[arg-type]
    assert Maze(layout="umaze").splits == ("train",) and Maze(layout="umaze").max_level == 1
    assert Maze(level=2).at_level(4).fingerprint == Maze(level=4).fingerprint
