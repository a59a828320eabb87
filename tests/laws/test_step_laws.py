"""Laws of tasks that check steps: what process rewards and their labels may rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmgym.envs.setup import make_task, task_options
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn
from lmgym.registration import TABLE
from lmgym.rewards import StepCorrect, score
from lmgym.tasks.base import Task


def checks_steps(task: Task) -> bool:
    return task.verify_steps(Transcript(task.problem(task.splits[0], 0), ())) is not None


def make_tasks() -> dict[str, Task]:
    """Every registered task that can check steps, worked where it has that style, at three levels."""
    tasks = {}
    for entry in TABLE:
        try:
            first = make_task(entry.task, {})
        except (ImportError, ValueError):  # an optional package or a file is missing
            continue
        options = {"style": "worked"} if "style" in task_options(type(first)) else {}
        task = make_task(entry.task, options)
        if checks_steps(task):
            levels = (1, (task.max_level + 1) // 2, task.max_level)
            tasks |= {f"{entry.id}-{level}": task.at_level(level) for level in levels}
    return tasks


TASKS = make_tasks()
every_task: Callable[..., Any] = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
quick = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def end(task: Task, problem: Problem, lines: list[str]) -> Transcript:
    """Plays the lines: as one turn, or as a turn each where the task has several."""
    texts = lines if task.max_turns > 1 else ["\n".join(lines)]
    state, turns, is_over = task.start(problem), list[Turn](), False
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            break
        if reply is not None:
            turns.append(Turn("environment", reply))
    transcript = Transcript(problem, tuple(turns), terminated=is_over)
    return transcript._replace(verdict=task.verify(transcript))


def demonstrate(task: Task, problem: Problem, seed: int = 0) -> list[str]:
    """The lines of a demonstration."""
    texts = task.demonstrations(problem, np.random.default_rng((seed, problem.index)))
    return [line for text in texts for line in cut_lines(text)]


def check(task: Task, problem: Problem, lines: list[str]) -> tuple[StepVerdict, ...]:
    transcript = end(task, problem, lines)
    verdicts = task.verify_steps(transcript)
    said = [line for turn in transcript.turns if turn.role == "agent" for line in cut_lines(turn.text)]
    assert verdicts is not None and len(verdicts) == len(said)
    return verdicts


def num_right(verdicts: tuple[StepVerdict, ...]) -> int:
    return sum(verdict.status == "right" for verdict in verdicts)


def test_some_tasks_check_steps() -> None:
    assert {name.rpartition("-")[0] for name in TASKS} >= {"lmgym/Math-v0"}


@every_task
def test_demonstrations_have_no_wrong_step_and_earn_everything(task: Task) -> None:
    reward = StepCorrect(pay="episode").bound_to(task)
    for split in task.splits:
        for problem in task.problems(split, range(5)):
            lines = demonstrate(task, problem)
            verdicts = check(task, problem, lines)
            assert not {v.status for v in verdicts} - {"right", "no_progress"}, (
                problem.prompt,
                lines,
                verdicts,
            )
            assert score(reward, [end(task, problem, lines)]).values.tolist() == pytest.approx([1.0])


@every_task
def test_most_wrong_demonstrations_have_a_wrong_step(task: Task) -> None:
    """Not all: a line may follow and still not be the answer, as x < 2 follows from x < 1."""
    options = {"style": "worked"} if "style" in task_options(type(task)) else {}
    if "demonstration_quality" not in task_options(type(task)):
        pytest.skip("only right demonstrations")
    careless = type(task)(level=task.level, demonstration_quality=0.0, **options)  # type: ignore[call-arg]
    reward = StepCorrect(pay="episode").bound_to(careless)
    num_found = 0
    for problem in careless.problems("train", range(16)):
        lines = demonstrate(careless, problem)
        assert score(reward, [end(careless, problem, lines)]).values[0] <= 0.5
        num_found += bool({v.status for v in check(careless, problem, lines)} & {"wrong", "unparsed"})
    assert num_found >= 12


@every_task
def test_a_verdict_does_not_depend_on_what_comes_after_it(task: Task) -> None:
    for problem in task.problems("train", range(5)):
        lines = demonstrate(task, problem)
        lines = [*lines[: len(lines) // 2], "1+1=3", *lines[len(lines) // 2 :], lines[-1]]
        whole = check(task, problem, lines)
        for stop in range(len(whole)):
            assert check(task, problem, [*lines[:stop], ""][: stop + (stop > 0)])[:stop] == whole[:stop]


@every_task
def test_saying_things_twice_is_no_more_right(task: Task) -> None:
    for problem in task.problems("train", range(5)):
        lines = demonstrate(task, problem)
        twice = [line for line in lines for _ in range(2)]
        assert num_right(check(task, problem, twice)) <= num_right(check(task, problem, lines))


@every_task
@given(text=st.text(alphabet="0123456789+-×÷*/=().,<>x^ \n", max_size=60) | st.text(max_size=40))
@quick
def test_any_text_is_checked(task: Task, text: str) -> None:
    problem = task.problem("train", 1)
    check(task, problem, [text])
    check(task, problem, [text, text])


@every_task
def test_hostile_texts_are_checked_within_bounds(task: Task) -> None:
    problem = task.problem("train", 1)
    for text in ("9" * 5000, "(" * 3000, "7^7^7^7^7=1", "1\n" * 400, "\\frac" * 500, "\ud800", "x=" * 500):
        assert num_right(check(task, problem, [text])) <= 1
