from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import split_of
from lmgym.tasks.countdown.draw import CountdownReference, key_of
from lmgym.tasks.countdown.knobs import LEVELS
from lmgym.tasks.countdown.solver import Solver, Tree, tree_text
from lmgym.tasks.countdown.task import Countdown
from lmgym.tasks.countdown.worked import near_miss, steps_of, worked_lines
from tests.real_data import real_file
from tests.reference import countdown as slow


def pose(numbers: tuple[int, ...], target: int) -> Problem:
    """Returns a problem of one's own; its hidden solution is not looked at."""
    ascending = tuple(sorted(numbers))
    return Problem("", CountdownReference(target, ascending, Tree((target, 1))), "train", 0)


def judge(task: Countdown, problem: Problem, text: str) -> Verdict:
    return task.verify(Transcript(problem, (Turn("agent", text),), True))


@pytest.mark.parametrize(
    ("text", "reason", "score"),
    [
        ("(3+5)*3", "", 1.0),
        ("3*(5+3)", "", 1.0),
        (" ( 3 + 5 ) * 3\n", "", 1.0),
        ("((3)+(5))*(3)", "", 1.0),
        ("(3+5)×3", "", 1.0),
        ("3·(3+5)", "", 1.0),
        ("(3+5)*3=24", "", 1.0),
        ("(3+5)*3 = 24", "", 1.0),
        ("3*5+9", "numbers", 0.1),  # 9 is not there
        ("3*3*3-3", "numbers", 0.1),  # there are only two threes
        ("24", "numbers", 0.1),  # the target itself
        ("24=24", "numbers", 0.1),
        ("(3+5)*3=25", "claim", 0.1),
        ("(3+5)*3=24=24", "claim", 0.1),
        ("(3+5)*3=", "claim", 0.1),
        ("(3+5)*3=12+12", "claim", 0.1),
        ("24=(3+5)*3", "numbers", 0.1),
        ("53-33", "numbers", 0.1),  # digits put together
        ("5 3+3", "unparsed", 0.0),
        ("33-5", "numbers", 0.1),
        ("(3+5)3", "unparsed", 0.0),
        ("3(3+5)", "unparsed", 0.0),
        ("-3*(-3-5)", "unparsed", 0.0),  # hidden unary minus
        ("3*(3--5)", "unparsed", 0.0),
        ("3*(+3+5)", "unparsed", 0.0),
        ("03+5", "numbers", 0.1),
        ("3.0*(3+5)", "unparsed", 0.0),
        ("3**3-3", "unparsed", 0.0),
        ("3^3-3", "unparsed", 0.0),
        ("(3+5)*3!", "unparsed", 0.0),
        ("5/(3-3)", "division", 0.1),
        ("5/(3-3)*0", "numbers", 0.1),
        ("3+5", "wrong", 0.3),
        ("3", "wrong", 0.3),
        ("3/5+3", "wrong", 0.3),
        ("(3+5)*3, 3*(3+5)", "unparsed", 0.0),
        ("(3+5)*3 or 3*(3+5)", "unparsed", 0.0),
        ("\\boxed{(3+5)*3}", "unparsed", 0.0),
        ("()", "unparsed", 0.0),
        ("(3+5)*3)", "unparsed", 0.0),
        ("((3+5)*3", "unparsed", 0.0),
        ("(3+5)\n*3", "unparsed", 0.0),
        ("３*(3+5)", "unparsed", 0.0),  # a digit that is not ASCII
        ("3*(3+5)²", "unparsed", 0.0),
        ("٣*(3+5)", "unparsed", 0.0),
        ("3\u200b*(3+5)", "unparsed", 0.0),
        ("", "unparsed", 0.0),
        ("=24", "unparsed", 0.0),
        ("(" * 10**5 + "3", "overlong", 0.0),
        ("3+" * 10**5, "overlong", 0.0),
        ("(" * 199 + "3" + ")" * 199, "wrong", 0.3),
        ("9" * 399, "numbers", 0.1),
        ("9" * 10**5, "overlong", 0.0),
    ],
)
def test_an_answer_is_judged(text: str, reason: str, score: float) -> None:
    verdict = judge(Countdown(level=3), pose((3, 3, 5), 24), text)
    assert (verdict.reason, verdict.score) == (reason, score)
    assert (verdict.status == "correct") == (reason == "")


def test_the_rules_are_options() -> None:
    game, integers = Countdown(preset="game24"), Countdown(preset="game24", fractions=False)
    eights = pose((3, 3, 8, 8), 24)
    assert judge(game, eights, "8/(3-8/3)").status == "correct"
    assert judge(integers, eights, "8/(3-8/3)").reason == "fraction"
    assert judge(game, eights, "3*8").reason == "unused"
    assert judge(Countdown(level=5), eights, "3*8").status == "correct"
    assert judge(integers, pose((4, 4, 6, 12), 24), "6*12/4+4+4").reason == "numbers"
    assert judge(integers, pose((4, 2, 8, 2), 24), "2/4*8*2").reason == "fraction"  # from left to right
    assert judge(integers, pose((4, 2, 8, 3), 12), "2*8/4*3").reason == ""


def test_the_last_line_is_the_answer_of_worked_responses() -> None:
    task, problem = Countdown(level=3, style="worked"), pose((3, 3, 5), 24)
    assert judge(task, problem, "\n3+5=8 left 8 3\n8*3=24 left 24\n(3+5)*3\n\n").status == "correct"
    assert judge(task, problem, "(3+5)*3\n3+5").reason == "wrong"
    assert judge(task, problem, "(3+5)*3\nso") == ("wrong", "unparsed", None, 0.0)
    assert judge(Countdown(level=3), problem, "so\n(3+5)*3").reason == "unparsed"


@pytest.mark.parametrize(
    ("numbers", "target", "found"),
    [
        ((3, 3, 8, 8), 24, ["8/(3-8/3)"]),
        ((4, 6, 6, 12), 24, ["12*6/4+6", "(6-4)*6+12"]),
        ((1, 1, 5), 5, ["1*1*5", "1*5/1", "1+5-1", "5/1/1"]),
        ((1, 2, 2), 3, ["2*2-1", "2+2-1"]),
        ((1, 2, 2), 7, []),
    ],
)
def test_solutions_by_hand(numbers: tuple[int, ...], target: int, found: list[str]) -> None:
    task = Countdown(level=5, use_all=True)
    assert list(task.solutions(pose(numbers, target))) == found


def test_solutions_use_numbers_at_most_once() -> None:
    assert Countdown(level=3).solutions(pose((2, 4, 6), 6)) == ("6", "2+4")
    assert Countdown(level=3).solutions(pose((1, 2, 2), 3)) == ("1+2", "2*2-1", "2+2-1")
    assert Countdown(level=3, fractions=False).solutions(pose((2, 3, 4), 6)) == (
        "2*3",
        "2+4",
        "3*4/2",
        "(4-2)*3",
    )


def test_fast_and_slow_solutions_agree_on_hundreds_of_small_problems() -> None:
    rng = random.Random(3)
    points = tuple(rng.randrange(slow.PRIME) for _ in range(4))
    num_solvable = 0
    for trial in range(300):
        size = 4 if trial % 50 == 0 else rng.choice((2, 3, 3))
        numbers = tuple(sorted(rng.randint(1, 6) for _ in range(size)))
        target, use_all, fractions = rng.randint(1, 14), rng.random() < 0.5, rng.random() < 0.5
        task, problem = Countdown(use_all=use_all, fractions=fractions), pose(numbers, target)
        truth = slow.solutions(numbers, target, use_all, fractions)
        found = task.solutions(problem)
        assert len(set(found)) == len(found) == slow.count_different(truth, numbers, points)
        for text in (*found, *(slow.text_of(expression, numbers) for expression in truth[:3])):
            assert judge(task, problem, text).status == "correct", (numbers, target, text)
        tree = Solver(fractions).find(numbers, target, use_all)
        assert (tree is None) == (not truth)
        if tree is not None:
            assert judge(task, problem, tree_text(tree)).status == "correct"
            num_solvable += 1
    assert 100 < num_solvable < 250


def test_numbers_of_inequivalent_expressions_are_those_known() -> None:
    """Different functions of n numbers by + - * /, each used once: 1, 6, 68, 1170 (OEIS A140606)."""
    rng = random.Random(0)
    for size, known in ((1, 1), (2, 6), (3, 68), (4, 1170)):
        numbers = tuple(sorted(rng.sample(range(10**6, 10**7), size)))  # nothing is equal by chance
        values = Solver(True).values(numbers)
        assert sum(1 + way.can_negate for way in values.values()) == known


@pytest.mark.parametrize("fractions", [True, False])
@pytest.mark.parametrize("use_all", [True, False])
@pytest.mark.parametrize(
    ("numbers", "target"), [((2, 12), 14), ((2, 3, 4), 2), ((1, 4, 4), 2), ((2, 2, 6), 10)]
)
def test_optimal_values_are_those_of_trying_everything(
    numbers: tuple[int, ...], target: int, use_all: bool, fractions: bool
) -> None:
    task, problem = Countdown(use_all=use_all, fractions=fractions), pose(numbers, target)
    values = dict[str, bool]()
    for tokens in slow.token_strings(tuple(map(str, numbers)), 3):
        is_right = slow.value_of_tokens(tokens, fractions) == target
        if use_all and sum(token.isdigit() for token in tokens) < len(numbers):
            is_right = False
        text = "".join(tokens)
        assert (judge(task, problem, text).status == "correct") == is_right
        for stop in range(len(text) + 1):
            if text[:stop].count("(") < 2:  # completions may need two pairs that are still to come
                values[text[:stop]] = values.get(text[:stop], False) or is_right
    assert 50 < len(values) and 0 < sum(values.values()) < len(values)
    for partial, can_win in values.items():
        assert task.optimal_value(problem, (), partial) == can_win, partial


@pytest.mark.parametrize(
    ("partial", "value"),
    [
        ("((((", 1.0),
        ("(((3+5", 1.0),
        (" (3 + 5", 1.0),
        ("(3+5)*3 ", 1.0),
        ("(3+5)*3\n", 1.0),
        ("(3+5)*3\n\n=", 0.0),
        ("(3+5)\n", 0.0),
        ("(3+5)*3=", 1.0),
        ("(3+5)*3= 2", 1.0),
        ("(3+5)*3=24 ", 1.0),
        ("(3+5)*3=2 ", 0.0),
        ("(3+5)*3=3", 0.0),
        ("(3+5)*3=\n", 0.0),
        ("3+5=", 0.0),
        ("3/5/", 0.0),
        ("2", 0.0),
        ("3--", 0.0),
        ("x", 0.0),
        ("(" * 1000, 0.0),
    ],
)
def test_optimal_values_by_hand(partial: str, value: float) -> None:
    assert Countdown(level=3).optimal_value(pose((3, 3, 5), 24), (), partial) == value


def test_negative_pieces_can_be_needed() -> None:
    task = Countdown(level=5)
    assert task.solutions(pose((1, 2, 3, 5), 8))  # 3-5*(1-2) is one of them
    assert task.optimal_value(pose((1, 2, 3, 5), 8), (), "3-5*") == 1.0
    assert task.optimal_value(pose((1, 1, 3, 5), 8), (), "3-5*") == 0.0


def test_a_number_may_still_grow() -> None:
    task, problem = Countdown(level=3), pose((1, 12), 13)
    assert [task.optimal_value(problem, (), text) for text in ("1", "12", "1 ", "1+", "1+1", "1+1 ")] == [
        1.0, 1.0, 1.0, 1.0, 1.0, 0.0,
    ]  # fmt: skip


def test_optimal_values_that_are_too_dear_are_not_given() -> None:
    task = Countdown(level=8)
    assert task.optimal_value(task.problem("ood_numbers", 0), (), "") is None
    assert task.optimal_value(task.problem("train", 0), (), "") == 1.0


@pytest.mark.parametrize("task", [*(Countdown(level=level) for level in LEVELS), Countdown(preset="game24")])
def test_problems_are_what_their_splits_say(task: Countdown) -> None:
    knobs = task.knobs
    for split in task.splits:
        for problem in task.problems(split, range(100)):
            target, numbers, tree = problem.reference
            assert len(numbers) == knobs.num_numbers + (split == "ood_numbers")
            assert max(numbers) <= knobs.max_number and min(numbers) >= 1
            if split == "ood_target":
                assert knobs.max_target < target <= 2 * knobs.max_target + 1
            else:
                assert knobs.min_target <= target <= knobs.max_target
            assert knobs.use_all or target not in numbers
            assert problem.key == key_of(numbers, target)
            assert judge(task, problem, tree_text(tree)).status == "correct"
            assert all(step.result >= 0 for step in steps_of(tree))


def test_integers_are_enough_where_fractions_are_not_allowed() -> None:
    for task in (Countdown(preset="game24", fractions=False), Countdown(level=6, fractions=False)):
        for split in task.splits:
            for problem in task.problems(split, range(50)):
                steps = steps_of(problem.reference.solution)
                assert all(step.result.denominator == 1 for step in steps)


def test_prompts_say_the_rule() -> None:
    once, whole = Countdown(level=3), Countdown(preset="game24", prompt_style="instruct", fractions=False)
    assert once.problem("train", 0).prompt.count(" from ") == 1
    problem = whole.problem("train", 0)
    numbers = ", ".join(problem.prompt.split("numbers ")[1].split(", ")[:4])
    assert problem.prompt == (
        f"Make 24 from the numbers {numbers}, each used exactly once, with + - * / and parentheses. "
        "Every result on the way must be an integer. End with the expression alone.\n"
    )
    own = Countdown(level=1, prompt_template="{numbers} -> {target}? ").problem("train", 0)
    plain = Countdown(level=1).problem("train", 0)
    target, _, numbers = plain.prompt[:-1].partition(" from ")
    assert own.prompt == f"{numbers} -> {target}? "


def test_working_by_hand() -> None:
    tree = Tree(
        (24, 1),
        "/",
        Tree((8, 1)),
        Tree((1, 3), "-", Tree((3, 1)), Tree((8, 3), "/", Tree((8, 1)), Tree((3, 1)))),
    )
    assert worked_lines(tree, (3, 3, 8, 8)) == [
        "8/3=8/3 left 8/3 3 8",
        "3-(8/3)=1/3 left 1/3 8",
        "8/(1/3)=24 left 24",
        "8/(3-8/3)",
    ]


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (["3+5=8 left 8 3", "8*3=24 left 24", "(3+5)*3"], "right right right"),
        (["3+5=8", "8*3=24", "(3+5)*3"], "right right right"),
        (["3 + 5 = 8 left 3 8", "", "3*8=24 left 24", "(3+5)*3", "3+5"],
         "right no_progress right right no_progress"),
        (["3+5=9 left 9 3"], "wrong"),
        (["3+5=8 left 8"], "wrong"),
        (["3+5=8 left 8 3 3"], "wrong"),
        (["3+5=8", "3+5=8"], "right wrong"),
        (["5*5=25"], "wrong"),
        (["3-3=0", "5/0=0"], "right wrong"),
        (["3-5=-2 left 3 -2", "-2*3=-6", "(3-5)*3"], "right right wrong"),
        (["3/5=3/5 left 3 3/5", "3+(3/5)=18/5"], "right right"),
        (["hm", "3*(3+5)=24"], "unparsed right"),
        (["9" * 1000, "3+5=" + "8" * 500], "unparsed wrong"),
    ],
)  # fmt: skip
def test_steps_are_judged(lines: list[str], statuses: str) -> None:
    task = Countdown(level=3, style="worked")
    transcript = Transcript(pose((3, 3, 5), 24), (Turn("agent", "\n".join(lines)),), True)
    assert " ".join(verdict.status for verdict in task.verify_steps(transcript) or ()) == statuses
    assert Countdown(level=3).verify_steps(transcript) is None


def test_every_line_of_a_demonstration_is_a_right_step() -> None:
    rng = np.random.default_rng(0)
    for task in (Countdown(level=6, style="worked"), Countdown(preset="game24", style="worked")):
        for problem in task.problems("train", range(50)):
            (text,) = task.demonstrations(problem, rng)
            verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text.lstrip("\n")),), True))
            assert verdicts and {verdict.status for verdict in verdicts} == {"right"}


def test_steps_are_bounded() -> None:
    task = Countdown(level=3, style="worked")
    turn = Turn("agent", "3+5=8\n" * 10**5)
    verdicts = task.verify_steps(Transcript(pose((3, 3, 5), 24), (turn,), True))
    assert verdicts and len(verdicts) == 10**5 and [v.status for v in verdicts].count("right") == 1


def test_demonstrations_are_as_good_as_asked() -> None:
    rng = np.random.default_rng(0)
    for style in ("answer", "worked"):
        task = Countdown(level=6, style=style, demonstration_quality=0.5)  # type: ignore[arg-type]
        right = 0
        for problem in task.problems("train", range(400)):
            (text,) = task.demonstrations(problem, rng)
            verdict = judge(task, problem, text)
            assert verdict.reason in ("", "wrong") and len(text) < task.default_max_new_tokens
            right += verdict.status == "correct"
        assert 160 < right < 240


def test_a_near_miss_is_never_right() -> None:
    rng = np.random.default_rng(0)
    two = Tree((4, 1), "*", Tree((2, 1)), Tree((2, 1)))
    for _ in range(20):
        assert steps_of(near_miss(two, False, 10, rng))[-1].result in (0, 1)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"level": 9}, InvalidValueError, "level"),
        ({"level": 3, "preset": "game24"}, InvalidValueError, "level"),
        ({"preset": "game42"}, UnknownNameError, "game24"),
        ({"operators": "+^"}, UnknownNameError, "operators"),
        ({"operators": ""}, InvalidValueError, "operators"),
        ({"num_numbers": 7}, InvalidValueError, "num_numbers"),
        ({"min_target": 60}, InvalidValueError, "min_target"),
        ({"use_all": 1}, InvalidValueError, "use_all"),
        ({"style": "worke"}, UnknownNameError, "worked"),
        ({"prompt_template": "{numbers}"}, InvalidValueError, "target"),
        ({"problems_file": "no/such/file.csv"}, InvalidValueError, "no/such/file.csv"),
        ({"published_ranks": (5, 3), "problems_file": "x"}, InvalidValueError, "published_ranks"),
    ],
)
def test_bad_options_are_typed_errors(options: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Countdown(**options)  # type: ignore[arg-type]


def test_levels_keep_the_other_options() -> None:
    task = Countdown(level=2, use_all=True, style="worked").at_level(5)
    assert (task.level, task.knobs.num_numbers, task.knobs.use_all, task.max_level) == (5, 4, True, 8)
    game = Countdown(preset="game24")
    assert (game.at_level(1), game.max_level) == (game, 1)
    with pytest.raises(InvalidValueError, match="level"):
        game.at_level(2)


def test_problems_of_a_file(tmp_path: object) -> None:
    path = f"{tmp_path}/puzzles.csv"
    puzzles = list(itertools.combinations_with_replacement(range(3, 7), 4))[:34]
    rows = [" ".join(map(str, numbers)) for numbers in puzzles if Solver(True).find(numbers, 24, True)]
    with open(path, "w") as file:
        file.write(
            "Rank,Puzzles,Solved rate\n" + "".join(f"{7 * i},{row},5%\n" for i, row in enumerate(rows, 1))
        )
    task = Countdown(problems_file=path, published_ranks=(14, 28), style="worked")
    assert task.splits[-1] == "published" and task.num_problems("published") == 3
    seen = []
    for split in task.splits:
        size = task.num_problems(split)
        assert size
        problems = task.problems(split, range(2 * size))
        assert [p[:2] for p in problems[:size]] == [p[:2] for p in problems[size:]]
        seen += [problem.key for problem in problems[:size]]
        for problem in problems:
            assert split == "published" or split_of(problem.key) == split
            (text,) = task.demonstrations(problem, np.random.default_rng(0))
            assert judge(task, problem, text).status == "correct"
            assert len(text) < task.default_max_new_tokens and len(problem.prompt) <= task.max_prompt_chars
    assert sorted(seen) == sorted(f"24: {row}" for row in rows)
    assert [p.key[4:] for p in task.problems("published", range(3))] == rows[1:4]
    assert "published" not in Countdown(problems_file=path, published_ranks=None).splits
    assert Countdown(problems_file=path).fingerprint != task.fingerprint
    assert Countdown(preset="game24").num_problems("train") is None
    with pytest.raises(InvalidValueError, match="index"):
        task.problems("train", [2**63])


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("Puzzles\n1 1 1 1\n", InvalidValueError, "no solution"),
        ("Puzzles\n1 2 x 4\n", InvalidValueError, "row 1"),
        ("Puzzles\n1 2 -3 4\n", InvalidValueError, "row 1"),
        ("Puzzles\n5\n", InvalidValueError, "2 to 6 numbers"),
        ("Puzzles\n" + "1 " * 1000 + "\n", InvalidValueError, "2 to 6 numbers"),
        ("Words\nabc\n", InvalidValueError, "Puzzles"),
        ("Puzzles\n", EmptyProblemSetError, "train"),
    ],
)
def test_files_that_are_not_puzzles(tmp_path: object, text: str, error: type[Exception], says: str) -> None:
    path = f"{tmp_path}/puzzles.csv"
    with open(path, "w") as file:
        file.write(text)
    with pytest.raises(error, match=says):
        Countdown(problems_file=path)


def test_a_file_may_name_targets(tmp_path: object) -> None:
    path = f"{tmp_path}/puzzles.csv"
    with open(path, "w") as file:
        file.write("Numbers,Target\n" + "".join(f"{n} {n + 1},{2 * n + 1}\n" for n in range(1, 40)))
    task = Countdown(problems_file=path)
    assert {p.reference.value for p in task.problems("train", range(100))} <= set(range(3, 80, 2))
    assert task.problem("test", 0).reference.solution.value[0] == sum(
        task.problem("test", 0).reference.numbers
    )


def test_the_game_of_24() -> None:
    path = real_file("game24/24.csv")
    task = Countdown(problems_file=path)
    sizes = {split: task.num_problems(split) for split in task.splits}
    assert sizes["published"] == 100 and sum(size or 0 for size in sizes.values()) == 1362
    keys = {p.key for split in task.splits for p in task.problems(split, range(sizes[split] or 0))}
    assert len(keys) == 1362
    every = itertools.combinations_with_replacement(range(1, 14), 4)
    solvable = {key_of(numbers, 24) for numbers in every if Solver(True).find(numbers, 24, True)}
    assert solvable == keys  # the preset draws from the same puzzles
    preset = Countdown(preset="game24")
    drawn = {p.key for p in preset.problems("test", range(2000))}
    assert drawn < keys and len(drawn) > 120  # numbers that are all equal are seldom drawn
    for problem in task.problems("published", range(100)):
        found = task.solutions(problem)
        assert found and all(judge(task, problem, text).status == "correct" for text in found)
