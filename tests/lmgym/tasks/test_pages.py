"""The pages of docs/environments against the tasks that they describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmgym.records import Problem, Turn
from lmgym.tasks.algebra.families import FAMILIES
from lmgym.tasks.algebra.task import Algebra
from lmgym.tasks.arithmetic.knobs import LEVELS, make_knobs
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.countdown.knobs import LEVELS as COUNTDOWN_LEVELS
from lmgym.tasks.countdown.task import Countdown
from lmgym.tasks.maze.task import LEVELS as MAZE_LEVELS
from lmgym.tasks.maze.task import Maze
from lmgym.tasks.nim.task import LEVELS as NIM_LEVELS
from lmgym.tasks.nim.task import Nim
from lmgym.tasks.order.knobs import LEVELS as ORDER_LEVELS
from lmgym.tasks.order.task import Order
from lmgym.tasks.order.text import seen_wordings
from lmgym.tasks.probes import Count, Delayed, Echo, Guess, Reverse, Shortcut
from lmgym.tasks.rewrite.draw import LIMITS as REWRITE_LIMITS
from lmgym.tasks.rewrite.task import Rewrite
from lmgym.tasks.sliding_puzzle.boards import layers
from lmgym.tasks.sliding_puzzle.task import EXTRA, SlidingPuzzle
from lmgym.tasks.sliding_puzzle.task import LEVELS as PUZZLE_LEVELS
from lmgym.tasks.tic_tac_toe.task import LEVELS as TIC_TAC_TOE_LEVELS
from lmgym.tasks.tic_tac_toe.task import TicTacToe
from lmgym.tasks.word_problem.levels import LEVELS as WORD_PROBLEM_LEVELS
from lmgym.tasks.word_problem.task import WordProblem
from lmgym.tasks.wordle.task import LEVELS as WORDLE_LEVELS
from lmgym.tasks.wordle.task import Wordle, WordleReference

PAGES = Path(__file__).parents[3] / "docs" / "environments"


def test_the_table_of_levels_is_true() -> None:
    lines = (PAGES / "math.md").read_text().splitlines()
    rows = {
        cells[1]: cells for line in lines if len(cells := [cell.strip() for cell in line.split("|")]) == 13
    }
    for level in LEVELS:
        knobs = make_knobs(level, {})
        problem = Math(level=level).problem("train", 3)
        row = rows[str(level)]
        assert row[2:5] == [str(knobs.num_operands), str(knobs.num_digits), f"`{knobs.operators}`"]
        assert row[6:9] == [
            str(knobs.depth),
            "yes" if knobs.negatives else "no",
            str(knobs.max_exponent) if knobs.max_exponent > 1 else "none",
        ]
        assert row[10:12] == [f"`{problem.prompt}`", f"`{problem.reference.answer}`"]


@pytest.mark.parametrize("level", [2, 8])
def test_the_workings_are_true(level: int) -> None:
    task = Math(level=level, style="worked")
    problem = task.problem("train", 3)
    (text,) = task.demonstrations(problem, np.random.default_rng(0))
    assert f"```\n{problem.prompt}{text}\n```" in (PAGES / "math.md").read_text()


def test_the_examples_of_prompts_and_splits_are_true() -> None:
    page = (PAGES / "math.md").read_text()
    for prompt_style in ("plain", "question", "words", "instruct"):
        prompt = Math(level=6, prompt_style=prompt_style).problem("train", 3).prompt  # type: ignore[arg-type]
        assert f"| `{prompt_style}` | `{prompt}` |".replace("\n", "\\n") in page
    for split in Math.splits:
        assert f"`{Math().problem(split, 1).prompt}`" in page


@pytest.mark.parametrize("probe", [Echo, Reverse, Count, Shortcut])
def test_the_examples_of_probes_are_true(
    probe: type[Echo] | type[Reverse] | type[Count] | type[Shortcut],
) -> None:
    page = (PAGES / f"{probe.__name__.lower()}.md").read_text()
    task = probe()
    for problem in task.problems("train", range(3)):
        assert f"| `{problem.prompt}` | `{problem.reference}` |" in page
    assert f"1 time in {round(1 / task.random_return)} " in page


def test_the_episodes_of_probes_are_true() -> None:
    for act_on in ("first", "last"):
        problem = Delayed(act_on=act_on).problem("train", 0)  # type: ignore[arg-type]
        assert problem.prompt in (PAGES / "delayed.md").read_text()
    guesses = Guess().demonstrations(Guess().problem("train", 0), np.random.default_rng(0))
    page = (PAGES / "guess.md").read_text()
    assert [line.split()[1] for line in page.splitlines() if line.startswith("agent ")] == list(guesses)
    assert f"{100 * Guess().random_return:.1f} %" in page


def test_the_page_of_mazes_is_true() -> None:
    page = (PAGES / "maze.md").read_text()
    for level, (height, width, max_steps) in MAZE_LEVELS.items():
        way = Maze(level=level).problem("train", 3).reference.value
        assert f"| {level} | {height} × {width} | {max_steps} | {way} |" in page
    task = Maze(level=2)
    problem = task.problem("train", 4)
    state, lines = task.start(problem), ["prompt  " + problem.prompt.replace("\n", "\n        ")]
    for text in task.demonstrations(problem, np.random.default_rng(0)):
        state, reply, _ = task.respond(state, Turn("agent", text))
        lines += [f"agent   {text}", *([] if reply is None else [f"reply   {reply[1:]}"])]
    assert "\n".join(lines) in page
    assert f"\n{Maze(layout='umaze', wording='words').problem('train', 1).prompt}" in page


def test_the_page_of_wordle_is_true() -> None:
    page = (PAGES / "wordle.md").read_text()
    rng = np.random.default_rng(0)
    for level, (letters, count, num_given) in WORDLE_LEVELS.items():
        task = Wordle(level=level)
        games = [f"{word} {first}" for word in task.words for first in task.words if first != word]
        owners = [split_of(key) for key in (games if num_given else task.words)]
        sizes = ", ".join(str(owners.count(split)) for split in HASHED_SPLITS)
        fresh = [Problem("", WordleReference(word, ()), "train", 0) for word in task.words]
        lengths = [len(task.demonstrations(problem, rng)) for problem in fresh]
        assert f"| {level} | {letters} | {count} | {num_given} | {sizes} | {np.mean(lengths):.2f} |" in page
        assert max(lengths) <= 6
    task = Wordle(level=7)
    problem = task.problem("train", 2)
    state, lines = task.start(problem), [f"prompt  {problem.prompt}"]
    for text in task.demonstrations(problem, rng):
        state, reply, _ = task.respond(state, Turn("agent", text))
        lines += [f"agent   {text}", *([] if reply is None else [f"reply   {reply[1:]}"])]
    assert "\n".join(lines) in page


def test_the_page_of_countdown_is_true() -> None:
    page, rng = (PAGES / "countdown.md").read_text(), np.random.default_rng(0)
    for level in COUNTDOWN_LEVELS:
        task = Countdown(level=level)
        problem, knobs = task.problem("train", 3), task.knobs
        targets = f"{knobs.min_target}–{knobs.max_target} | `{knobs.operators}`"
        (answer,) = task.demonstrations(problem, rng)
        assert (
            f"| {level} | {knobs.num_numbers} | 1–{knobs.max_number} | {targets} | `{problem.prompt}` | "
            f"`{answer}` |" in page
        )
    game = Countdown(preset="game24")
    for split in Countdown.splits:
        assert f"| `{Countdown().problem(split, 1).prompt}` | `{game.problem(split, 1).prompt}` |" in page
    for prompt_style in ("plain", "question", "instruct"):
        prompt = Countdown(preset="game24", prompt_style=prompt_style).problem("train", 3).prompt  # type: ignore[arg-type]
        assert f"| `{prompt_style}` | `{prompt}` |".replace("\n", "\\n") in page
    worked = Countdown(level=5, style="worked")
    problem = worked.problem("train", 3)
    assert f"```\n{problem.prompt}{worked.demonstrations(problem, rng)[0]}\n```" in page
    problem = Countdown().problem("train", 3)
    solutions = ", ".join(f"`{text}`" for text in Countdown().solutions(problem))
    assert f"count as one: {solutions} for `{problem.prompt}`." in page


def test_the_page_of_word_problems_is_true() -> None:
    page = (PAGES / "word_problem.md").read_text()
    for level, (num_steps, num_asides, max_number, max_value, kinds, _) in WORD_PROBLEM_LEVELS.items():
        cells = (level, num_steps, num_asides, max_number, max_value, ", ".join(kinds) or "–")
        assert f"| {' | '.join(map(str, cells))} |" in page
        problem = WordProblem(level=level).problem("train", 1)
        row = f"| {level} | `{problem.prompt.rstrip()}` | `{problem.reference.value}` |"
        assert (row in page) == (level <= 5)
    task = WordProblem(level=2, wording="story")
    for split in task.splits:
        assert f"`{task.problem(split, 0).prompt.rstrip()}` |" in page
    task = WordProblem(level=4, wording="story", style="worked")
    problem = task.problem("train", 1)
    (text,) = task.demonstrations(problem, np.random.default_rng(0))
    assert f"```\n{problem.prompt}{text}\n```" in page


def test_the_page_of_order_is_true() -> None:
    page = (PAGES / "order.md").read_text()
    for level in ORDER_LEVELS:
        task = Order(level=level)
        problem, knobs = task.problem("train", 3), task.knobs
        kinds = "all" if len(knobs.kinds) == 5 else ", ".join(knobs.kinds)
        rules = " | ".join("yes" if rule else "no" for rule in (knobs.unknown, knobs.contradictions))
        rates = f"{100 * task.random_return:.1f} % | {100 * task.constant_return:.1f} %"
        assert (
            f"| {level} | {knobs.num_objects} + {knobs.num_bystanders} | {knobs.num_irrelevant} | {kinds} | "
            f"{rules} | {rates} | `{problem.prompt}` | `{problem.reference.value}` |" in page
        )
    for split in Order.splits:
        assert f"| `{Order().problem(split, 1).prompt}` |" in page
    for wording in seen_wordings():
        prompt = Order(level=1, wording=wording).problem("train", 3).prompt
        assert f"| `{wording}` | `{prompt}` |".replace("\n", "\\n") in page
    only = {"kinds": "compare", "level": 5}
    task = Order(prompt_style="instruct", wording="taller", num_objects=3, num_bystanders=0, **only)  # type: ignore[arg-type]
    assert task.problem("train", 3).prompt in page
    task = Order(style="worked", contradictions=False, unknown=False, **only)  # type: ignore[arg-type]
    problem = task.problem("train", 3)
    (text,) = task.demonstrations(problem, np.random.default_rng(0))
    assert f"```\n{problem.prompt}{text}\n```" in page


def test_the_page_of_algebra_is_true() -> None:
    page, rng = (PAGES / "algebra.md").read_text(), np.random.default_rng(0)
    for family in FAMILIES:
        posed = [Algebra(level=level, family=family).problem("train", 3).reference for level in (1, 4, 8)]
        cells = " | ".join(f"`{one.question}` → `{one.answer}`" for one in posed)
        assert f"| `{family}` | {cells} |" in page
        tasks = [Algebra(level=2, family=family, prompt_style=style) for style in ("plain", "instruct")]  # type: ignore[arg-type]
        cells = " | ".join(f"`{task.problem('train', 3).prompt}`" for task in tasks)
        assert f"| `{family}` | {cells} |".replace("\n", "\\n") in page
    for split in Algebra.splits:
        assert f"| `{Algebra(level=4).problem(split, 1).prompt}` |" in page
    for family in ("linear", "factor"):
        worked = Algebra(level=6, family=family, style="worked")
        problem = worked.problem("train", 3)
        assert f"```\n{problem.prompt}{worked.demonstrations(problem, rng)[0]}\n```" in page
    problem = Algebra().problem("train", 3)
    assert f"prompt    {problem.prompt}\nresponse  {problem.reference.answer} " in page


def test_the_page_of_rewriting_is_true() -> None:
    page, rng = (PAGES / "rewrite.md").read_text(), np.random.default_rng(0)
    for level, limits in REWRITE_LIMITS.items():
        task = Rewrite(level=level)
        problem = task.problem("train", 3)
        texts = task.demonstrations(problem, rng)
        sizes = f"{limits.steps} | {2 * limits.chars}"
        assert f"| {level} | `{problem.prompt}` | {len(texts)} | `{texts[-1]}` | {sizes} |" in page
    task = Rewrite(level=6)
    for split in Rewrite.splits:
        assert f"| `{task.problem(split, 1).prompt}` |" in page
    problem = task.problem("train", 3)
    state, lines = task.start(problem), [f"prompt  {problem.prompt}"]
    for text in task.demonstrations(problem, rng):
        state, reply, _ = task.respond(state, Turn("agent", text))
        lines += [f"agent   {text}", *([] if reply is None else [f"reply   {reply[1:]}"])]
    assert "\n".join(lines) in page


def test_the_page_of_the_sliding_puzzle_is_true() -> None:
    page, rng = (PAGES / "sliding_puzzle.md").read_text(), np.random.default_rng(0)
    for level, (height, width, farthest) in PUZZLE_LEVELS.items():
        task = SlidingPuzzle(level=level)
        sizes = [len(layer) for layer in layers(task.size)]
        near, far = sum(sizes[1 : farthest + 1]), sum(sizes[farthest + 1 : farthest + 1 + EXTRA])
        problem = task.problem("train", 3)
        assert (
            f"| {level} | {height} × {width} | {farthest} | {task.max_turns} | {near:,} | {far:,} | "
            f"`{problem.prompt}` | {problem.reference.value} |" in page
        )
    task = SlidingPuzzle(level=5)
    problem = task.problem("train", 1)
    state, lines = task.start(problem), [f"prompt  {problem.prompt}"]
    for text in task.demonstrations(problem, rng):
        state, reply, _ = task.respond(state, Turn("agent", text))
        lines += [f"agent   {text}", *([] if reply is None else [f"reply   {reply[1:]}"])]
    assert "\n".join(lines) in page


def play_out(task: Nim | TicTacToe, problem: Problem) -> str:
    state, lines = task.start(problem), [f"prompt  {problem.prompt}"]
    for text in task.demonstrations(problem, np.random.default_rng(0)):
        state, reply, _ = task.respond(state, Turn("agent", text))
        lines += [f"agent   {text}", *([] if reply is None else [f"reply   {reply[1:]}"])]
    return "\n".join(lines)


def test_the_page_of_nim_is_true() -> None:
    page = (PAGES / "nim.md").read_text()
    for level, (num_heaps, largest) in NIM_LEVELS.items():
        task = Nim(level=level)
        prompts = [task.problem(split, index).prompt for split, index in (("train", 3), ("ood_heaps", 1))]
        assert f"| {level} | {num_heaps} | {largest} | `{prompts[0]}` | `{prompts[1]}` |" in page
    task = Nim(level=4)
    assert play_out(task, task.problem("train", 1)) in page
    sizes = [len({p.key for p in Nim().problems(split, range(2000))}) for split in HASHED_SPLITS]
    assert "level 1 has {}, {} and {} of them".format(*sizes) in page


def test_the_page_of_tic_tac_toe_is_true() -> None:
    page = (PAGES / "tic_tac_toe.md").read_text()
    for level, (openings, others) in TIC_TAC_TOE_LEVELS.items():
        task = TicTacToe(level=level)
        prompts = [task.problem(split, at).prompt for split, at in (("train", 3), ("ood_openings", 1))]
        cells = ("–".join(map(str, openings)), "–".join(map(str, others)), *(f"`{text}`" for text in prompts))
        assert f"| {level} | {' | '.join(cells)} |" in page
    assert play_out(TicTacToe(), TicTacToe().problem("train", 1)) in page
