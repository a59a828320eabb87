"""Tables of answers that are and are not the same, tried in both orders through the parser."""

from __future__ import annotations

import pytest

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equivalence import Comparison, compare, compare_slowly, equal
from lmgym.grading.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

EASY = Rules(must_be_solved=False)

SAME = [
    # numbers
    ("5/2", "2.5"), ("5/2", "2 1/2"), (r"2\frac{1}{2}", r"\frac{5}{2}"), ("-3", "-3.0"), ("0.5", r"\frac12"),
    ("50%", "0.5"), ("1.2*10^5", "120000"), ("1e3", "1000"), ("1,234,567", "1234567"), ("12*34", "408"),
    ("10/4", "5/2"), ("2^10", "1024"), (r"\sqrt{16}", "4"), ("5!", "120"), (r"\binom{5}{2}", "10"),
    ("110_2", "6"), ("204_5", "54"), ("2^{100}", "4^{50}"), ("10^{310}", "10*10^{309}"), ("|-3|", "3"),
    (r"\sqrt[3]{-8}", "-2"), (r"(-8)^{1/3}", "-2"), (r"\lfloor 7/2 \rfloor", "3"), ("-0", "0"),
    (r"0.\overline{9}", "1"), (r"0.\overline{3}", "1/3"), (r"\gcd(12, 18)", "6"), ("2^{-3}", "1/8"),
    # radicals and constants
    (r"\sqrt{12}", r"2\sqrt{3}"), (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), (r"\sqrt{-4}", "2i"),
    (r"\frac{\sqrt{6}+\sqrt{2}}{4}", r"\frac{\sqrt{2}(\sqrt{3}+1)}{4}"), (r"\sqrt[3]{16}", r"2\sqrt[3]{2}"),
    (r"\frac{1}{1+\sqrt{2}}", r"\sqrt{2}-1"), (r"\sqrt{2}\cdot\sqrt{8}", "4"), ("2^{1/2}", r"\sqrt{2}"),
    (r"\sqrt[4]{4}", r"\sqrt{2}"), (r"\frac{3\pi}{6}", r"\frac{\pi}{2}"), ("i^2", "-1"), ("(1+i)^2", "2i"),
    (r"\frac{1}{i}", "-i"), (r"\frac{20000}{\pi}", r"20000\pi^{-1}"), ("e^{i\\pi}", "-1"), (r"\ln(e^3)", "3"),
    (r"\log_2 8", "3"), (r"\ln 8", r"3\ln 2"), (r"\sin(\pi/6)", "1/2"), (r"\cos(45^\circ)", r"\frac{\sqrt2}{2}"),
    (r"\tan(\pi/12)", r"2-\sqrt{3}"), ("e^2*e^3", "e^5"), (r"\sqrt{1/3}", r"\frac{\sqrt3}{3}"),
    # expressions
    ("(x+1)^2", "x^2+2x+1"), ("x+y", "y+x"), ("2(a+b)", "2a+2b"), (r"\frac{11+9a}{20}", r"\frac{9a}{20}+0.55"),
    (r"\frac{x^2-1}{x-1}", "x+1"), (r"\frac{x}{x}", "1"), ("x^{-2}", r"\frac{1}{x^2}"), ("(a+5)(b+2)", "(b+2)(a+5)"),
    (r"\sqrt{x}\sqrt{x}", "x"), (r"\sqrt{4x}", r"2\sqrt{x}"), (r"\sqrt[3]{x}", "x^{1/3}"), ("2^{x+1}", "2*2^x"),
    ("4^x", "2^{2x}"), ("6^x", "2^x*3^x"), ("e^{2x}e^{-x}", "e^x"), (r"\sin(x)+1", r"1+\sin(x)"), (r"\sin(2x)", r"\sin(x+x)"),
    ("(x-y)^3", "x^3-3x^2y+3xy^2-y^3"), (r"\frac{1}{x}+\frac{1}{y}", r"\frac{x+y}{xy}"), ("|x|", "|x|"),
    (r"\cot x", r"\cot(x)"), ("n!", "n!"), ("-(x-1)", "1-x"),
    # tuples, lists, sets, ±
    ("(1,2)", "(1, 4/2)"), ("1,2", "2,1"), (r"\{1,1,2\}", r"\{1,2\}"), (r"\{1,2\}", r"\{2,1\}"),
    (r"\pm 7", "7,-7"), (r"\pm 7", r"\{7,-7\}"), (r"\pm 7", "-7, 7"), (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
    (r"x = \pm 7", "x=7 or x=-7"), (r"\pm 7", "x=7 or x=-7"), (r"\{1\pm\sqrt{5},-2\}", r"\{-2,1-\sqrt5,1+\sqrt5\}"),
    ("1, 2", "x=1, x=2"), ("x=1 or x=2", "x=2 or x=1"), ("1,2", "x=2 or x=1"), (r"\emptyset", r"\{\}"),
    ("3, 5, 7", "7, 5, 3"), (r"\{(1,2),(3,4)\}", r"\{(3,4),(1,2)\}"), ("(x,y)=(1,2)", "(1,2)"), ("1, 2", r"\{1,2\}"),
    # intervals and inequalities
    ("[2,\\infty)", "x >= 2"), ("x>=2", "[2,\\infty)"), ("(1,3]", "1<x<=3"), ("(1,3]", "3>=x>1"),
    (r"(-\infty,1)\cup[1,2)", r"(-\infty,2)"), (r"(0,9)\cup(9,36)", r"(9,36)\cup(0,9)"), ("x \\in [-2,7]", "[-2,7]"),
    (r"(-\infty, 2) \cup (3, \infty)", "x<2 or x>3"), (r"(-\infty,\infty)", r"\mathbb{R}"), ("x>=2", "2<=x"),
    (r"(-\sqrt3,\sqrt3)", r"-\sqrt3<x<\sqrt3"), (r"[\frac{\pi^2}{8}, \frac{5\pi^2}{4}]", r"[\frac{\pi^2}{8}, \frac{10\pi^2}{8}]"),
    (r"\mathbb{R}\setminus\{3\}", r"(-\infty,3)\cup(3,\infty)"), ("x \\ne 3", r"(-\infty,3)\cup(3,\infty)"),
    (r"[1,2]\cup[2,3]", "[1,3]"), (r"[1,5]\cap[3,8]", "[3,5]"), (r"(1,2)\cup\{2\}", "(1,2]"), ("2x>4", "x>2"), ("-x<-2", "x>2"),
    # equations
    ("2x+2y=4", "x+y=2"), ("x+y=2", "2=x+y"), ("x=5", "5"), ("5=x", "5"), ("y=2x+3", "2x+3"), ("y=2x+3", "2x-y+3=0"),
    ("y=-2x", "2x=-y"), ("5x - 7y + 11z + 4 = 0", "-10x+14y-22z=8"), ("x=3+4=7", "7"), ("3+4=7", "7"), ("12*34=408", "408"),
    (r"\sqrt2 x = 2", r"x = \sqrt2"), ("x=1, y=2", "y=2, x=1"), ("x^2+y^2<4", "4>x^2+y^2"),
    # matrices
    (r"\begin{pmatrix}1/2 & 2\\3 & 4\end{pmatrix}", r"\begin{bmatrix}0.5 & 2\\3 & 4\end{bmatrix}"),
    # words and units
    (r"\text{Evelyn}", "evelyn"), (r"\text{(B)}", "B"), (r"\text{east}", "East"), (r"15\text{ cm}^2", "15"),
    (r"90^\circ", "90"), (r"\$18.90", "18.9"), (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}^\circ"),
    (r"\infty", r"+\infty"),
]  # fmt: skip

DIFFERENT = [
    # numbers
    ("1e-9", "0"), ("1e-9", "2e-9"), ("9007199254740993", "9007199254740992"), ("10^{310}", r"\infty"),
    ("10^{-330}", "0"), ("70%", "70"), ("70%", "0.007"), ("110_2", "110_3"), ("110_2", "110"), ("3", "3.0000001"),
    (r"2\frac{1}{3}", "2/3"), ("0.333", "1/3"), ("3.14", r"\pi"), (r"\sqrt2", "1.41421356237309504880"),
    (r"\infty", r"-\infty"), (r"\infty", r"\infty+1"), ("7", "-7"), (r"\sqrt{5}", r"\sqrt{6}"), ("3i", "3"), ("1+2i", "1-2i"),
    (r"\pi/2", "90"), ("e", "2.718281828459045"),
    # undefined
    ("0/0", "0/0"), ("1/0", "1/0"), ("0^0", "1"), ("0^0", "0^0"), (r"1/0", r"\infty"), (r"\ln(0)", r"\ln(0)"), ("5+0*(1/0)", "5"),
    (r"\tan(90^\circ)", r"\tan(90^\circ)"), (r"5+0\cdot\ln(0)", "5"), (r"\frac{1}{x-x}", r"\frac{1}{x-x}"), (r"\ln(1)/\ln(1)", "1"), (r"\frac{\sin(0)}{\ln(1)}", "1"),
    # expressions
    ("x", "y"), ("2k", "2n"), ("x^2", "x^3"), (r"\sqrt{x^2}", "x"), (r"\ln(x^2)", r"2\ln(x)"), ("(x+1)^2", "x^2+1"),
    (r"\sin(x)", r"\cos(x)"), ("2^x", "x^2"), ("|x|", "x"), ("x+1", "x-1"), (r"\sin(x)", "x"), ("n!", "n"), ("ab", "a+b"),
    # structures
    ("(1,2)", "(2,1)"), ("[1,2)", "(1,2]"), ("1,2", "1,3"), (r"\{1,2\}", r"\{1,2,3\}"), ("1,1,2", "1,2"), ("7", r"\pm 7"),
    (r"\pm 7", "7"), (r"\pm 7", "-7"), (r"\emptyset", "0"), (r"\{\emptyset\}", r"\emptyset"), (r"\{\emptyset\}", "0"), (r"\{0\}", r"\emptyset"),
    ("(1,2)", "1,2"), ("(1,2,3)", "(1,2)"), (r"\{7\}", "7"), ("x=1 or x=2", "x=1"), ("7", r"\{1,2,3,4,5,6,7,8,9\}"), ("7", r"\mathbb{N}"),
    ("x=1,y=2", "2,1"), ("x=1, y=2", "x=2, y=1"),
    (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty, 2)"), ("[2,\\infty)", "(2,\\infty)"), ("[2,\\infty)", "x>2"), ("[2,\\infty)", "x<=2"),
    ("[2,\\infty)", r"[2,\infty]"), ("x>=2", "y>=2"), ("(1,3]", "1<x<3"), (r"(1,2)\cup(2,3)", "(1,3)"), (r"\mathbb{R}", r"\mathbb{Q}"),
    ("7", "x>=7"), ("[1,2]", r"\{1,2\}"), ("(1,2)", "3"),
    # equations
    ("x=5", "y=5"), ("7", "6=7"), ("x", "x=x"), ("x=x", "x=x"), ("6=7", "6=7"), ("0=0", "1=1"), ("x+y=2", "x+y=3"), ("x<2", "x>2"),
    ("x=2", "x!=2"), ("x^2=4", "x=2"), ("xy=1", "y=2/x"), ("x>0", "-x>0"), ("7=7", "8"),
    # matrices
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"), (r"\begin{pmatrix}5\end{pmatrix}", "5"),
    # words and units
    (r"\text{tea}", r"\text{eat}"), (r"\text{yes}", r"\text{no}"), (r"\text{tea}", "7"), (r"5\text{ cm}", r"5\text{ m}"), (r"90^\circ", r"91^\circ"),
    (r"\text{(A)}", r"\text{(B)}"),
]  # fmt: skip

SLOW = [
    (r"\sin(x)^2+\cos(x)^2", "1", True), (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2", True), ("|x|", r"\sqrt{x^2}", True),
    (r"\sqrt{2+\sqrt3}", r"\frac{\sqrt6+\sqrt2}{2}", True), (r"2\sin(x)\cos(x)", r"\sin(2x)", True), (r"\sqrt[3]{x^3}", "x", True),
    (r"\tan(x)", r"\frac{\sin x}{\cos x}", True), (r"\arctan(1)", r"\frac{\pi}{4}", True), (r"\ln(x^2)", r"2\ln|x|", True),
    (r"\sqrt{x^2+2x+1}", "|x+1|", True), (r"e^{\ln 5}", "5", True), (r"\cos(2x)", r"1-2\sin^2(x)", True),
    (r"\sin(1)/\sin(1)", "1", True), (r"\frac{\sin^2(1)+\cos^2(1)-1}{\sin^2(1)+\cos^2(1)-1}", "1", False),
    (r"e^{\pi\sqrt{163}}", "262537412640768744", False), (r"\sqrt{4x+4}", r"2\sqrt{x+1}", True), (r"\sin(1)+10^{-200}", r"\sin(1)", False),
]  # fmt: skip


def decide(gold: str, given: str, rules: Rules = Rules()) -> Comparison:
    """What a grader does: the fast part, then the slow one."""
    trees = parse(gold, rules), parse(given, rules)
    found = compare(*trees, rules)
    return compare_slowly(*trees, rules) if found is None else found


@pytest.mark.parametrize(("left", "right"), SAME)
def test_same(left, right):
    for pair in ((left, right), (right, left), (left, left), (right, right)):
        assert compare(parse(pair[0]), parse(pair[1]), EASY) == (True, ""), pair


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different(left, right):
    for pair in ((left, right), (right, left)):
        found = decide(*pair, EASY)
        assert not found.is_equal and found.reason in ("wrong", "unit"), pair


@pytest.mark.parametrize(("left", "right", "is_equal"), SLOW)
def test_what_takes_sympy(left, right, is_equal):
    for pair in ((left, right), (right, left)):
        trees = parse(pair[0]), parse(pair[1])
        assert compare(*trees, EASY) is None, "decided fast: move it to the other tables"
        assert compare_slowly(*trees, EASY) == ((True, "") if is_equal else (False, "wrong")), pair


UNSOLVED = [
    ("408", "12*34"), ("5/2", "10/4"), ("4", r"\sqrt{16}"), ("1024", "2^{10}"), ("0", r"\sin(0)"), ("120", "5!"),
    ("x=5", "2x=10"), ("5", "x=2+3"), (r"\{1,2\}", r"\{1,4/2\}"), ("6", r"\binom{4}{2}"), ("7", "3+4"), ("7", "x=3+4"), ("54", "204_5"),
    ("x<2", "2x<4"), ("-1", "i^2"), ("100000", "10^5"), (r"\frac{\pi}{2}", r"\frac{2\pi}{4}"), ("x=-2 or x=2", "x^2=4"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "given"), UNSOLVED)
def test_the_question_is_no_answer(gold, given):
    assert decide(gold, given) in ((False, "unsolved"), (False, "wrong"))
    assert decide(gold, gold) == (True, "")
    if given != "x^2=4":
        assert decide(gold, given, EASY) == (True, "")


@pytest.mark.parametrize(
    ("gold", "given"),
    [("2^{100}", "4^{50}"), ("2^3*3^2", "72"), ("12*34", "408"), ("408", "12*34=408"), ("120000", "1.2*10^5"), ("x^2+2x+1", "(x+1)^2")],
)  # fmt: skip
def test_a_gold_that_is_not_worked_out_asks_for_no_more(gold, given):
    assert decide(gold, given) == (True, "")


@pytest.mark.parametrize(
    ("gold", "given", "rules", "reason"),
    [
        ("204_5", "54", {}, "form"),
        ("204_5", "204_5", {}, ""),
        ("0.7", "70", {"percent": "optional"}, "wrong"),
        ("70%", "70", {"percent": "optional"}, ""),
        ("70", "70%", {"percent": "optional"}, ""),
        ("70%", "0.7", {"percent": "value"}, ""),
        (r"5\text{ cm}", "5", {"units": "required"}, "unit"),
        (r"5\text{ cm}", r"5\text{ cm}", {"units": "required"}, ""),
        ("5", r"5\text{ cm}", {"units": "refused"}, "unit"),
        ("5", "5", {"units": "refused"}, ""),
        (r"5\text{ cm}", r"5\text{ m}", {}, "unit"),
        (r"5\text{ cm}", r"6\text{ m}", {}, "wrong"),
        ("1, 2", "2, 1", {"lists": "in_order"}, "wrong"),
        ("1, 2", "1, 2", {"lists": "in_order"}, ""),
        ("1, 2", r"\{1, 2\}", {"lists": "in_order"}, "wrong"),
        ("5", "x=5", {"assignments": False}, "wrong"),
        ("x=5", "x=5", {"assignments": False}, ""),
        (r"\text{Navin}", r"\text{navin}", {"ignore_case": False}, "wrong"),
        (r"\text{Navin}", r"\text{Navin}", {"ignore_case": False}, ""),
        ("3.14159", "3.14", {"decimals": 2}, ""),
        (r"\pi", "3.14", {"decimals": 2}, ""),
        (r"\pi", "3.15", {"decimals": 2}, "wrong"),
        ("0.125", "0.13", {"decimals": 2}, ""),
        ("-0.125", "-0.12", {"decimals": 2}, "wrong"),
        ("x^2+2x+1", "(x+1)^2", {"form": "expanded"}, "form"),
        ("x^2+2x+1", "1+2x+x^2", {"form": "expanded"}, ""),
        ("(x+1)(x-1)", "x^2-1", {"form": "factored"}, "form"),
        ("(x+1)(x-1)", "(x-1)(x+1)", {"form": "factored"}, ""),
        ("x/2", "2x/4", {"form": "simplified"}, "form"),
    ],
)
def test_rules(gold, given, rules, reason):
    assert decide(gold, given, Rules(**rules)) == (reason == "", reason)


@pytest.mark.parametrize(
    "text",
    [
        "7^{7^{7^7}}", "(10^8)!", r"\binom{10^8}{5*10^7}", "2*10^{888888888}", "(x+y+z)^{300}", "(x+1)^{50}(y+1)^{50}(z+1)^{50}",
        r"\sqrt{2}^{100000}", "((3^{1000})^{1000})^{1000}", "2^{0.5*10^9}", "(1/3)^{9999}", "((99999x+1)^{60})^{60}",
        r"\pm1\pm2\pm3\pm4\pm5", "2^{1/(10^{20})}",
    ],
)  # fmt: skip
def test_beyond_the_budgets(text):
    # the reader's own budgets are wider here, so that the trees arrive
    given = parse(text, budgets=Budgets(max_digits=2000))
    for pair in ((parse("7"), given), (given, parse("7"))):
        assert compare(*pair) == (False, "limit")
        assert compare_slowly(*pair) == (False, "limit")
    with pytest.raises(Refusal):
        equal(given, given)


def nested(head: str, depth: int) -> Node:
    node = Node("number", (), 2)
    for _ in range(depth):
        node = Node(head, (node, Node("number", (), 2))) if head == "root" else Node(head, (node,))
    return node


def test_depth_and_size_are_bounded():
    assert compare(Node("number", (), 2), nested("negate", 5000)) == (False, "limit")
    assert compare(nested("absolute", 101), Node("number", (), 2)) == (True, "")
    wide = Node("sum", tuple(Node("number", (), 1) for _ in range(5000)))
    assert compare(wide, wide) == (False, "limit")
    assert compare(nested("root", 40), Node("number", (), 3)) == (False, "wrong")


def test_a_number_is_compared_before_anything_else_is_made():
    assert compare(Node("number", (), 5), Node("number", (), 5)) == (True, "")
    assert compare(Node("number", (), 5), Node("number", (), 6)) == (False, "wrong")
