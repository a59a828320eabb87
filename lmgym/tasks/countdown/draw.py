"""Drawing Countdown problems that have a solution.

Two ways: an expression is drawn and its value is the target; or, where only one target is wanted, numbers are
drawn and solved. Either way the hidden solution comes along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.records import Problem
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.countdown.knobs import Knobs
from lmgym.tasks.countdown.solver import Numbers, Ratio, Tree, largest_result, solver_of
from lmgym.tasks.stream import Words


class CountdownReference(NamedTuple):
    """The private truth of a problem."""

    value: int
    """The target."""
    numbers: Numbers
    """Ascending."""
    solution: Tree
    """One solution, without a negative result on the way."""


class Puzzle(NamedTuple):
    """A problem before it is put into words."""

    numbers: Sequence[int]
    """In the order in which the prompt names them."""
    reference: CountdownReference
    key: str


def key_of(numbers: Sequence[int], target: int) -> str:
    """Returns the canonical text of a problem."""
    return f"{target}: {' '.join(map(str, sorted(numbers)))}"


def reference_of(problem: Problem) -> CountdownReference:
    """Returns the truth of a problem of this task."""
    reference: CountdownReference = problem.reference
    return reference


def draw_puzzle(knobs: Knobs, split: str, words: Words) -> Puzzle | None:
    """Returns a solvable puzzle of ``split``, None if what was drawn can't be used."""
    numbers = [1 + words.below(knobs.max_number) for _ in range(knobs.num_numbers)]
    if knobs.is_searched:
        return _solve(knobs, split, numbers)
    tree = _draw_tree(knobs, numbers, words)
    if tree is None:
        return None
    (target, _) = tree.value
    if not knobs.min_target <= target <= knobs.max_target or (target in numbers and not knobs.use_all):
        return None
    return _shuffled(numbers, tree, words)


def _solve(knobs: Knobs, split: str, numbers: list[int]) -> Puzzle | None:
    target, key = knobs.min_target, key_of(numbers, knobs.min_target)
    if (split in HASHED_SPLITS and split_of(key) != split) or (target in numbers and not knobs.use_all):
        return None  # before it is solved, which is dearer
    ascending = tuple(sorted(numbers))
    tree = solver_of(ascending, knobs.fractions).find(ascending, target, knobs.use_all)
    if tree is None or largest_result(tree) > knobs.max_result:
        return None
    return Puzzle(numbers, CountdownReference(target, ascending, tree), key)


def _shuffled(numbers: list[int], tree: Tree, words: Words) -> Puzzle:
    (target, _) = tree.value
    reference = CountdownReference(target, tuple(sorted(numbers)), tree)
    for place in range(len(numbers) - 1, 0, -1):
        other = words.below(place + 1)
        numbers[place], numbers[other] = numbers[other], numbers[place]
    return Puzzle(numbers, reference, key_of(numbers, target))


def _draw_tree(knobs: Knobs, numbers: Sequence[int], words: Words) -> Tree | None:
    """Returns a random expression of all ``numbers`` whose results are positive integers, not too large."""
    if len(numbers) == 1:
        return Tree((numbers[0], 1))
    cut = 1 + words.below(len(numbers) - 1)
    left, right = _draw_tree(knobs, numbers[:cut], words), _draw_tree(knobs, numbers[cut:], words)
    if left is None or right is None:
        return None
    sign = knobs.operators[words.below(len(knobs.operators))]
    if sign in "-/" and left.value < right.value:
        left, right = right, left
    value = _result(left.value[0], right.value[0], sign)
    return Tree(value, sign, left, right) if value and value[0] <= knobs.max_result else None


def _result(left: int, right: int, sign: str) -> Ratio | None:
    if sign == "/":
        return (left // right, 1) if left % right == 0 else None
    result = left + right if sign == "+" else left * right if sign == "*" else left - right
    return (result, 1) if result else None
