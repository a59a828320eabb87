from __future__ import annotations

import itertools
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node


def sketch(node: Node) -> str:
    """A tree in one line: numbers and names as they are, words quoted, all else head<value>(...)."""
    if node.head in ("number", "constant", "variable", "named_set"):
        return str(node.value)
    if node.head == "text":
        return repr(node.value)
    value = node.value if isinstance(node.value, str) else ",".join(map(str, node.value or ()))
    inner = ", ".join(map(sketch, node.args))
    return node.head + (f"<{value}>" if value else "") + (f"({inner})" if node.args else "")


READINGS = {
    # integers, decimals, thousands
    "7": "7",
    "+7": "7",
    "-7": "negate(7)",
    "−7": "negate(7)",
    "\u20137": "negate(7)",
    "  42 \n": "42",
    "2.5": "5/2",
    ".5": "1/2",
    "5.": "5",
    "2.000": "2",
    ".0000672": "21/312500",
    "1,234,567": "1234567",
    "1,234.5": "2469/2",
    "1{,}234": "1234",
    "1\\,234": "1234",
    "10,\\!080": "10080",
    "1\\!,234": "1234",
    "11,\\! 111,\\! 111,\\! 100": "11111111100",
    "1,23": "list(1, 23)",
    "1,234,56": "list(1, 234, 56)",
    "1234,567": "list(1234, 567)",
    "1.5,234,567": "list(3/2, 234, 567)",
    "(1,234)": "tuple(1, 234)",
    "\\frac{1,234}{5}": "divide(1234, 5)",
    # scientific, repeating, percent, based, mixed
    "1e5": "100000",
    "1.2E-3": "3/2500",
    "1.2\\times 10^{5}": "120000",
    "1.2 × 10⁵": "120000",
    "1.5*10^-2": "3/200",
    "3\\times 10^5": "product(3, power(10, 5))",
    "2e": "product(2, e)",
    "0.\\overline{3}": "1/3",
    "0.(3)": "1/3",
    "0.3\u0304": "1/3",
    "0.1\u03052\u0305": "4/33",
    "0.1\\overline{6}": "1/6",
    "0.\\overline{9}": "1",
    "70\\%": "percent(70)",
    "70 %": "percent(70)",
    "70 percent": "percent(70)",
    "110_2": "based<110,2>",
    "110_{2}": "based<110,2>",
    "110_{\\text{two}}": "based<110,2>",
    "1A_{16}": "based<1A,16>",
    "2\\frac{1}{3}": "mixed(2, divide(1, 3))",
    "2\\frac13": "mixed(2, divide(1, 3))",
    "137 \\frac{1}{2}": "mixed(137, divide(1, 2))",
    "2 1/3": "mixed(2, divide(1, 3))",
    "2¾": "mixed(2, divide(3, 4))",
    "-2\\frac{1}{3}": "negate(mixed(2, divide(1, 3)))",
    "2\\frac{x}{3}": "product(2, divide(x, 3))",
    "2\\frac{\\sqrt{3}}{3}": "product(2, divide(root(3, 2), 3))",
    # arithmetic
    "3/4": "divide(3, 4)",
    "\\frac{3}{4}": "divide(3, 4)",
    "\\dfrac34": "divide(3, 4)",
    "\\frac 59": "divide(5, 9)",
    "\\frac9{19}": "divide(9, 19)",
    "\\frac{270}7": "divide(270, 7)",
    "\\frac\\pi2": "divide(pi, 2)",
    "\\frac ab": "divide(a, b)",
    "\\frac12x": "product(divide(1, 2), x)",
    "-\\frac{3}{4}": "negate(divide(3, 4))",
    "\\frac{-3}{4}": "divide(negate(3), 4)",
    "12*34": "product(12, 34)",
    "12\\cdot 34": "product(12, 34)",
    "2*3*4": "product(2, 3, 4)",
    "2*(3*4)": "product(2, product(3, 4))",
    "a/b*c": "product(divide(a, b), c)",
    "a/b/c": "divide(divide(a, b), c)",
    "1/2x": "product(divide(1, 2), x)",
    "6÷2": "divide(6, 2)",
    "3:4": "divide(3, 4)",
    "7 \\bmod 3": "function<mod>(7, 3)",
    "a-b+c": "sum(a, negate(b), c)",
    "a-(b+c)": "sum(a, negate(sum(b, c)))",
    "2*-3": "product(2, negate(3))",
    "--5": "negate(negate(5))",
    "-x^2": "negate(power(x, 2))",
    "(-2)^2": "power(negate(2), 2)",
    "-2x": "negate(product(2, x))",
    "2**3": "power(2, 3)",
    "2^3^2": "power(2, power(3, 2))",
    "x^10": "power(x, 10)",
    "x^{10}y": "product(power(x, 10), y)",
    "2^-3": "power(2, negate(3))",
    "7²": "power(7, 2)",
    "x⁻¹": "power(x, negate(1))",
    "x^3/2": "divide(power(x, 3), 2)",
    "e^{i\\pi}": "power(e, product(i, pi))",
    "5!": "factorial(5)",
    "n! + 1": "sum(factorial(n), 1)",
    "\\sqrt{2}": "root(2, 2)",
    "\\sqrt3": "root(3, 2)",
    "√2": "root(2, 2)",
    "√2x": "product(root(2, 2), x)",
    "\\sqrt[3]{5}": "root(5, 3)",
    "cbrt(x)": "root(x, 3)",
    "sqrt(x+1)": "root(sum(x, 1), 2)",
    "11\\sqrt2": "product(11, root(2, 2))",
    "|x-1|": "absolute(sum(x, negate(1)))",
    "||x|-1|": "absolute(sum(absolute(x), negate(1)))",
    "2|x|": "product(2, absolute(x))",
    "\\left|\\frac{x}{2}\\right|": "absolute(divide(x, 2))",
    "\\lfloor x \\rfloor": "floor(x)",
    "⌈x⌉": "ceiling(x)",
    "1 \\pm \\sqrt{19}": "plus_minus(1, root(19, 2))",
    "\\pm 7": "plus_minus(7)",
    "±x+1": "sum(plus_minus(x), 1)",
    # names and products of letters
    "2x": "product(2, x)",
    "3\\pi": "product(3, pi)",
    "2(x+1)": "product(2, sum(x, 1))",
    "(x+1)(x-1)": "product(sum(x, 1), sum(x, negate(1)))",
    "xy": "product(x, y)",
    "yx": "product(y, x)",
    "xe^x": "product(x, power(e, x))",
    "{1 \\over 2}": "divide(1, 2)",
    "2 + {x+1 \\over 2}": "sum(2, divide(sum(x, 1), 2))",
    "{\\bf 7}": "7",
    "2abc": "product(2, a, b, c)",
    "2xy^2": "product(2, x, power(y, 2))",
    "a+bi": "sum(a, product(b, i))",
    "x_1": "x_1",
    "x_{12}": "x_12",
    "a_{\\text{max}}": "a_max",
    "\\alpha": "alpha",
    "α": "alpha",
    "2πr": "product(2, pi, r)",
    "pi": "pi",
    "\\infty": "infinity",
    "-\\infty": "negate(infinity)",
    "\\mathbf{v}": "v",
    "\\mathrm{A}": "A",
    # functions
    "\\sin x": "function<sin>(x)",
    "sin(x)": "function<sin>(x)",
    "sinx": "function<sin>(x)",
    "\\sin 2x": "function<sin>(product(2, x))",
    "\\sin^2 x": "power(function<sin>(x), 2)",
    "\\sin(x)^2": "power(function<sin>(x), 2)",
    "\\sin x^2": "function<sin>(power(x, 2))",
    "\\sin^{-1} x": "function<arcsin>(x)",
    "arctan 1": "function<arctan>(1)",
    "2\\sin x\\cos x": "product(2, function<sin>(x), function<cos>(x))",
    "\\ln(x+1)": "function<ln>(sum(x, 1))",
    "\\log_2 8": "function<log>(8, 2)",
    "\\log_{10} x": "function<log>(x, 10)",
    "\\log 5": "function<log>(5, 10)",
    "log(8, 2)": "function<log>(8, 2)",
    "\\gcd(12, 18)": "function<gcd>(12, 18)",
    "\\max\\{1, 2\\}": "function<max>(1, 2)",
    "\\operatorname{lcm}(4, 6)": "function<lcm>(4, 6)",
    "\\binom{5}{2}": "function<binomial>(5, 2)",
    "\\binom52": "function<binomial>(5, 2)",
    # statements
    "x=5": "relation<=>(x, 5)",
    "x = 5.": "relation<=>(x, 5)",
    "x \\ne 3": "relation<!=>(x, 3)",
    "1<x\\le 3": "relation<<,<=>(1, x, 3)",
    "x≥2": "relation<>=>(x, 2)",
    "x \\in [-2,7]": "relation<in>(x, interval<[]>(negate(2), 7))",
    "x in [1,2]": "relation<in>(x, interval<[]>(1, 2))",
    "x=1 or x=2": "either(relation<=>(x, 1), relation<=>(x, 2))",
    "x=1 \\text{ or } x=2": "either(relation<=>(x, 1), relation<=>(x, 2))",
    "$x=1$ or $x=2$": "either(relation<=>(x, 1), relation<=>(x, 2))",
    "1, 2, or 3": "either(1, 2, 3)",
    "1, 2, and 3": "list(1, 2, 3)",
    "x=1, y=2 or x=3, y=4": "either(list(relation<=>(x, 1), relation<=>(y, 2)), "
    "list(relation<=>(x, 3), relation<=>(y, 4)))",
    "1,-2": "list(1, negate(2))",
    "3, 5, 7": "list(3, 5, 7)",
    "1; 2": "list(1, 2)",
    # collections
    "(1,2)": "tuple(1, 2)",
    "\\left( 3, \\frac{\\pi}{2} \\right)": "tuple(3, divide(pi, 2))",
    "\\langle 1, 2 \\rangle": "tuple(1, 2)",
    "[1,2]": "interval<[]>(1, 2)",
    "[1,2)": "interval<[)>(1, 2)",
    "(1,2]": "interval<(]>(1, 2)",
    "(-\\infty, 0]": "interval<(]>(negate(infinity), 0)",
    "[1,2,3]": "tuple(1, 2, 3)",
    "(5)": "5",
    "\\{1,2\\}": "set(1, 2)",
    "{1,2}": "set(1, 2)",
    "\\{5\\}": "set(5)",
    "{5}": "5",
    "\\{1,1,2\\}": "set(1, 1, 2)",
    "{}": "empty_set",
    "\\{\\}": "empty_set",
    "\\emptyset": "empty_set",
    "∅": "empty_set",
    "\\{\\emptyset\\}": "set(empty_set)",
    "(0,9) \\cup (9,36)": "union(tuple(0, 9), tuple(9, 36))",
    "(-inf,2) U (3,inf)": "union(tuple(negate(infinity), 2), tuple(3, infinity))",
    "[1,2] ∩ [2,3]": "intersection(interval<[]>(1, 2), interval<[]>(2, 3))",
    "\\mathbb{R} \\setminus \\{0\\}": "difference(R, set(0))",
    "ℝ - {0, 1}": "difference(R, set(0, 1))",
    "\\mathbb{N}": "N",
    "\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}": "matrix(row(negate(divide(1, 3))), row(divide(2, 3)))",
    "\\begin{bmatrix}1&2\\\\3&4\\\\\\end{bmatrix}": "matrix(row(1, 2), row(3, 4))",
    "\\left(\\begin{array}{cc}1&2\\end{array}\\right)": "matrix(row(1, 2))",
    "[[1,2],[3,4]]": "matrix(row(1, 2), row(3, 4))",
    "\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}": "absolute(matrix(row(1, 2), row(3, 4)))",
    # units
    "5 \\text{ cm}^2": "quantity<cm^2>(5)",
    "15\\mbox{ cm}^2": "quantity<cm^2>(15)",
    "864 \\mbox{ inches}^2": "quantity<in^2>(864)",
    "5 cm": "quantity<cm>(5)",
    "5 square inches": "quantity<in^2>(5)",
    "5\\text{ m}": "quantity<m>(5)",
    "5m": "product(5, m)",
    "60 km/h": "quantity<km/h>(60)",
    "60\\text{ miles per hour}": "quantity<mph>(60)",
    "$5": "quantity<$>(5)",
    "\\$32,\\!348": "quantity<$>(32348)",
    "-\\$5": "quantity<$>(negate(5))",
    "5 dollars": "quantity<$>(5)",
    "\\$15 per hour": "quantity<$/h>(15)",
    "$5 million": "quantity<$>(5000000)",
    "3.2 million": "3200000",
    "12 apples": "quantity<apple>(12)",
    "5.4 \\text{ cents}": "quantity<cent>(27/5)",
    "90^\\circ": "degrees(90)",
    "90°": "degrees(90)",
    "\\frac{270}7\\text{ degrees}": "degrees(divide(270, 7))",
    "-20°C": "quantity<°C>(negate(20))",
    "3\\sqrt{2} \\text{ cm}": "quantity<cm>(product(3, root(2, 2)))",
    "$5$ cm": "quantity<cm>(5)",
    # words and wrappings
    "\\text{Evelyn}": "'Evelyn'",
    "tea": "'tea'",
    "eat": "'eat'",
    "\\text{tea}": "'tea'",
    "no solution": "'no solution'",
    "ice-cream": "'ice-cream'",
    "Room 5": "'Room 5'",
    "TH": "'TH'",
    "\\text{(C)}": "C",
    "(C)": "C",
    "\\text{A}": "A",
    "\\text{5 cm}": "quantity<cm>(5)",
    "\\text{12 or so (?)}": "'12 or so (?)'",
    "$7$": "7",
    "\\(7\\)": "7",
    "\\[7\\]": "7",
    "$$7$$": "7",
    "\\boxed{7}": "7",
    "$\\boxed{x=\\frac12}$.": "relation<=>(x, divide(1, 2))",
    '"tea"': "'tea'",
    "\\displaystyle \\frac{1}{2}": "divide(1, 2)",
    "1\\ +\\;2": "sum(1, 2)",
}


@pytest.mark.parametrize("text", READINGS)
def test_a_text_is_read_as(text):
    assert sketch(parse(text)) == READINGS[text]


UNPARSED = [
    "", " ", ".", "$", "$$", "{", "}", "(", ")", "\\", "\\boxed{}", "\\text{}", "$ $", "-", "1+", "*2",
    "=5", "x=", "()", "(1", "1)", "(1]", "[1,2,3)", "1,", ",1", "1,,2", "\\{1,...,9\\}", "...", "0.333...",
    "1..2", "1.2.3", "2 000", "2 3", "007", "(1,000)", "x2", "(2)3", "5!!", "2^3!", "1:2:3",
    "\\{x : x > 1\\}", "2\\frac{5}{3}", "2 5/3", "\\frac123", "\\frac{1}", "\\frac{1}23", "\\sqrt", "\\sin",
    "\\sin^{-2} x", "\\gcd(2)", "sin(1, 2)", "129_8", "12_1", "12_{99}", "12_{zwei}", "x = 1 = \\text{and}",
    "1,2;3", "A \\cup B \\cap C", "1 \\cup 2", "x + tea", "\\{1\\} + 2", "5 cm cm + 1", "7 is wrong",
    "5 not", "1 \\mp 2", "x \\approx 3", "\\foo", "5$", "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}",
    "\\begin{pmatrix}1", "\\begin{evil}1\\end{evil}", "\\mathbb{X}", "\\sum_{k=1}^{10^{12}}k",
    "\\int_0^1 x", "__import__('os').system('id')", "exec('x')", "quit()",
    "().__class__.__bases__[0].__subclasses__()", "\\pi*open('f','w')", "[open('f','w')]",
    "Symbol('y1', real=True)", "setattr(sympy,'Eq',1)", "\\write18{rm}", "!!python/object:os.system", "a@b",
    "x'", "5#", "\\text{a", "\\left. x \\right|",
]  # fmt: skip


@pytest.mark.parametrize("text", UNPARSED)
def test_a_text_that_is_no_answer_is_refused(text):
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert caught.value.reason == "unparsed"


BEYOND = {
    "digits": "9" * 1001,
    "exponent": "2e888888888",
    "long exponent": "1e" + "9" * 500,
    "negative exponent": "1.0e-99999",
    "scientific": "1.2\\times 10^{99999}",
    "parentheses": "(" * 900,
    "closed parentheses": "(" * 101 + "1" + ")" * 101,
    "braces": "{" * 900,
    "fractions": "\\frac{1}{" * 200,
    "roots": "√" * 1000 + "2",
    "radicals": "\\sqrt{" * 101 + "2" + "}" * 101,
    "powers": "2^" * 500 + "2",
    "divisions": "1" + "/2" * 400,
    "signs": "-" * 500 + "1",
    "percents": "1" + "%" * 500,
    "functions": "\\sin " * 300 + "x",
    "bars": "|" * 900,
    "tokens": "1+" * 999 + "1",
    "characters": "1 " * 1001,
    "huge": "(" * 10**5,
    "nested far": "\\frac{" * 3000,
    "digits far": "7" * 10**5,
    "boxes": "\\boxed{" * 10**4,
    "dollars": "$" * 10**4,
}


@pytest.mark.parametrize("name", BEYOND)
def test_a_text_beyond_a_budget_is_refused_as_such(name):
    with pytest.raises(Refusal) as caught:
        parse(BEYOND[name])
    assert caught.value.reason == "limit"


def test_a_tree_within_the_budget_of_depth_is_read():
    assert parse("(" * 99 + "1" + ")" * 99) == Node("number", (), 1)
    assert parse("\\sqrt{" * 40 + "2" + "}" * 40).head == "root"


def test_the_digits_of_the_interpreter_are_no_error():
    wide = Budgets(max_digits=10**6, max_answer_chars=10**6)
    with pytest.raises(Refusal) as caught:
        parse("9" * (sys.get_int_max_str_digits() + 1), budgets=wide)
    assert caught.value.reason == "limit"


def test_the_stack_of_the_interpreter_is_no_error():
    deep = Budgets(max_depth=10**6, max_answer_chars=10**6, max_tokens=10**6)
    with pytest.raises(Refusal) as caught:
        parse("(" * 10**5, budgets=deep)
    assert caught.value.reason == "limit"


def test_budgets_also_hold_for_plain_numbers():
    with pytest.raises(Refusal):
        parse("123456", budgets=Budgets(max_digits=5))
    with pytest.raises(Refusal):
        parse("123456", budgets=Budgets(max_answer_chars=5))


def test_rules_of_reading():
    assert sketch(parse("1,234", Rules(thousands="none"))) == "list(1, 234)"
    assert sketch(parse("1{,}234", Rules(thousands="none"))) == "1234"
    assert sketch(parse("\\log 5", Rules(log_base="e"))) == "function<log>(5, e)"
    assert sketch(parse("\\lg 5", Rules(log_base="e"))) == "function<log>(5, 10)"


@pytest.mark.parametrize("words", ["tea", "HT", "TTH", "xyz", "abc", "listen", "PQR", "no", "act"])
def test_no_word_equals_its_anagram(words):
    def letters(node: Node) -> tuple[str, ...]:
        return (sketch(node),) if node.head == "text" else tuple(sorted(map(sketch, node.args)))

    orders = (
        {"".join(order) for order in itertools.permutations(words)} if len(words) < 6 else {words, "silent"}
    )
    assert len({letters(parse(order)) for order in orders}) == len(orders)


FAST = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(st.integers(-999, 999), st.text("0123456789", max_size=6)).map(
        lambda pair: f"{pair[0]}.{pair[1]}"
    ),
    st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda pair: f"-\\frac{{{pair[0]}}}{{{pair[1]}}}"),
)


@given(FAST)
def test_plain_numbers_are_read_as_by_the_grammar(text):
    assert parse(text) == parse("{" + text + "}")


PIECES = st.sampled_from(
    [
        *"\\frac{ \\sqrt \\text{ \\left( \\right) \\pi \\cup \\begin{pmatrix} \\{ \\} \\sin".split(),
        *"\\end{pmatrix} \\boxed{ { } ( ) [ ] | + - * / ^ _ = < > , ; : ! % & $ . \\\\ 1 23".split(),
        *"0 .5 1,234 e x xy tea cm or and in mod U ² ¾ ± ° √ \u202e \x00 \ud800 π ٣ а".split(),
        " ",
        "\n",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(st.characters(), max_size=40)))
def test_any_text_is_a_tree_or_a_refusal(text):
    try:
        assert isinstance(parse(text), Node)
    except Refusal as refusal:
        assert refusal.reason in ("unparsed", "limit")
