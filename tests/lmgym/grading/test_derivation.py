from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.derivation import (
    MAX_DETOUR,
    MAX_LINES,
    check_derivation,
    cut_lines,
    first_wrong_step,
)
from lmgym.grading.notation.parser import parse
from lmgym.records import StepVerdict


def check(start, *lines, goal=None, **options):
    verdicts = check_derivation(start, lines, goal, **options)
    assert len(verdicts) == len(lines)
    return " ".join(v.status if v.status == "right" else v.reason for v in verdicts)


@pytest.mark.parametrize(
    ("start", "lines", "expected"),
    [
        ("(25+55×78)÷5", ["(25+4290)÷5", "4315÷5", "863"], "right right right"),
        ("(25+55×78)÷5", ["(25+4290)÷5", "4325÷5", "865"], "right wrong right"),  # 865 follows from 4325÷5
        ("(25+55×78)÷5", ["863"], "right"),
        ("2+3×4", ["2+12", "2 + 12", "12+2", "14", "14"], "right repeated repeated right repeated"),
        ("2+3×4", ["5×4", "20", "20"], "wrong right repeated"),
        ("2+3×4", ["", "2+12", " ", "= 14"], "blank right blank right"),
        ("2+3×4", ["2+3×4=2+12=14"], "right"),
        ("2+3×4", ["2+12=15"], "wrong"),
        ("(x+1)(x+2)", ["x(x+2)+1(x+2)", "x^2+2x+x+2", "x^2+3x+2"], "right right right"),
        ("(x+1)(x+2)", ["x^2+3x+3"], "wrong"),
        ("3x+5=11", ["3x=6", "x=2"], "right right"),
        ("3x+5=11", ["3x=16", "x=2"], "wrong wrong"),
        ("1/2+1/3", ["3/6+2/6", "5/6"], "right right"),
    ],
)
def test_derivations_by_hand(start, lines, expected):
    assert check(start, *lines) == expected


def test_what_cannot_be_read_is_named_and_skipped():
    assert check("2+3×4", "so now we (", "2+12") == "unparsed right"
    verdicts = check_derivation("2+3×4", ["9" * 3000, "14"])
    assert verdicts[0] == StepVerdict("unparsed", "limit")
    assert verdicts[1].status == "right"
    assert check(parse("2+3×4"), "2+12", budgets=Budgets(max_tokens=1)) == "limit"


def test_the_first_wrong_step():
    assert first_wrong_step(check_derivation("2+3×4", ["", "2+12", "15", "oh ("])) == 2
    assert first_wrong_step(check_derivation("2+3×4", ["2+12", "2+12", "14"])) is None
    assert first_wrong_step([StepVerdict("undecided", "limit"), StepVerdict("unparsed", "unparsed")]) == 1
    assert first_wrong_step([]) is None


def test_after_the_goal_nothing_leads_on():
    assert check("2+3×4", "14", "13+1", "7+7", "15", goal="14") == "right done done wrong"


def test_true_lines_without_end_are_not_progress():
    padding = [f"{14 + i}-{i}" for i in range(1, 40)]
    words = check("2+3×4", *padding).split()
    # 15-1 is smaller than 2+3×4, a new low; the others are no smaller.
    assert words == ["right"] * (1 + MAX_DETOUR) + ["detour"] * (38 - MAX_DETOUR)
    assert check("2+3×4", *padding, "14").split()[-1] == "right"  # a shorter line ends the detour


def test_a_start_that_cannot_be_read_is_the_callers():
    with pytest.raises(Refusal):
        check_derivation("2+(", ["1"])
    assert check_derivation(parse("2+3"), ["5"])[0].status == "right"


def test_too_many_lines_are_not_looked_at():
    words = check("1+1", *["2"] * (MAX_LINES + 3)).split()
    assert words[0] == "right" and words[-3:] == ["limit"] * 3


def test_lines_are_cut_after_newlines_alone():
    assert (
        cut_lines("") == []
        and cut_lines("\n") == [""]
        and cut_lines("a\u2028b\n\nc") == ["a\u2028b", "", "c"]
    )


@given(st.lists(st.text(alphabet="0123456789+-*/=x^()., ", max_size=20) | st.text(max_size=10), max_size=6))
@settings(max_examples=200, deadline=None)
def test_any_lines_get_one_verdict_each_that_what_follows_cannot_change(lines):
    whole = check_derivation("2x+3=7", lines)
    assert len(whole) == len(lines)
    for stop in range(len(lines)):
        assert check_derivation("2x+3=7", lines[:stop]) == whole[:stop]
