"""What the grader accepts is equal in numbers: an evaluator of our own checks random pairs of expressions."""

from __future__ import annotations

import random

import mpmath
import pytest

from lmgym.grading import Policy, Rules, grade

EQUAL_IS_ENOUGH = Policy(rules=Rules(must_be_solved=False))
DIGITS = 40

Tree = int | str | tuple
"""An integer, a variable, or (operator, operand, …)."""

WRITTEN = {
    "+": "({}+{})", "-": "({}-{})", "*": "({}\\cdot {})", "/": "\\frac{{{}}}{{{}}}", "^": "({})^{{{}}}",
    "sqrt": "\\sqrt{{{}}}", "sin": "\\sin({})", "cos": "\\cos({})", "tan": "\\tan({})", "exp": "e^{{{}}}",
    "ln": "\\ln({})", "abs": "|{}|", "arctan": "\\arctan({})",
}  # fmt: skip
COMPUTED = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "^": lambda a, b: a**b, "sqrt": mpmath.sqrt, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan,
    "exp": mpmath.exp, "ln": mpmath.log, "abs": abs, "arctan": mpmath.atan,
}  # fmt: skip
UNARY = ("sqrt", "sin", "cos", "tan", "exp", "ln", "abs", "arctan")


def write(tree: Tree) -> str:
    if not isinstance(tree, tuple):
        return str(tree)
    return WRITTEN[tree[0]].format(*map(write, tree[1:]))


def value(tree: Tree, point: dict[str, mpmath.mpf]) -> mpmath.mpc:
    if isinstance(tree, tuple):
        return COMPUTED[tree[0]](*(value(operand, point) for operand in tree[1:]))
    return mpmath.mpc(point[tree] if isinstance(tree, str) else tree)


def make_tree(rng: random.Random, depth: int, leaves: list) -> Tree:
    kind = rng.random()
    if depth == 0 or kind < 0.15:
        return rng.choice(leaves)
    if kind < 0.45:
        return (rng.choice(UNARY), make_tree(rng, depth - 1, leaves))
    if kind < 0.6:
        return ("^", make_tree(rng, depth - 1, leaves), rng.choice([2, 3, ("/", 1, 2), ("-", 0, 1)]))
    return (rng.choice("+-*/"), make_tree(rng, depth - 1, leaves), make_tree(rng, depth - 1, leaves))


# Rules that hold nearly everywhere, everywhere, or only where people forget that they do not.
REWRITES = [
    lambda t: ("+", t[2], t[1]) if t[0] == "+" else None,
    lambda t: ("*", t[2], t[1]) if t[0] == "*" else None,
    lambda t: ("/", ("*", t[1], 2), ("*", 2, t[2])) if t[0] == "/" else None,
    lambda t: ("*", t[1], t[1]) if t[0] == "^" and t[2] == 2 else None,
    lambda t: ("sqrt", t[1]) if t[0] == "^" and t[2] == ("/", 1, 2) else None,
    lambda t: ("/", 1, t[1]) if t[0] == "^" and t[2] == ("-", 0, 1) else None,
    lambda t: ("/", ("sin", t[1]), ("cos", t[1])) if t[0] == "tan" else None,
    lambda t: ("-", 0, ("sin", ("-", 0, t[1]))) if t[0] == "sin" else None,
    lambda t: ("cos", ("-", 0, t[1])) if t[0] == "cos" else None,
    lambda t: ("*", ("sqrt", t[1][1]), ("sqrt", t[1][2])) if t[0] == "sqrt" and is_a(t[1], "*") else None,
    lambda t: t[1][1] if t[0] == "sqrt" and is_a(t[1], "^") and t[1][2] == 2 else None,
    lambda t: ("+", ("ln", t[1][1]), ("ln", t[1][2])) if t[0] == "ln" and is_a(t[1], "*") else None,
    lambda t: ("*", t[1][2], ("ln", t[1][1])) if t[0] == "ln" and is_a(t[1], "^") else None,
    lambda t: t[1][1] if t[0] == "ln" and is_a(t[1], "exp") else None,
    lambda t: t[1][1] if t[0] == "arctan" and is_a(t[1], "tan") else None,
    lambda t: t[1] if t[0] == "abs" else None,
    lambda t: ("abs", t[1]) if t[0] == "sin" else None,
    lambda t: ("-", t[2], t[1]) if t[0] == "-" else None,
    lambda t: ("+", ("^", t[1][1], 2), ("^", t[1][2], 2)) if t[0] == "^" and is_a(t[1], "+") else None,
    lambda t: ("+", t, 1),
    lambda t: ("*", t, 2),
]


def is_a(tree: Tree, operator: str) -> bool:
    return isinstance(tree, tuple) and tree[0] == operator


def rewrite(tree: Tree, rng: random.Random) -> Tree:
    """Applies one rule at one place, where there is any."""
    places = [(tree, lambda new: new)]
    found = []
    while places:
        part, put = places.pop()
        if not isinstance(part, tuple):
            continue
        found += [(put, new) for rule in REWRITES if (new := rule(part)) is not None]
        for index in range(1, len(part)):
            if part[0] != "^" or index == 1:
                places.append(
                    (part[index], lambda new, p=put, t=part, i=index: p((*t[:i], new, *t[i + 1 :])))
                )
    if not found:
        return tree
    put, new = rng.choice(found)
    return put(new)


def agree(left: Tree, right: Tree, points: list[dict[str, mpmath.mpf]]) -> bool | None:
    """Returns whether both are equal at every point, None where that can't be told."""
    num_told = 0
    for point in points:
        try:
            one, other = value(left, point), value(right, point)
        except (ZeroDivisionError, OverflowError, ValueError):
            continue
        if not (mpmath.isfinite(one) and mpmath.isfinite(other)) or max(abs(one), abs(other)) > 1e15:
            continue
        if abs(one - other) > mpmath.mpf(10) ** (15 - DIGITS) * (1 + abs(one)):
            return False
        num_told += 1
    return True if num_told >= 3 else None


def check_pairs(seed: int, num_pairs: int, leaves: list, timeout_s: float) -> tuple[int, int]:
    """Checks that nothing unequal is accepted; returns how many equal pairs there were, and were accepted."""
    rng = random.Random(seed)
    num_equal = num_accepted = 0
    with mpmath.workdps(DIGITS):
        points = [
            {name: mpmath.mpf(rng.uniform(0.1, 3)) for name in "xy"} for _ in range(4)
        ]  # where all is real and positive; elsewhere branches differ, and people mean this
        signed = [{name: mpmath.mpf(rng.uniform(-3, 3)) for name in "xy"} for _ in range(4)]
        for _ in range(num_pairs):
            left = make_tree(rng, rng.randint(1, 3), leaves)
            right = rewrite(left, rng)
            if rng.random() < 0.5:
                right = rewrite(right, rng)
            told = agree(left, right, points)
            if told is None or (told and agree(left, right, signed) is None):
                continue
            response = f"\\boxed{{{write(right)}}}"
            verdict = grade(write(left), response, policy=EQUAL_IS_ENOUGH, timeout_s=timeout_s)
            is_accepted = verdict.status == "correct"
            assert told or not is_accepted, (write(left), write(right), verdict)
            if told and agree(left, right, signed):
                num_equal += 1
                num_accepted += is_accepted
    return num_equal, num_accepted


def test_accepted_expressions_are_equal_in_numbers():
    num_equal, num_accepted = check_pairs(1, 250, ["x", "y", 1, 2, 3], timeout_s=1.0)
    assert num_equal > 50 and num_accepted > 0.6 * num_equal, (num_equal, num_accepted)


def test_accepted_numbers_are_equal_in_numbers():
    num_equal, num_accepted = check_pairs(2, 250, [1, 2, 3, 5], timeout_s=1.0)
    assert num_equal > 50 and num_accepted > 0.6 * num_equal, (num_equal, num_accepted)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(10, 16))
def test_many_accepted_expressions_are_equal_in_numbers(seed):
    check_pairs(seed, 1500, ["x", "y", 1, 2, 3] if seed % 2 else [1, 2, 3, 5, 7], timeout_s=2.0)
