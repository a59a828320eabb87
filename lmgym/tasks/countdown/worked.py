"""Worked solutions of Countdown problems, and near misses.

Comes in: an expression tree. Goes out: lines such as ``3+5=8 left 8 3``, one a step, as in a search that
takes two numbers and puts back one; and expressions that are nearly right.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from lmgym.tasks.countdown.reading import Number
from lmgym.tasks.countdown.solver import Numbers, Tree, tree_text

LEFT = " left"


class Step(NamedTuple):
    """One operation of a working, values as they are written."""

    left: Number
    sign: str
    right: Number
    result: Number


def worked_lines(tree: Tree, numbers: Numbers) -> list[str]:
    """Returns one line a step, each with the numbers that are left after it, and last the expression."""
    lines, left = [], [Fraction(number) for number in numbers]
    for step in steps_of(tree):
        left.remove(Fraction(step.left))
        left.remove(Fraction(step.right))
        left.insert(0, Fraction(step.result))
        rest = "".join(f" {value}" for value in left)
        lines.append(f"{_operand(step.left)}{step.sign}{_operand(step.right)}={step.result}{LEFT}{rest}")
    return [*lines, tree_text(tree)]


def _operand(value: Number) -> str:
    return str(value) if value.denominator == 1 else f"({value})"


def steps_of(tree: Tree) -> list[Step]:
    """Returns the operations of ``tree``, each after those that it needs.

    Raises:
        ZeroDivisionError: it divides by zero.
    """
    steps: list[Step] = []
    _walk(tree, steps)
    return steps


def _walk(tree: Tree, steps: list[Step]) -> Number:
    if tree.left is None or tree.right is None:
        return tree.value[0]
    left, right = _walk(tree.left, steps), _walk(tree.right, steps)
    if tree.sign == "/":
        result: Number = Fraction(left) / right
    else:
        result = left + right if tree.sign == "+" else left - right if tree.sign == "-" else left * right
    steps.append(Step(left, tree.sign, right, result))
    return result


def near_miss(tree: Tree, fractions: bool, max_result: int, rng: np.random.Generator) -> Tree:
    """Returns ``tree`` with one operation exchanged, so that its value is another; no rule is broken."""
    places = [(place, sign) for place in range(len(steps_of(tree))) for sign in "+-*/"]
    for place in rng.permutation(len(places)).tolist():
        other, _ = _exchange(tree, *places[place])
        try:
            steps = steps_of(other)
        except ZeroDivisionError:
            continue
        is_fine = all(
            (fractions or step.result.denominator == 1)
            and max(abs(step.result.numerator), step.result.denominator) <= max_result
            for step in steps
        )
        if is_fine and steps[-1].result != Fraction(*tree.value):
            return other
    return _exchange(tree, len(steps_of(tree)) - 1, "-" if tree.sign == "+" else "+")[0]


def _exchange(tree: Tree, place: int, sign: str) -> tuple[Tree, int]:
    """Returns ``tree`` with ``sign`` in its ``place``-th step, and how many steps are still to be passed."""
    if tree.left is None or tree.right is None:
        return tree, place
    left, place = _exchange(tree.left, place, sign)
    right, place = _exchange(tree.right, place, sign)
    return Tree(tree.value, sign if place == 0 else tree.sign, left, right), place - 1
