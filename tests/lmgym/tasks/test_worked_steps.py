from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.grading.derivation import cut_lines, first_wrong_step
from lmgym.grading.exact import number_text
from lmgym.records import Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.expressions import Chain, Literal, evaluate
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.arithmetic.worked_steps import check_worked


def check(expression, *lines):
    """Verdicts as words, on ``"12+34"`` and the like."""
    sign = next(sign for sign in "+-×" if sign in expression)
    left, right = (Literal(text, int(text)) for text in expression.split(sign))
    chain = Chain((left, right), (sign,))
    value = evaluate(chain, 10**700)
    verdicts = check_worked(chain, number_text(value), value, lines)
    return " ".join(v.status if v.status == "right" else v.reason for v in verdicts)


@pytest.mark.parametrize(
    ("expression", "lines", "expected"),
    [
        ("94+63", ["90+60=150", "4+3=7", "150+7=157", "157"], "right right right right"),
        ("94+63", ["4+3=7", "60+90=150", "7+150=157", "157"], "right right right right"),
        ("94+63", ["94+60=154", "154+3=157", "157"], "right right right"),  # another way
        ("94+63", ["94+63=157", "157"], "right right"),
        ("94+63", ["157"], "right"),
        ("94+63", ["90+60=140", "4+3=7", "140+7=147", "147"], "wrong right beside_the_point wrong"),
        (
            "94+63",
            ["1+1=2", "90+60=150", "90+60=150", "2+2=5"],
            "beside_the_point right beside_the_point wrong",
        ),
        ("94+63", ["150+7=157", "157", "157", "158"], "beside_the_point right done wrong"),
        ("94+63", ["", "90 + 60 = 150 ", "\t"], "blank right blank"),
        ("9+55", ["0+50=50", "9+5=14", "50+14=64", "64"], "right right right right"),
        ("9+55", ["0+50=50", "0+50=50"], "right beside_the_point"),
        ("33+33", ["30+30=60", "3+3=6", "60+6=66", "66"], "right right right right"),
        ("33+33", ["30+30=60", "30+30=60"], "right beside_the_point"),  # each place counts once
        ("50-21", ["50-20=30", "30-1=29", "29"], "right right right"),
        ("21-50", ["21-50=-29", "-29"], "right right"),
        ("0-46", ["0-40=-40", "-40-6=-46", "-46"], "right right right"),
        ("12×30", ["12×30=360", "360"], "right right"),
        ("94×63", ["94×60=5640", "94×3=282", "5640+282=5922", "5922"], "right right right right"),
        ("94×63", ["63×90=5670", "4×63=252", "5922"], "right right right"),
        ("94×63", ["94×60=5640", "94×60=5640", "-94×3=-282"], "right beside_the_point beside_the_point"),
        ("0×46", ["0×40=0", "0×6=0", "0+0=0", "0"], "right right right right"),
    ],
)
def test_working_by_places_worked_by_hand(expression, lines, expected):
    assert check(expression, *lines) == expected


@pytest.mark.parametrize("level", [1, 2, 3, 5])
def test_right_demonstrations_have_right_steps_and_wrong_ones_a_wrong_step(level):
    for quality in (1.0, 0.0):
        task = Math(level=level, style="worked", demonstration_quality=quality)
        rng = make_generator(level, "demonstrations")
        for problem in [*task.problems("train", range(100)), *task.problems("ood_digits", range(50))]:
            text = task.demonstrations(problem, rng)[0]
            verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text),)))
            assert len(verdicts) == len(cut_lines(text))
            if quality:
                assert {v.status for v in verdicts if v.reason != "blank"} == {"right"}, (text, verdicts)
            else:
                assert verdicts[first_wrong_step(verdicts)].status == "wrong"


def test_a_verdict_does_not_depend_on_what_comes_after_it():
    task = Math(level=2, style="worked")
    problem = task.problem("train", 3)
    lines = ["", "90+60=150", "1+1=2", "4+3=8", "150+7=157", "157", "157"]
    whole = task.verify_steps(Transcript(problem, (Turn("agent", "\n".join(lines)),)))
    for stop in range(len(lines) + 1):
        text = "".join(line + "\n" for line in lines[:stop])
        assert task.verify_steps(Transcript(problem, (Turn("agent", text, False),))) == whole[:stop]


@given(st.text(alphabet="0123456789+-×=*.x/()\n \u2212", max_size=60) | st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_is_checked_and_true_lines_are_paid_a_bounded_number_of_times(text):
    task = Math(level=2, style="worked")
    problem = task.problem("train", 3)  # 94+63
    verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text * 3),)))
    assert len(verdicts) == len(cut_lines(text * 3))
    assert sum(v.status == "right" for v in verdicts) <= 4  # three sums of four terms, and the answer


def test_long_numbers_and_many_lines_are_bounded():
    assert check("94+63", "9" * 5000, "1+1=" + "9" * 5000, "9" * 300 + "×" + "9" * 300 + "=1") != ""
    verdicts = check("94+63", *["1+1=2"] * 300).split()
    assert verdicts[199:201] == ["beside_the_point", "limit"]


def test_answers_alone_have_no_steps_to_check():
    task = Math(level=2)
    problem = task.problem("train", 3)
    assert task.verify_steps(Transcript(problem, (Turn("agent", "157"),))) is None
    assert Math(level=2, style="worked").verify_steps(Transcript(problem, ())) == ()
