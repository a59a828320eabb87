"""Which values a handful of numbers can make, and how: exact, memoised over the multisets of numbers.

Comes in: numbers, and whether fractions may stand between. Goes out: values with one way to make each, and
one expression for a target. Left out: all ways at once (``countdown_forms``), and text that is half written
(``countdown_completion``).

Every value is kept as its size, a reduced pair (numerator, denominator): whatever numbers can make, they can
make the size of it without a negative on the way. ``can_negate`` says whether they can make its negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from math import gcd
from typing import NamedTuple

Ratio = tuple[int, int]
"""A rational number that is not negative, in lowest terms."""
Numbers = tuple[int, ...]
"""A multiset of numbers, ascending."""


class Way(NamedTuple):
    """One way to make a value; of a bare number ``sign`` is empty."""

    can_negate: bool
    sign: str = ""
    left_numbers: Numbers = ()
    left: Ratio = (0, 1)
    right_numbers: Numbers = ()
    right: Ratio = (0, 1)


class Tree(NamedTuple):
    """An expression: a number (``sign`` is empty), or two expressions with a sign of ``+-*/`` between."""

    value: Ratio
    sign: str = ""
    left: Tree | None = None
    right: Tree | None = None


def reduced(top: int, bottom: int) -> Ratio:
    """Returns top/bottom in lowest terms; ``bottom`` is not 0."""
    divisor = gcd(top, bottom)
    return (top // divisor, bottom // divisor)


@lru_cache(maxsize=1 << 14)
def splits_of(numbers: Numbers) -> tuple[tuple[Numbers, Numbers], ...]:
    """Returns every (part, rest) of ``numbers``, empty ones included, small parts first."""
    counts = Counter(numbers)
    found = []
    for taken in product(*(range(count + 1) for count in counts.values())):
        part = tuple(n for n, take in zip(counts, taken, strict=True) for _ in range(take))
        rest = tuple(n for n, take in zip(counts, taken, strict=True) for _ in range(counts[n] - take))
        found.append((part, rest))
    return tuple(sorted(found, key=lambda split: (len(split[0]), split[0])))


class Solver:
    """The values that multisets of numbers can make with ``+-*/``, each number used exactly once."""

    def __init__(self, fractions: bool) -> None:
        """Begins with nothing computed; ``fractions=False`` admits only integers on the way."""
        self._fractions = fractions
        self._values: dict[Numbers, Mapping[Ratio, Way]] = {}

    def values(self, numbers: Numbers) -> Mapping[Ratio, Way]:
        """Returns what ``numbers`` (ascending, at least one) make when all are used."""
        known = self._values.get(numbers)
        if known is None:
            known = self._values[numbers] = self._make_values(numbers)
        return known

    def _make_values(self, numbers: Numbers) -> Mapping[Ratio, Way]:
        if len(numbers) == 1:
            return {(numbers[0], 1): Way(False)}
        ways: dict[Ratio, Way] = {}
        for part, rest in splits_of(numbers):
            if not part or (len(part), part) > (len(rest), rest):
                continue
            rest_values = self.values(rest)
            for one, one_way in self.values(part).items():
                for other, other_way in rest_values.items():
                    either = one_way.can_negate or other_way.can_negate
                    for value, sign, is_swapped in self._results(one, other):
                        can_negate = either or sign == "-"
                        old = ways.get(value)
                        if old is None or (can_negate and not old.can_negate):
                            sides = (rest, other, part, one) if is_swapped else (part, one, rest, other)
                            ways[value] = Way(can_negate, sign, *sides)
        return ways

    def _results(self, one: Ratio, other: Ratio) -> Iterator[tuple[Ratio, str, bool]]:
        """Yields (value, sign, whether the sides are swapped) of everything two values make."""
        (a, b), (c, d) = one, other
        if b == d == 1:
            yield (a + c, 1), "+", False
            yield ((a - c, 1), "-", False) if a >= c else ((c - a, 1), "-", True)
            yield (a * c, 1), "*", False
        else:
            yield reduced(a * d + c * b, b * d), "+", False
            left, right = a * d, c * b
            yield reduced(abs(left - right), b * d), "-", left < right
            yield reduced(a * c, b * d), "*", False
        if c and (self._fractions or a % c == 0):
            yield reduced(a * d, b * c), "/", False
        if a and (self._fractions or c % a == 0):
            yield reduced(c * b, d * a), "/", True

    def can_make(self, numbers: Numbers, target: int, use_all: bool) -> bool:
        """Returns whether some expression of ``numbers`` has the value ``target``, a positive integer."""
        return self.find(numbers, target, use_all) is not None

    def find(self, numbers: Numbers, target: int, use_all: bool) -> Tree | None:
        """Returns an expression worth ``target`` of few ``numbers``, or of all; None if there is none."""
        for part, rest in splits_of(numbers):
            if part and not (use_all and rest):
                found = self._find_exactly(part, (target, 1))
                if found is not None:
                    return found
        return None

    def _find_exactly(self, numbers: Numbers, target: Ratio) -> Tree | None:
        """Looks the last step up from both sides, so that the values of all ``numbers`` need not be made."""
        if numbers in self._values or len(numbers) == 1:
            return self.tree(numbers, target) if target in self.values(numbers) else None
        (goal, _) = target
        for part, rest in splits_of(numbers):
            if not part or (len(part), part) > (len(rest), rest):
                continue
            rest_values = self.values(rest)
            for one in self.values(part):
                for other, sign, is_swapped in self._partners(one, goal):
                    if other in rest_values:
                        sides = self.tree(part, one), self.tree(rest, other)
                        return Tree(target, sign, *(sides[::-1] if is_swapped else sides))
        return None

    def _partners(self, one: Ratio, goal: int) -> Iterator[tuple[Ratio, str, bool]]:
        """Yields (other, sign, whether other comes first) for all that makes ``goal`` with ``one``."""
        a, b = one
        yield ((goal * b - a, b), "+", False) if goal * b >= a else ((a - goal * b, b), "-", False)
        yield (goal * b + a, b), "-", True
        if a:
            yield reduced(goal * b, a), "*", False
            yield reduced(a, b * goal), "/", False
            yield reduced(goal * a, b), "/", True

    def tree(self, numbers: Numbers, value: Ratio) -> Tree:
        """Returns the expression behind ``values(numbers)[value]``."""
        way = self.values(numbers)[value]
        if not way.sign:
            return Tree(value)
        left = self.tree(way.left_numbers, way.left)
        return Tree(value, way.sign, left, self.tree(way.right_numbers, way.right))


@lru_cache(maxsize=16)
def solver_of(numbers: Numbers, fractions: bool) -> Solver:
    """Returns the solver for parts of ``numbers``, kept while it is among the last used."""
    return Solver(fractions)


def tree_text(tree: Tree) -> str:
    """Returns the expression with as few parentheses as it needs."""
    if tree.left is None or tree.right is None:
        return str(tree.value[0])
    left, right = tree_text(tree.left), tree_text(tree.right)
    if tree.sign in "*/" and tree.left.sign in ("+", "-"):
        left = f"({left})"
    if tree.right.sign and (tree.sign == "/" or (tree.sign in "-*" and tree.right.sign in "+-")):
        right = f"({right})"
    elif tree.sign == "*" and tree.right.sign == "/":
        right = f"({right})"  # a*(b/c) and a*b/c do not have the same integers on the way
    return f"{left}{tree.sign}{right}"


def largest_result(tree: Tree) -> int:
    """Returns the largest numerator or denominator of all values in ``tree``."""
    sides = [largest_result(side) for side in (tree.left, tree.right) if side is not None]
    return max(*tree.value, *sides)


def has_fractions(tree: Tree) -> bool:
    """Returns whether a value in ``tree`` is no integer."""
    return tree.value[1] != 1 or any(has_fractions(side) for side in (tree.left, tree.right) if side)
