from __future__ import annotations

import subprocess
import sys

import pytest
import sympy

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.identities import are_identical
from lmgym.grading.equality.sympy_bridge import to_sympy
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.notation.parser import parse
from lmgym.grading.tree import Node

BUDGETS = Budgets()
X = sympy.Symbol("x", real=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2x+1", 2 * X + 1),
        (r"\frac{x}{3}", X / 3),
        (r"\sqrt{x}", sympy.sqrt(X)),
        ("0.1", sympy.Rational(1, 10)),
        (r"\sin(30^\circ)", sympy.Rational(1, 2)),
        (r"\log_2 x", sympy.log(X) / sympy.log(2)),
        (r"\sqrt[3]{-8}", -2),
        (r"\arctan(1)", sympy.pi / 4),
        ("|x|", sympy.Abs(X)),
        (r"\binom{x}{2}", sympy.binomial(X, 2)),
        ("e^{i\\pi}", -1),
    ],
)
def test_trees_become_sympy(text, expected):
    assert to_sympy(parse(text), BUDGETS) == expected


def test_names_are_never_evaluated():
    name = "__import__('os').system('id')"
    built = to_sympy(Node("variable", (), name), BUDGETS)
    assert built.is_Symbol and built.name == name


@pytest.mark.parametrize(
    "text", ["1/0", "0^0", r"\ln 0", r"\tan(90^\circ)", r"\infty", "(1,2)", "x=1", r"1/(\sin(0))", "0^x"]
)
def test_what_is_no_finite_expression(text):
    with pytest.raises(UndefinedError):
        to_sympy(parse(text), BUDGETS)


@pytest.mark.parametrize("text", ["7^{7^{7^7}}", r"\sqrt{2}^{20000}", "(10^8)!x", "x^{20000}"])
def test_budgets_come_first(text):
    with pytest.raises(Refusal):
        to_sympy(parse(text), BUDGETS)


def test_odd_roots_of_variables_are_real():
    assert are_identical(parse(r"\sqrt[3]{x^3}"), parse("x"), BUDGETS)
    assert not are_identical(parse(r"\sqrt{x^2}"), parse("x"), BUDGETS)
    assert not are_identical(parse(r"\ln(0)"), parse(r"\ln(0)"), BUDGETS)


def test_the_fast_part_never_imports_sympy():
    code = (
        "import sys\n"
        "from lmgym.grading.notation.parser import parse\n"
        "from lmgym.grading.equality.equivalence import compare, follows\n"
        "for text in ('x^2', 'sin(x)', '\\\\sqrt{2+\\\\sqrt3}', 'x=1 or x=2', '[1,2)', '(1,2)'):\n"
        "    compare(parse(text), parse('1+x'))\n"
        "assert 'sympy' not in sys.modules and 'mpmath' not in sys.modules\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
