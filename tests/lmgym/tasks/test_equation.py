from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.logic.equations.chains import By, Claim
from lmgym.logic.equations.theories import THEORIES
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Response
from lmgym.tasks.equation.draw import OOD, is_kept_for_length
from lmgym.tasks.equation.keys import key_of
from lmgym.tasks.equation.knobs import LEVELS
from lmgym.tasks.equation.play import EquationReference, reference_of
from lmgym.tasks.equation.task import Equation
from lmgym.tasks.equation.theorems import load_theorems

RNG = np.random.default_rng(0)


def judge(task: Equation, problem: Problem, text: str) -> Verdict:
    return task.verify(Transcript(problem, (Turn("agent", text),), True))


def say(task: Equation, problem: Problem, *texts: str) -> tuple[Response, tuple[Turn, ...]]:
    state, turns = task.start(problem), list[Turn]()
    for text in texts:
        response = task.respond(state, Turn("agent", text))
        state = response.state
        turns.append(Turn("agent", text))
        if response.reply is not None:
            turns.append(Turn("environment", response.reply))
    return response, tuple(turns)


@pytest.mark.parametrize("level", [1, 4, 7, 9])
def test_problems_are_as_long_as_their_level_says(level: int) -> None:
    task, knobs = Equation(level=level), LEVELS[level]
    for problem in task.problems("train", range(64)):
        reference = reference_of(problem)
        assert knobs.min_lines <= len(reference.lines) <= knobs.max_lines
        assert reference.claim.theory.name in knobs.theories and not is_kept_for_length(problem.key)
    for problem in task.problems(OOD, range(4)):
        assert len(reference_of(problem).lines) > knobs.max_lines and is_kept_for_length(problem.key)


def test_problems_differ() -> None:
    for level in (3, 9):
        keys = [problem.key for problem in Equation(level=level).problems("train", range(64))]
        assert len(set(keys)) >= 62


def test_keys_know_no_names_of_letters_and_no_direction() -> None:
    theory = load_theorems()[0].theory
    keys = set[str]()
    for goal, assumed in (("a*b=c", "c*a=b"), ("d*a=b", "b*d=a"), ("b=d*a", "b*d=a")):
        left, right, *_ = theory.read_equation(goal)
        proved = load_theorems()[0]._replace(
            left=left, right=right, hypotheses=(theory.read_equation(assumed),)
        )
        keys.add(key_of(proved))
    assert keys == {"group a*b=c; c*a=b"}


def test_laws_may_be_left_out_and_spaces_do_not_count() -> None:
    task = Equation(level=3)
    for problem in task.problems("train", range(20)):
        (text,) = task.demonstrations(problem, RNG)
        bare = "\n".join(line.partition(" by")[0] for line in text.split("\n"))
        assert judge(task, problem, bare).status == "correct"
        assert judge(task, problem, f"\n {text.replace('=', '= ')} \n\n").status == "correct"


def test_a_proof_ends_where_it_ends() -> None:
    task = Equation(level=3)
    problem = task.problem("train", 0)
    (text,) = task.demonstrations(problem, RNG)
    last = text.rpartition("\n")[2]
    for more, reason in (("\n" + last, "done"), ("\nq.e.d.", "unparsed"), ("\nstep", "step")):
        assert judge(task, problem, text + more)[:2] == ("wrong", reason)
    assert judge(task, problem, text.rpartition("\n")[0])[:2] == ("wrong", "unfinished")
    assert judge(task, problem, last)[1] in ("wrong", "law")


def test_a_turn_is_answered_by_what_is_to_be_shown() -> None:
    task = Equation(level=7, turn="line", feedback="state", max_refusals=2)
    problem = next(p for p in task.problems("train", range(64)) if "ind" in task.demonstrations(p, RNG)[0])
    first = task.demonstrations(problem, RNG)[0]
    response, turns = say(task, problem, first, "=0+", "step")
    assert turns[1].text.count("\n") == 2 and ", base: " in turns[1].text
    assert turns[3].text.startswith("\nrefused (unparsed): the term breaks off\n")
    assert response.is_over and task.optimal_value(problem, turns, "") == 0.0
    assert task.verify(Transcript(problem, turns)).status == "wrong"


def test_short_replies_say_the_reason_only() -> None:
    task = Equation(level=3, turn="line")
    problem = task.problem("train", 0)
    _, turns = say(task, problem, task.demonstrations(problem, RNG)[0], "?")
    assert [turn.text for turn in turns if turn.role == "environment"] == ["\n", "\nno: unparsed\n"]


def test_refusals_and_lines_end_an_episode() -> None:
    task = Equation(level=3, turn="line", spare_lines=0, max_refusals=2)
    problem = task.problem("train", 0)
    response, turns = say(task, problem, "=", "=")
    assert response.is_over and task.verify(Transcript(problem, turns, True)).reason == "unparsed"


@pytest.mark.parametrize("level", [2, 7, 10])
def test_hints_lead_to_the_goal(level: int) -> None:
    task = Equation(level=level, turn="line")
    for problem in task.problems("train", range(3)):
        turns: tuple[Turn, ...] = ()
        while (text := task.hint(problem, turns)) is not None:
            turns = (*turns, Turn("agent", text))
        assert task.verify(Transcript(problem, turns, True)).status == "correct"


def test_where_a_turn_is_a_proof_a_hint_is_one() -> None:
    task = Equation(level=7, spare_lines=0)
    problem = task.problem("train", 5)
    said = (Turn("agent", task.hint(problem, ()) or ""),)
    assert task.verify(Transcript(problem, said, terminated=True)).status == "correct"
    assert task.hint(problem, said) is None


def test_a_hint_leads_back_from_a_detour() -> None:
    task = Equation(level=1, turn="line")
    problem = task.problem("train", 3)  # d*a'=d*(e*e*a')
    turns: tuple[Turn, ...] = (Turn("agent", "=e*(d*a') by id"),)
    assert task.verify_steps(Transcript(problem, turns))[0].reason == "detour"
    while (text := task.hint(problem, turns)) is not None:
        turns = (*turns, Turn("agent", text))
    assert task.verify(Transcript(problem, turns, True)).status == "correct" and len(turns) == 4


def test_wandering_is_not_right_and_so_earns_nothing() -> None:
    task = Equation(level=1, spare_lines=30)
    problem = task.problem("train", 3)
    lines = ["=d*a'*e", "=d*a'*e*e", "=e*(d*a'*e*e)", "=d*a'*e*e"]
    verdicts = task.verify_steps(Transcript(problem, (Turn("agent", "\n".join(lines)),)))
    assert [verdict.status for verdict in verdicts] == ["no_progress"] * 4


def test_shortest_demonstrations_are_right_and_no_longer() -> None:
    task, natural = Equation(level=3, demonstration_style="shortest"), Equation(level=3)
    for problem in task.problems("train", range(6)):
        (short,), (text,) = task.demonstrations(problem, RNG), natural.demonstrations(problem, RNG)
        assert judge(task, problem, short).status == "correct" and short.count("\n") <= text.count("\n")
        exact = task.distance(task.start(problem).chain)
        assert exact is None or exact == short.count("\n") + 1


def make_problem(goal: str, *lines: str, num_lines: int) -> Problem:
    """A problem by hand, in groups, with a proof."""
    group = THEORIES["group"]
    left, right, *_ = group.read_equation(goal)
    proof = tuple(By(group.read(line)) for line in lines)
    return Problem("", EquationReference(Claim(group, left, right), proof, num_lines, "key"), "train", 0)


def test_a_line_that_is_as_far_from_the_end_as_the_start_is_not_right() -> None:
    """Brackets go from left to right in two steps one way and in three the other."""
    problem = make_problem("a*b*c*d=a*(b*(c*d))", "a*b*(c*d)", "a*(b*(c*d))", num_lines=3)
    text = "=a*(b*c)*d\n=a*(b*c*d)\n=a*(b*(c*d))"
    verdicts = Equation().verify_steps(Transcript(problem, (Turn("agent", text),)))
    assert [verdict.reason for verdict in verdicts] == ["detour", "", ""]
    assert judge(Equation(), problem, text).status == "correct"


def test_a_proof_has_no_more_lines_than_the_problem_says() -> None:
    for num_lines, reason in ((2, "lines"), (3, "")):
        problem = make_problem("a=a*e*e*e", "a*e", "a*e*e", "a*e*e*e", num_lines=num_lines)
        assert judge(Equation(), problem, "=a*e\n\n=a*e*e\n=a*e*e*e").reason == reason


def test_options_are_checked() -> None:
    with pytest.raises(InvalidValueError, match="level"):
        Equation(level=11)
    with pytest.raises(InvalidValueError, match="spare_lines"):
        Equation(spare_lines=65)
    with pytest.raises(UnknownNameError, match="turn"):
        Equation(turn="word")  # type: ignore[arg-type]


def test_the_page_is_true() -> None:
    page = (Path(__file__).parents[3] / "docs" / "environments" / "equation.md").read_text()
    for theory in THEORIES.values():
        for equation in theory.equations:
            assert f"`{theory.write_equation(equation)}`".replace("|", "\\|") in page
    for level, knobs in LEVELS.items():
        problem = Equation(level=level).problem("train", 3)
        example = "; ".join(problem.prompt.strip().split("\n")).replace("|", "\\|")
        counts = f"{knobs.min_lines}–{knobs.max_lines} | {knobs.num_hypotheses} + {knobs.num_distractors}"
        assert f"| {counts} | `{example}` | {len(reference_of(problem).lines)} |" in page
    task = Equation(level=6)
    problem = task.problem("train", 3)
    assert f"```\n{problem.prompt}{task.demonstrations(problem, RNG)[0]}\n```" in page
    assert f"one of {len(load_theorems())}\ntheorems" in page
