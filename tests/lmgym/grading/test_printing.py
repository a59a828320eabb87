from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings

from lmgym.grading.budgets import Budgets
from lmgym.grading.notation.parser import parse
from lmgym.grading.notation.printing import to_latex, to_text
from lmgym.grading.tree import Node, number
from tests.lmgym.grading.trees import ANSWERS

WRITINGS = {
    "2x^2/3": ("2*x^2/3", "\\frac{2 \\cdot x^{2}}{3}"),
    "-(x+1)": ("-(x + 1)", "-\\left(x + 1\\right)"),
    "(-2)^{-1/2}": ("(-2)^(-1/2)", "\\left(-2\\right)^{-\\frac{1}{2}}"),
    "1.25": ("1.25", "1.25"),
    "0.1\\overline{6}": ("0.1(6)", "0.1\\overline{6}"),
    "2\\frac13": ("2 1/3", "2\\frac{1}{3}"),
    "1.2*(10^5)": ("1.2*(10^5)", "1.2 \\cdot \\left(10^{5}\\right)"),
    "\\log_2 x": ("log(x, 2)", "\\log_{2}\\left(x\\right)"),
    "\\sqrt[5]{x}": ("sqrt[5](x)", "\\sqrt[5]{x}"),
    "1 ± √2": ("1 ± sqrt(2)", "1 \\pm \\sqrt{2}"),
    "1<x<=2": ("1 < x <= 2", "1 < x \\le 2"),
    "x∈(1,2]": ("x ∈ (1, 2]", "x \\in \\left(1, 2\\right]"),
    "\\{1\\}": ("\\{1\\}", "\\left\\{1\\right\\}"),
    "x=1 or x=2": ("x = 1 or x = 2", "x = 1 \\text{ or } x = 2"),
    "5 \\text{ inches}^2": ("5 in^2", "5 \\text{in^2}"),
    "5\\text{ m}": ("5 \\text{m}", "5 \\text{m}"),
    "$5": ("\\$5", "\\$5"),
    "[[1,2],[3,4]]": ("[[1, 2], [3, 4]]", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
    "no solution": ("no solution", "\\text{no solution}"),
}


@pytest.mark.parametrize("text", WRITINGS)
def test_a_tree_is_written_as(text):
    tree = parse(text)
    assert (to_text(tree), to_latex(tree)) == WRITINGS[text]
    assert parse(to_text(tree)) == parse(to_latex(tree)) == tree


def test_a_literal_too_long_for_decimals_is_written_as_a_division():
    assert to_text(number(Fraction(1, 10**9 + 7))) == "(1/1000000007)"
    assert parse(to_text(number(Fraction(1, 10**9 + 7)))).head == "divide"


def defines_a_word(tree):
    """Whether a word stands on the left of a relation: at the start of an answer that is read as a name."""
    is_word = tree.head == "relation" and tree.args[0].head == "text"
    return is_word or any(defines_a_word(part) for part in tree.args)


@settings(
    max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(tree=ANSWERS)
def test_what_is_written_is_read_back(tree):
    assume(not defines_a_word(tree))
    for write in (to_text, to_latex):
        assume(len(write(tree)) <= Budgets().max_answer_chars)
        assert parse(write(tree)) == tree, write(tree)


def test_a_function_is_no_product():
    assert to_text(Node("function", (Node("variable", (), "x"),), "sin")) == "sin(x)"
