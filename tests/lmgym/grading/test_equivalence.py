"""Tables of answers that are and are not the same, tried in both orders through the parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.equivalence import Comparison, compare, compare_slowly, equal
from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

DEFAULT = Rules()
EASY = Rules(must_be_solved=False)

PAIRS = [
    line.split("  ")
    for line in (Path(__file__).parent / "answer_pairs.txt").read_text("utf-8").splitlines()[3:]
    if line and not line.startswith("# ")
]


def pairs(sign: str) -> list[tuple[str, str]]:
    """The pairs of the file with this sign between them."""
    return [(left, right) for left, found, right in PAIRS if found == sign]


def decide(gold: str, given: str, rules: Rules = DEFAULT) -> Comparison:
    """What a grader does: the fast part, then the slow one."""
    trees = parse(gold, rules), parse(given, rules)
    found = compare(*trees, rules)
    return compare_slowly(*trees, rules) if found is None else found


@pytest.mark.parametrize(("left", "right"), pairs("~"))
def test_same(left, right):
    for pair in ((left, right), (right, left), (left, left), (right, right)):
        assert compare(parse(pair[0]), parse(pair[1]), EASY) == (True, ""), pair


@pytest.mark.parametrize(("left", "right"), pairs("!"))
def test_different(left, right):
    for pair in ((left, right), (right, left)):
        found = decide(*pair, EASY)
        assert not found.is_equal and found.reason in ("wrong", "unit"), pair


@pytest.mark.parametrize(
    ("left", "right", "is_equal"), [(*pair, s == "?~") for s in ("?~", "?!") for pair in pairs(s)]
)
def test_what_takes_sympy(left, right, is_equal):
    for pair in ((left, right), (right, left)):
        trees = parse(pair[0]), parse(pair[1])
        assert compare(*trees, EASY) is None, "decided fast: it needs another sign"
        assert compare_slowly(*trees, EASY) == ((True, "") if is_equal else (False, "wrong")), pair


UNSOLVED = [
    ("408", "12*34"),
    ("5/2", "10/4"),
    ("4", r"\sqrt{16}"),
    ("1024", "2^{10}"),
    ("0", r"\sin(0)"),
    ("120", "5!"),
    ("x=5", "2x=10"),
    ("5", "x=2+3"),
    (r"\{1,2\}", r"\{1,4/2\}"),
    ("6", r"\binom{4}{2}"),
    ("7", "3+4"),
    ("7", "x=3+4"),
    ("54", "204_5"),
    ("x<2", "2x<4"),
    ("-1", "i^2"),
    ("100000", "10^5"),
    (r"\frac{\pi}{2}", r"\frac{2\pi}{4}"),
    ("x=-2 or x=2", "x^2=4"),
]


@pytest.mark.parametrize(("gold", "given"), UNSOLVED)
def test_the_question_is_no_answer(gold, given):
    assert decide(gold, given) in ((False, "unsolved"), (False, "wrong"))
    assert decide(gold, gold) == (True, "")
    if given != "x^2=4":
        assert decide(gold, given, EASY) == (True, "")


@pytest.mark.parametrize(
    ("gold", "given"),
    [
        ("2^{100}", "4^{50}"),
        ("2^3*3^2", "72"),
        ("12*34", "408"),
        ("408", "12*34=408"),
        ("120000", "1.2*10^5"),
        ("x^2+2x+1", "(x+1)^2"),
    ],
)
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
        "7^{7^{7^7}}",
        "(10^8)!",
        r"\binom{10^8}{5*10^7}",
        "2*10^{888888888}",
        "(x+y+z)^{300}",
        "(x+1)^{50}(y+1)^{50}(z+1)^{50}",
        r"\sqrt{2}^{100000}",
        "((3^{1000})^{1000})^{1000}",
        "2^{0.5*10^9}",
        "(1/3)^{9999}",
        "((99999x+1)^{60})^{60}",
        r"\pm1\pm2\pm3\pm4\pm5",
        "2^{1/(10^{20})}",
    ],
)
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
