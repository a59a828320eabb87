from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.grading.notation.parser import parse
from lmgym.records import Problem, StepVerdict, Transcript, Turn
from lmgym.tasks.base import split_of
from lmgym.tasks.rewrite.draw import LIMITS, draw_expression
from lmgym.tasks.rewrite.play import RewriteReference, RewriteState
from lmgym.tasks.rewrite.rules import distance, rewrites, solve, successors
from lmgym.tasks.rewrite.task import Rewrite
from lmgym.tasks.rewrite.terms import (
    Expression,
    Monomial,
    Product,
    Sum,
    expand,
    is_goal,
    key_of,
    read,
    text_of,
)
from lmgym.tasks.stream import Words


def expression(text: str) -> Expression:
    return read(parse(text))


def make_problem(text: str, turns: int = 6) -> Problem:
    start = expression(text)
    steps = tuple(map(text_of, solve(start)))
    reference = RewriteReference(start, steps, expand(start), turns)
    return Problem(f"{turns} left: {text}=", reference, "train", 0, 1.0, key_of(start))


def say(task: Rewrite, problem: Problem, *lines: str) -> tuple[list[str | None], Transcript]:
    state, turns, replies = task.start(problem), list[Turn](), list[str | None]()
    for line in lines:
        response = task.respond(state, Turn("agent", line))
        turns.append(Turn("agent", line))
        replies.append(response.reply)
        state = response.state
        if response.is_over:
            break
        assert response.reply is not None
        turns.append(Turn("environment", response.reply))
    return replies, Transcript(problem, tuple(turns), terminated=True)


BRACKETS = make_problem("2(x+3)+4x")
EIGHT, SIX = Rewrite(level=8), Rewrite(level=6)


def test_an_episode_by_hand() -> None:
    replies, transcript = say(SIX, BRACKETS, "2x+3+4x", "6x+6", "4x+2x+6", "2(x+3)+4x", "6x+6")
    assert replies == [
        "\n5 left, not equal: 2(x+3)+4x=",
        "\n4 left, too large a step: 2(x+3)+4x=",
        "\n3 left: 4x+2x+6=",
        None,  # the third refusal: said before
    ]
    assert SIX.verify(transcript) == ("wrong", "repeated", "4x+2x+6", 0.5)
    replies, transcript = say(SIX, BRACKETS, "2x+6+4x", "6 + 6x")
    assert replies == ["\n5 left: 2x+6+4x=", None]
    assert SIX.verify(transcript) == ("correct", "", "6+6x", 1.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2x+6+4x+x-x", "jump"),
        ("6x+6", "jump"),
        ("2(x+3)+4x", "repeated"),
        ("4x+2(3+x)", "repeated"),
        ("2x+3+4x", "wrong"),
        ("", "unparsed"),
        ("2x+6+4x=", "unparsed"),
        ("2x+6+4x\n6x+6", "unparsed"),
        ("2y+6+4y", "unparsed"),
        ("(2x+6)/x*x+4x", "unparsed"),
        ("2x+6+4x+" + "0+" * 200 + "0", "long"),
        ("(((x^9)^9)^9)^9", "unparsed"),
        ("9^9^9^9", "unparsed"),
        ("x^99999", "unparsed"),
    ],
)
def test_turns_that_are_refused(text: str, reason: str) -> None:
    response = SIX.respond(SIX.start(BRACKETS), Turn("agent", text))
    assert response.state.reason == reason and not response.is_over
    assert response.state.current == BRACKETS.reference.start
    verdict = SIX.verify(Transcript(BRACKETS, (Turn("agent", text),)))
    assert verdict == ("wrong", "unfinished", None, 0.0)


def test_circles_and_growth_are_refused_where_anything_equal_is_legal() -> None:
    free = Rewrite(level=6, max_step=None, max_refusals=16)
    replies, _ = say(free, BRACKETS, "2x+6+4x", "2(x+3)+4x", "4x+6+2x", "x+x+6+4x", "x+x+x+x+x+x+1+5")
    assert [reply and reply.split(":")[0] for reply in replies] == [
        "\n5 left",
        "\n4 left, said before",
        "\n3 left, said before",
        "\n2 left",
        "\n1 left",
    ]
    grown = "+".join(["6x+6", *["x-x"] * 20])
    state = free.respond(free.start(BRACKETS), Turn("agent", grown)).state
    assert state.reason == "long"
    replies, transcript = say(free, BRACKETS, "6(x+1)", "6x+6")
    assert free.verify(transcript).status == "correct"


def test_larger_steps_where_two_rules_may_be_used() -> None:
    two = Rewrite(level=6, max_step=2)
    assert two.verify(say(two, BRACKETS, "6x+6")[1]).status == "correct"
    assert two.optimal_value(make_problem("2(x+3)+4x", turns=1), (), "") == 1.0
    assert SIX.optimal_value(make_problem("2(x+3)+4x", turns=1), (), "") == 0.0


def test_legal_rewrites_and_distances_by_hand() -> None:
    state = SIX.start(BRACKETS)
    assert SIX.legal_rewrites(state) == ("2x+6+4x",)
    assert SIX.distance(state) == 2
    three = EIGHT.start(make_problem("1+2+3"))
    assert set(EIGHT.legal_rewrites(three)) == {"3+3", "4+2", "1+5"}
    assert EIGHT.distance(three) == 2
    square = EIGHT.start(make_problem("(x+1)^2"))
    assert EIGHT.legal_rewrites(square) == ("(x+1)(x+1)",)
    # (x+1)(x+1), x(x+1)+x+1, x^2+x+x+1, x^2+2x+1
    assert EIGHT.distance(square) == 4
    assert EIGHT.distance(EIGHT.start(make_problem("2x-2x+4-3"))) == 2
    over = RewriteState(BRACKETS, expression("6x+6"), (), 3)
    assert EIGHT.legal_rewrites(over) == () and EIGHT.distance(over) == 0


@pytest.mark.parametrize("level", range(1, 9))
def test_every_rule_keeps_the_value_and_every_text_is_read_back(level: int) -> None:
    words, todo, seen = Words(np.random.default_rng(level)), list[Expression](), set[str]()
    for split in ("train", "ood_length", "ood_coefficients"):
        for _ in range(6):
            drawn = draw_expression(level, split, words)
            todo += [] if drawn is None else [drawn.start]
    while todo and len(seen) < 400:
        part = todo.pop()
        assert key_of(expression(text_of(part))) == key_of(part), text_of(part)
        for new in rewrites(part):
            assert expand(new) == expand(part), (text_of(part), text_of(new))
            if key_of(new) not in seen:
                seen.add(key_of(new))
                todo.append(new)


def test_sympy_agrees_that_steps_are_equal_and_goals_expanded() -> None:
    import sympy

    from tests.lmgym.tasks.sympy_bridge import to_sympy

    for level in (4, 6, 7, 8):
        for problem in Rewrite(level=level).problems("train", range(8)):
            start = to_sympy(text_of(problem.reference.start))
            for line in problem.reference.steps:
                assert sympy.expand(to_sympy(line) - start) == 0
            goal = problem.reference.steps[-1]
            assert sympy.Poly(to_sympy(goal), sympy.Symbol("x", real=True)).as_expr() == sympy.expand(start)


@pytest.mark.parametrize("level", range(1, 9))
def test_the_careful_solver_is_never_quicker_than_the_shortest_way(level: int) -> None:
    for problem in Rewrite(level=level).problems("train", range(10)):
        shortest = distance(problem.reference.start, 5000)
        assert shortest is not None and 0 < shortest <= len(problem.reference.steps) <= LIMITS[level].steps


def slow_distance(part: Expression) -> int:
    """The least number of steps by plain recursion over all successors."""
    return 0 if is_goal(part) else 1 + min(map(slow_distance, successors(part).values()))


@pytest.mark.parametrize(
    "text", ["1+2+3-4", "2*3*4+5", "2(x+3)-4(x-1)", "3(4+5)-2", "5x+2-9x-3+4x", "(x+1)^2"]
)
def test_distances_against_plain_recursion(text: str) -> None:
    assert distance(expression(text), 5000) == slow_distance(expression(text))


def best_value(task: Rewrite, state: RewriteState) -> float:
    """The exact value by playing every legal line, and a lost turn."""
    if state.is_solved:
        return 1.0
    texts = [*task.legal_rewrites(state), "?"]
    responses = [task.respond(state, Turn("agent", text)) for text in texts]
    return max(float(r.state.is_solved) if r.is_over else best_value(task, r.state) for r in responses)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_optimal_values_against_full_search(turns: int) -> None:
    task = Rewrite(level=6, max_refusals=2)
    for text in ("2(x+3)+4x", "1+2+3+4", "3(4+5)-2"):
        problem = make_problem(text, turns)
        assert task.optimal_value(problem, (), "") == best_value(task, task.start(problem))


def test_unfinished_lines_have_values_where_they_are_known() -> None:
    tight, loose = make_problem("2(x+3)+4x", turns=2), make_problem("2(x+3)+4x", turns=3)
    assert SIX.optimal_value(tight, (), "2x+6") == 1.0
    assert SIX.optimal_value(tight, (), "4x+2x+6") == 1.0  # another order of it, complete
    assert SIX.optimal_value(tight, (), "9") is None
    assert SIX.optimal_value(loose, (), "9") == 1.0  # one turn may be lost
    assert SIX.optimal_value(tight, (Turn("agent", "9"),), "") == 0.0


def test_scores_are_progress() -> None:
    lines = ["2x+6+4x-3x+3", "6x+6-3x+3", "3x+6+3", "3x+9"]
    problem = make_problem("2(x+3)+4x-3(x-1)")  # two brackets, two pairs of x, one of numbers: five steps
    assert len(problem.reference.steps) == 5
    task = Rewrite(level=8, max_step=2)
    scores = [task.verify(say(task, problem, *lines[:count])[1]).score for count in range(5)]
    assert scores == pytest.approx([0, 0.4, 0.6, 0.8, 1])


def test_steps_are_judged_from_the_transcript_alone() -> None:
    turns = [Turn("agent", text) for text in ("2x+6+4x", "2x+6+5x", "2x+6+4x", "", "6x+6\n", "1")]
    forged = (turns[0], Turn("environment", "\n5 left: 6x+6="), *turns[1:])
    free = Rewrite(level=6, max_refusals=16)
    transcript = Transcript(BRACKETS, forged)
    assert free.verify_steps(transcript) == (
        StepVerdict("right"),
        StepVerdict("wrong", "wrong"),
        StepVerdict("no_progress", "repeated"),
        StepVerdict("right"),
        StepVerdict("no_progress", "over"),
    )
    assert free.verify_steps(Transcript(BRACKETS, ())) == ()
    lie = Transcript(BRACKETS, (turns[0], Turn("environment", "\n5 left: 6x+6=")), terminated=True)
    assert free.verify(lie)[:2] == ("wrong", "unfinished")


def test_refusals_end_the_episode() -> None:
    replies, transcript = say(SIX, BRACKETS, "1", "2", "3", "2x+6+4x")
    assert replies[-1] is None and len(replies) == 3
    assert SIX.verify(transcript)[:2] == ("wrong", "wrong")


def test_wrong_demonstrations_fail() -> None:
    rng = np.random.default_rng(0)
    for level in (1, 5, 8):
        task = Rewrite(level=level, demonstration_quality=0.0)
        for problem in task.problems("train", range(15)):
            lines = task.demonstrations(problem, rng)
            assert task.verify(say(task, problem, *lines)[1]).status == "wrong"


def test_splits() -> None:
    task = Rewrite(level=5)
    assert all(split_of(problem.key) == "test" for problem in task.problems("test", range(30)))

    def largest(part: Expression) -> Fraction:
        terms: Sequence[Expression] = part.terms if isinstance(part, Sum) else (part,)
        return max(abs(Fraction(term.c)) for term in terms if isinstance(term, Monomial))

    assert all(largest(p.reference.start) <= 9 for p in task.problems("train", range(30)))
    assert all(largest(p.reference.start) > 9 for p in task.problems("ood_coefficients", range(30)))
    longer = task.problems("ood_length", range(30))
    assert all(len(problem.reference.start.terms) == 5 for problem in longer)


def test_sums_and_products_of_equal_parts_are_different() -> None:
    parts = (Monomial(5), Monomial(3))
    assert Sum(parts) != Product(parts) and hash(Sum(parts)) != hash(Product(parts))
    assert [text_of(new) for new in successors(Sum(parts)).values()] == ["8"]
    assert [text_of(new) for new in successors(Product(parts)).values()] == ["15"]


@pytest.mark.parametrize("options", [{"level": 0}, {"max_step": 4}, {"style": "answer"}, {"spare_turns": -1}])
def test_bad_options(options: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        Rewrite(**options)  # type: ignore[arg-type]
