from __future__ import annotations

import inspect
import itertools
import re
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from lmgym.grading.exact import parse_number
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.arithmetic.draw import draw_entry, has_table, make_table
from lmgym.tasks.arithmetic.expressions import canonical_key, evaluate
from lmgym.tasks.arithmetic.knobs import LEVELS, Knobs, make_knobs
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import split_of
from lmgym.tasks.stream import Words


def judge(
    task: Math, problem: Problem, text: str, *, complete: bool = True, truncated: bool = False
) -> Verdict:
    return task.verify(Transcript(problem, (Turn("agent", text, complete),), not truncated, truncated))


def sum_problem(task: Math, answer: int) -> Problem:
    return next(p for p in task.problems("train", range(5000)) if p.reference.value == answer)


def test_level_two_adds_two_numbers_below_a_hundred() -> None:
    for problem in Math().problems("train", range(2000)):
        match = re.fullmatch(r"(\d{1,2})\+(\d{1,2})=", problem.prompt)
        assert match
        assert problem.reference.answer == str(int(match[1]) + int(match[2]))
        assert problem.difficulty == 2


def test_level_one_has_every_sum_of_two_digits_in_one_split() -> None:
    prompts = {
        p.prompt for s in ("train", "validation", "test") for p in Math(level=1).problems(s, range(4000))
    }
    assert prompts == {f"{a}+{b}=" for a in range(10) for b in range(10)}


@pytest.mark.parametrize("level", [1, 2, 3, 5])
def test_the_table_holds_what_drawing_draws(level: int) -> None:
    knobs = make_knobs(level, {})
    assert has_table(knobs)
    table = make_table(knobs)
    entries = {entry.expression: (split, entry) for split, part in table.items() for entry in part}
    assert len(entries) == len(knobs.operators) * 100**knobs.num_digits == sum(map(len, table.values()))
    words = Words(np.random.default_rng(0))
    for _ in range(500):
        entry = draw_entry(knobs, "train", words)
        assert entry is not None
        assert entries[entry.expression] == (split_of(entry.key), entry)
    for expression, (_, entry) in itertools.islice(entries.items(), 0, None, 97):
        assert entry.key == canonical_key(expression)
        assert entry.value == evaluate(expression, 10**9)


def test_drawing_and_the_table_have_one_distribution() -> None:
    """100 first operands, 20000 draws: each 200 times, standard deviation 14."""
    problems = Math().problems("train", range(20_000))
    counts = np.bincount([p.reference.expression.items[0].value for p in problems], minlength=100)
    assert len(counts) == 100 and counts.min() > 200 - 90 and counts.max() < 200 + 90


def test_tasks_that_differ_in_presentation_pose_the_same_expressions() -> None:
    plain = Math(level=7).problems("test", range(70))
    for other in (
        Math(level=7, prompt_style="question"),
        Math(level=7, prompt_style="words", style="worked"),
        Math(level=7, prompt_template="Now: {expression}!"),
        Math(level=8, num_operands=3, max_exponent=1),
    ):
        problems = other.problems("test", range(70))
        assert [p.key for p in problems] == [p.key for p in plain]
        assert [p.reference for p in problems] == [p.reference for p in plain]
        assert other.fingerprint != Math(level=7).fingerprint
    assert Math(level=7, num_digits=3).problems("test", range(70)) != plain


@pytest.mark.parametrize(
    ("options", "prompt"),
    [
        ({}, "82-37="),
        ({"prompt_style": "question"}, "What is 82 - 37?\n"),
        ({"prompt_style": "words"}, "82 minus 37 equals "),
        ({"prompt_style": "instruct"}, "Compute 82 - 37 exactly. End with the result alone.\n"),
        ({"prompt_template": "{{}} {expression} %s"}, "{{}} 82-37 %s"),
        ({"prompt_template": "<{expression}>", "prompt_style": "question"}, "<82 - 37>"),
    ],
)
def test_prompts(options: dict[str, Any], prompt: str) -> None:
    index = next(p.index for p in Math(level=3).problems("train", range(50_000)) if p.prompt == "82-37=")
    assert Math(level=3, **options).problem("train", index).prompt == prompt


@pytest.mark.parametrize("level", range(1, 11))
@pytest.mark.parametrize("style", ["answer", "worked"])
def test_sizes_and_alphabet_bound_what_is_there(level: int, style: Any) -> None:
    task = Math(level=level, style=style, demonstration_quality=0.7, prompt_style="question")
    rng = np.random.default_rng(0)
    letters = set(task.alphabet)
    for split in task.splits:
        for problem in task.problems(split, range(120)):
            assert len(problem.prompt) <= task.max_prompt_chars
            (text,) = task.demonstrations(problem, rng)
            assert len(text) + 1 <= task.default_max_new_tokens
            assert set(text) <= letters


@pytest.mark.parametrize("level", range(1, 11))
def test_out_of_distribution_splits_are_longer_or_deeper(level: int) -> None:
    task = Math(level=level)

    def longest(problem: Problem) -> int:
        # decimals behind a point and exponents are not what the level's digits bound
        text = re.sub(r"\.\d+|\^\d", "", problem.prompt)
        return max(map(len, re.findall(r"\d+", text)))

    def operands(problem: Problem) -> int:
        text = re.sub(r"\^\d", "", re.sub(r"(\d)/(\d)", r"\1\2", problem.prompt))
        return len(re.findall(r"[\d.]+", text))

    def depth(problem: Problem) -> int:
        text = re.sub(r"\(-?[\d./]+\)", "", problem.prompt)  # brackets around one number don't count
        depths = itertools.accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in text)
        return max(depths)

    knobs = task.knobs
    for split in ("train", "validation", "test"):
        for problem in task.problems(split, range(60)):
            assert longest(problem) <= knobs.num_digits
            assert operands(problem) == knobs.num_operands
            assert depth(problem) <= knobs.depth
    for problem in task.problems("ood_digits", range(60)):
        assert longest(problem) > knobs.num_digits and operands(problem) == knobs.num_operands
    deep = task.problems("ood_depth", range(200))
    assert {operands(problem) for problem in deep} == {knobs.num_operands + 1, knobs.num_operands + 2}
    assert max(map(depth, deep)) == (knobs.depth + 1 if knobs.depth else 0)


def test_operators_numbers_and_signs_of_the_levels_are_met() -> None:
    seen = {
        level: "".join(p.prompt for p in Math(level=level).problems("train", range(300))) for level in LEVELS
    }
    for level, text in seen.items():
        knobs = make_knobs(level, {})
        assert all(sign in text for sign in knobs.operators)
        assert ("^" in text) == (knobs.max_exponent > 1)
        assert ("." in text) == ("decimal" in knobs.numbers)
        assert ("/" in text) == ("fraction" in knobs.numbers)
        assert ("(-" in text) >= knobs.negatives


def test_exact_divisions_have_integer_answers_and_others_need_not() -> None:
    exact = Math(level=7, operators="÷", num_operands=2)
    problems = exact.problems("train", range(300))
    assert all(isinstance(p.reference.value, int) for p in problems)
    assert len({p.reference.value for p in problems}) > 20
    inexact = Math(level=7, operators="/", num_operands=2, exact_division=False)
    assert any(isinstance(p.reference.value, Fraction) for p in inexact.problems("train", range(300)))


def test_answers_in_decimals_where_only_decimals_are_asked() -> None:
    task = Math(level=4, numbers="decimal")
    for problem in task.problems("train", range(100)):
        assert "/" not in problem.reference.answer
        assert parse_number(problem.reference.answer).value == problem.reference.value


def test_big_numbers_are_exact_and_fast() -> None:
    task = Math(num_digits=40)
    for problem in task.problems("train", range(10)):
        left, right = problem.prompt[:-1].split("+")
        assert int(left) + int(right) == int(problem.reference.answer) > 10**35


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("46", "correct", ""),
        (" 46\n", "correct", ""),
        ("+46", "correct", ""),
        ("46.0", "correct", ""),
        ("\u221246", "wrong", "wrong"),
        ("47", "wrong", "wrong"),
        ("92/2", "wrong", "unsolved"),
        ("12+34", "wrong", "unparsed"),
        ("", "wrong", "unparsed"),
        ("45 46 47", "wrong", "unparsed"),
        ("45\n46", "wrong", "unparsed"),
        ("the answer is 46", "wrong", "unparsed"),
        ("４６", "wrong", "unparsed"),
    ],
)
def test_the_whole_response_is_the_answer(text: str, status: str, reason: str) -> None:
    task = Math()
    verdict = judge(task, sum_problem(task, 46), text)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert (verdict.score == 1.0) == (status == "correct")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("46", "correct"),
        ("10+30=40\n2+4=6\n40+6=46\n46", "correct"),
        ("rubbish\n 46 \n\n", "correct"),
        ("46\n47", "wrong"),
        ("46\n12+34", "wrong"),
        ("40+6=46", "wrong"),
        ("44 45 46", "wrong"),
        ("\n" * 10**6, "wrong"),
    ],
)
def test_the_last_line_is_the_answer_of_worked_responses(text: str, status: str) -> None:
    for task in (Math(style="worked"), Math(answer_on="last_line")):
        assert judge(task, sum_problem(task, 46), text).status == status
    task = Math(style="worked", answer_on="response")
    assert judge(task, sum_problem(task, 46), "40+6=46\n46").status == "wrong"


def test_cut_and_truncated_responses_are_wrong_with_their_reason() -> None:
    task = Math()
    problem = sum_problem(task, 46)
    assert judge(task, problem, "46", complete=False) == Verdict("wrong", "overlong")
    assert judge(task, problem, "46", truncated=True) == Verdict("wrong", "truncated")
    assert task.verify(Transcript(problem, ())).status == "wrong"


def test_the_fast_path_of_a_batch_judges_like_one_by_one() -> None:
    task = Math(level=9)
    problems = task.problems("train", range(64))
    turns = [
        Turn("agent", text) for p in problems for text in (p.reference.answer, " " + p.reference.answer, "7")
    ]
    transcripts = [Transcript(problems[i // 3], (turn,), True) for i, turn in enumerate(turns)]
    assert task.verify_batch(transcripts) == [task.verify(t) for t in transcripts]
    assert [v.status for v in task.verify_batch(transcripts)][0::3] == ["correct"] * 64
    assert [v.status for v in task.verify_batch(transcripts)][1::3] == ["correct"] * 64


def test_quality_is_the_share_of_right_demonstrations_and_misses_are_near() -> None:
    task = Math(demonstration_quality=0.4)
    rng = np.random.default_rng(0)
    problems = task.problems("train", range(3000))
    verdicts = [judge(task, p, task.demonstrations(p, rng)[0]) for p in problems]
    share = np.mean([v.status == "correct" for v in verdicts])
    assert abs(share - 0.4) < 0.045  # five standard deviations
    assert all(v.answer is not None for v in verdicts)  # wrong, but numbers
    near = np.mean(
        [abs(int(v.answer or 0) - p.reference.value) <= 10 for v, p in zip(verdicts, problems, strict=True)]
    )
    assert near > 0.7


@pytest.mark.parametrize("level", [1, 3, 7, 9, 10])
@pytest.mark.parametrize("style", ["answer", "worked"])
def test_demonstrations_of_quality_zero_are_all_wrong(level: int, style: Any) -> None:
    task = Math(level=level, style=style, demonstration_quality=0)
    rng = np.random.default_rng(0)
    for problem in task.problems("train", range(200)):
        verdict = judge(task, problem, task.demonstrations(problem, rng)[0])
        assert (verdict.status, verdict.reason) == ("wrong", "wrong")


def test_working_begins_on_a_line_of_its_own() -> None:
    rng = np.random.default_rng(0)
    for prompt_style, lead in (("plain", "\n"), ("question", "")):
        task = Math(style="worked", prompt_style=prompt_style)  # type: ignore[arg-type]
        index = next(p.index for p in task.problems("train", range(20_000)) if p.key == "+12+34")
        (text,) = task.demonstrations(task.problem("train", index), rng)
        assert text in (f"{lead}10+30=40\n2+4=6\n40+6=46\n46", f"{lead}30+10=40\n4+2=6\n40+6=46\n46")


def test_optimal_value_of_a_sum() -> None:
    task = Math()
    problem = sum_problem(task, 46)
    for partial, value in [
        ("", 1),
        ("4", 1),
        ("46", 1),
        ("+4", 1),
        ("46.0", 1),
        (" ", 1),
        ("5", 0),
        ("460", 0),
        ("-", 0),
    ]:
        assert task.optimal_value(problem, (), partial) == value, partial
    assert task.optimal_value(problem, (Turn("agent", "46"),), "") == 1
    assert task.optimal_value(problem, (Turn("agent", "46", False),), "") == 0
    assert task.optimal_value(problem, (Turn("agent", "47"),), "") == 0
    assert Math(style="worked").optimal_value(problem, (), "47") == 1


def test_levels_of_a_curriculum_keep_the_other_options() -> None:
    task = Math(level=1, prompt_style="question", style="worked", operators="-")
    harder = task.at_level(4)
    assert harder.level == 4 and harder.max_level == 10
    assert harder.knobs == make_knobs(4, {"operators": "-"})
    assert harder.problem("train", 0).prompt.startswith("What is ")
    assert harder.at_level(1).fingerprint == task.fingerprint
    with pytest.raises(InvalidValueError, match="level"):
        task.at_level(11)


def test_every_knob_is_an_option() -> None:
    options = set(inspect.signature(Math).parameters)
    assert set(Knobs.__dataclass_fields__) <= options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 0}, r"level must be an integer in \[1, 10\], got 0"),
        ({"level": 2.0}, "level"),
        ({"level": True}, "level"),
        ({"style": "worke"}, "Did you mean 'worked'"),
        ({"prompt_style": "plane"}, "Did you mean 'plain'"),
        ({"prompt_template": "no hole"}, r"\{expression\} exactly once"),
        ({"prompt_template": "{expression}{expression}"}, "exactly once"),
        ({"answer_on": "lastline"}, "Did you mean 'last_line'"),
        ({"demonstration_quality": 1.5}, "demonstration_quality"),
        ({"demonstration_quality": float("nan")}, "demonstration_quality"),
        ({"num_operands": 1}, "num_operands"),
        ({"num_digits": 0}, "num_digits"),
        ({"operators": ""}, "operators"),
        ({"operators": "+%"}, "value for operators= '%'"),
        ({"operators": 3}, "operators"),
        ({"operators": [["+"]]}, "operator"),
        ({"numbers": ["integer", "decimals"]}, "Did you mean 'decimal'"),
        ({"numbers": []}, "numbers"),
        ({"numbers": 5}, "numbers"),
        ({"depth": 7}, "depth"),
        ({"negatives": 1}, "negatives"),
        ({"max_exponent": 0}, "max_exponent"),
        ({"exact_division": "yes"}, "exact_division"),
        ({"decimal_places": 0}, "decimal_places"),
        ({"max_answer_digits": 2}, "max_answer_digits"),
    ],
)
def test_bad_options_say_what_is_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LmgymError, match=message):
        Math(**options)


def test_unknown_splits_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ood_depth'"):
        Math().problems("ood_deph", range(3))


def test_hostile_text_is_judged_at_once() -> None:
    hostile = [
        "",
        "4" * 10**5,
        "4" * 10**6,
        " " * 10**6,
        "\n" * 10**6,
        "(" * 1000 + "46" + ")" * 1000,
        "\x00" * 1000,
        "\ud800\udfff" * 1000,
        "1/" * 10**5,
        "9**9**9**9",
        "-" * 10**5,
        "46\n" * 10**5 + "x",
        "__import__('os').system('id')",
        "1e999999999",
    ]
    for task in (Math(), Math(style="worked")):
        problem = sum_problem(task, 46)
        started = time.process_time()
        for text in hostile:
            verdict = judge(task, problem, text)
            assert verdict.status == "wrong" and 0 <= verdict.score < 1
            assert task.optimal_value(problem, (), text) in (0.0, 1.0)
        assert time.process_time() - started < 30  # a quadratic path would take minutes
