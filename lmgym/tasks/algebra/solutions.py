"""Checking the answers of equations, systems and inequalities: every solution, once, worked out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lmgym.grading.budgets import Budgets
from lmgym.grading.equality.equivalence import compare
from lmgym.grading.equality.values import exact_value
from lmgym.grading.exact import Number, digit_credit
from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node
from lmgym.tasks.algebra.intervals import ALL, EVERYTHING, NOTHING, Intervals, read_intervals
from lmgym.tasks.algebra.quadratic import Quadratic
from lmgym.tasks.algebra.systems import UNKNOWNS

Judgement = tuple[str, float]
"""The reason ("" if right) and the share of the answer that is right, in [0, 1]."""

RULES = Rules(thousands="none")
BUDGETS = Budgets(
    max_chars=2_000,
    max_answer_chars=400,
    max_tokens=200,
    max_depth=30,
    max_digits=60,
    max_exponent=60,
    max_degree=16,
    max_terms=200,
)
WRONG: Judgement = ("wrong", 0.0)
UNPARSED: Judgement = ("unparsed", 0.0)

_PHRASES = {
    EVERYTHING: EVERYTHING,
    "all real numbers": EVERYTHING,
    "all reals": EVERYTHING,
    "all real x": EVERYTHING,
    "r": EVERYTHING,
    NOTHING: NOTHING,
    "no solution": NOTHING,
    "no solutions": NOTHING,
    "no real solution": NOTHING,
    "no real solutions": NOTHING,
    "no real roots": NOTHING,
}


def read_phrase(text: str) -> str | None:
    """Returns ``EVERYTHING`` or ``NOTHING`` if ``text`` says so in words, else None."""
    if len(text) > 40:
        return None
    return _PHRASES.get(text.strip().rstrip(".").lower())


@lru_cache(maxsize=4096)
def read_own(text: str) -> Node:
    """Returns the tree of a text of ours."""
    return parse(text, RULES, BUDGETS)


def judge_linear(root: Number, node: Node) -> Judgement:
    """Judges the solution of a linear equation: ``x=5`` or ``5``."""
    value = _assigned(node, "x")
    if value is None:
        return UNPARSED
    reason = _match(str(root), value)
    if not reason:
        return "", 1.0
    given = exact_value(value, BUDGETS) if reason == "wrong" else None
    return reason, 0.0 if given is None else digit_credit(given, root)


def judge_quadratic(truth: Quadratic, node: Node) -> Judgement:
    """Judges the real solutions of an equation: ``2, 3`` or ``x=2 or x=3``, in any order."""
    values = _listed(node)
    if values is None:
        return UNPARSED
    open_roots, reasons = [root.text for root in truth.roots], list[str]()
    for value in values:
        found = {root: _match(root, value) for root in open_roots}
        right = next((root for root, reason in found.items() if not reason), None)
        if right is not None:
            open_roots.remove(right)
        else:
            reasons.append(next((reason for reason in found.values() if reason != "wrong"), "wrong"))
    num_right = len(truth.roots) - len(open_roots)
    if not open_roots and not reasons:
        return "", 1.0
    return (reasons or ["wrong"])[0], num_right / max(len(truth.roots), len(values))


def judge_system(truth: tuple[Number, ...], node: Node) -> Judgement:
    """Judges the solution of a system: ``(3,2)`` in the order of the unknowns, or ``x=3, y=2`` in any."""
    names = UNKNOWNS[: len(truth)]
    if node.head not in ("tuple", "list") or len(node.args) != len(truth):
        return UNPARSED
    if all(arg.head == "relation" for arg in node.args):
        found = {
            name: value for arg in node.args for name in names if (value := _side(arg, name)) is not None
        }
        values: Sequence[Node | None] = [found.get(name) for name in names]
    else:
        values = node.args
    reasons = [
        "unparsed" if value is None else _match(str(right), value)
        for value, right in zip(values, truth, strict=True)
    ]
    wrong = [reason for reason in reasons if reason]
    return (wrong or [""])[0], 1 - len(wrong) / len(reasons)


def judge_inequality(truth: Intervals, text: str, node: Node | None) -> Judgement:
    """Judges the solutions of an inequality: relations, intervals, or the words for all and none."""
    phrase = read_phrase(text)
    if phrase is not None:
        given: Intervals | None = (ALL,) if phrase == EVERYTHING else ()
    else:
        given = None if node is None else read_intervals(node, BUDGETS)
    if given is None:
        return UNPARSED
    if given == truth:
        return "", 1.0
    parts, right = set(given), set(truth)
    return "wrong", len(parts & right) / max(len(parts), len(right), 1)


def _match(right: str, value: Node) -> str:
    """Returns why ``value`` is not the number that ``right`` says, "" if it is."""
    found = compare(read_own(right), value, RULES, BUDGETS)
    return "undecided" if found is None else found.reason


def _assigned(node: Node, name: str) -> Node | None:
    """Returns the value that ``node`` gives, bare or as ``name = value``."""
    return _side(node, name) if node.head == "relation" else node


def _side(node: Node, name: str) -> Node | None:
    """Returns b of ``name = b`` (or ``b = name``), None if it is no such relation."""
    if node.head != "relation" or node.value != ("=",):
        return None
    left, right = node.args
    variable = Node("variable", (), name)
    return right if left == variable else left if right == variable else None


def _listed(node: Node) -> list[Node] | None:
    """Returns the values that are listed, ± taken apart; None if the text is no list of values."""
    if node.head in ("either", "list", "set"):
        parts = [_listed(arg) for arg in node.args]
        return None if None in parts else [value for part in parts if part is not None for value in part]
    if node.head == "empty_set":
        return []
    value = _assigned(node, "x")
    if value is None:
        return None
    if value.head == "relation" or value.head in ("list", "set"):
        return _listed(value)
    if value.head == "plus_minus":
        *first, last = value.args
        return [Node("sum", (*first, sign)) if first else sign for sign in (last, Node("negate", (last,)))]
    if value.head == "divide" and value.args[0].head == "plus_minus":  # (1 ± sqrt(5))/2
        tops = _listed(value.args[0]) or []
        return [Node("divide", (top, value.args[1])) for top in tops]
    return [value]
