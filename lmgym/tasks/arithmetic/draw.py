"""Drawing arithmetic expressions: one at a time, or from a table of all of them where they are few.

Comes in: knobs, a split, random words. Goes out: entries (expression, value, key) that belong to the split.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from lmgym.grading.exact import Number
from lmgym.tasks.arithmetic.expressions import (
    Chain,
    Expression,
    Literal,
    Power,
    canonical_key,
    combine,
    evaluate,
    literals,
)
from lmgym.tasks.arithmetic.knobs import (
    EXTRA_DIGITS,
    EXTRA_OPERANDS,
    MAX_DENOMINATOR,
    MAX_POWER_BASE,
    Knobs,
)
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.stream import Words

MAX_TABLE_SIZE = 50_000
_MAX_DIVISOR = 99  # divisors of a running result are searched up to here


class Entry(NamedTuple):
    """An expression that may become a problem."""

    expression: Chain
    value: Number
    key: str


def operand_range(knobs: Knobs, split: str) -> tuple[int, int]:
    """Returns the least and the greatest integer that ``split`` draws (before signs)."""
    if split == "ood_digits":
        return 10**knobs.num_digits, 10 ** (knobs.num_digits + EXTRA_DIGITS) - 1
    return 0, 10**knobs.num_digits - 1


def operand_counts(knobs: Knobs, split: str) -> tuple[int, int]:
    """Returns the least and the greatest number of operands that ``split`` draws."""
    if split == "ood_depth":
        return knobs.num_operands + 1, knobs.num_operands + EXTRA_OPERANDS
    return knobs.num_operands, knobs.num_operands


def nesting_depth(knobs: Knobs, split: str) -> int:
    """Returns how deep the parentheses of ``split`` may be."""
    return knobs.depth + (1 if split == "ood_depth" and knobs.depth else 0)


def draw_entry(knobs: Knobs, split: str, words: Words) -> Entry | None:
    """Returns a random entry of the kind that ``split`` wants, None if the draw came to nothing.

    The key is not yet compared with the split: hashed splits are told apart by the caller. Entries of
    "ood_digits" hold a number with more digits than any other split's, those of "ood_depth" more
    operands; both outlive the canonical key, so those splits share no key with the others.
    """
    least, most = operand_counts(knobs, split)
    count = least + words.below(most - least + 1)
    expression = _Drawer(knobs, *operand_range(knobs, split), words).chain(count, nesting_depth(knobs, split))
    if expression is None or (split == "ood_digits" and longest_run(expression) <= knobs.num_digits):
        return None
    value = evaluate(expression, 10**knobs.max_answer_digits)
    return None if value is None else Entry(expression, value, canonical_key(expression))


def longest_run(expression: Expression) -> int:
    """Returns the digits of the longest integer, integer part, numerator or denominator."""
    return max(
        len(part)
        for literal in literals(expression)
        for part in literal.text.removeprefix("-").partition(".")[0].split("/")
    )


class _Drawer:
    """Draws chains from left to right, so that a divisor can be made to fit what stands before it."""

    def __init__(self, knobs: Knobs, low: int, high: int, words: Words) -> None:
        self._knobs = knobs
        self._low = low
        self._high = high
        self._below = words.below

    def chain(self, num_operands: int, depth: int) -> Chain | None:
        """Returns a chain of ``num_operands`` literals or powers, None where no division was possible."""
        num_items, group_at, group_size = num_operands, -1, 0
        if depth and num_operands >= 3:
            group_size = 2 + self._below(num_operands - 2)
            num_items = num_operands - group_size + 1
            group_at = self._below(num_items)
        items: list[Expression] = []
        operators: list[str] = []
        term_at = 0  # where the product begins that the next × or ÷ would continue
        for place in range(num_items):
            operator = self._operator() if place else ""
            item: Expression | None
            if operator == "÷" and self._knobs.exact_division and place != group_at:
                item = self._exact_divisor(items, operators, term_at)
            elif operator == "÷" and self._knobs.exact_division:
                item = None  # a group is not made to measure
            else:
                item = self.chain(group_size, depth - 1) if place == group_at else self._operand()
            if item is None:
                return None
            items.append(item)
            if place:
                operators.append(operator)
            if operator in ("", "+", "-"):
                term_at = place
        return Chain(tuple(items), tuple(operators))

    def _operator(self) -> str:
        operators = self._knobs.operators
        return operators[self._below(len(operators))] if len(operators) > 1 else operators

    def _exact_divisor(
        self, items: list[Expression], operators: list[str], term_at: int
    ) -> Expression | None:
        """Returns what may divide the running product; a lone literal before it is changed to a multiple."""
        bound = 10**self._knobs.max_answer_digits
        term = evaluate(Chain(tuple(items[term_at:]), tuple(operators[term_at:])), bound)
        if term is None:
            return None
        if not isinstance(term, int):
            return self._operand()
        last = items[-1]
        if len(items) - 1 == term_at and isinstance(last, Literal) and self._high >= 2:
            least = max(self._low, 2)
            divisor = least + self._below(self._high - least + 1)
            lowest_quotient = 0 if self._low == 0 else 1
            quotient = lowest_quotient + self._below(self._high // divisor + 1 - lowest_quotient)
            items[-1] = _integer(divisor * quotient * (-1 if last.value < 0 else 1))
            return self._signed(divisor)
        divisors = [d for d in range(2, min(self._high, _MAX_DIVISOR) + 1) if term % d == 0]
        return self._signed(divisors[self._below(len(divisors))]) if divisors else None

    def _operand(self) -> Expression:
        knobs = self._knobs
        if knobs.max_exponent > 1 and self._below(4) == 0:
            base = self._signed(self._below(MAX_POWER_BASE + 1))
            return Power(base, 2 + self._below(knobs.max_exponent - 1))
        kinds = knobs.numbers
        kind = kinds[self._below(len(kinds))] if len(kinds) > 1 else kinds[0]
        whole = self._low + self._below(self._high - self._low + 1)
        if kind == "integer":
            return self._signed(whole)
        return self._decimal(whole) if kind == "decimal" else self._fraction(whole)

    def _signed(self, size: int) -> Literal:
        return _integer(-size if self._is_negative() else size)

    def _is_negative(self) -> bool:
        return self._knobs.negatives and self._below(4) == 0

    def _decimal(self, whole: int) -> Literal:
        places = 1 + self._below(self._knobs.decimal_places)
        decimals = 10 * self._below(10 ** (places - 1)) + 1 + self._below(9)  # the last digit is not 0
        size = Fraction(whole * 10**places + decimals, 10**places)
        text = f"{whole}.{decimals:0{places}d}"
        return Literal(f"-{text}", -size) if self._is_negative() else Literal(text, size)

    def _fraction(self, numerator: int) -> Literal:
        denominator = 2 + self._below(min(MAX_DENOMINATOR, 10**self._knobs.num_digits - 1) - 1)
        while gcd(numerator, denominator) != 1:
            numerator = self._low + (numerator + 1 - self._low) % (self._high - self._low + 1)
        size, text = Fraction(numerator, denominator), f"{numerator}/{denominator}"
        return Literal(f"-{text}", -size) if self._is_negative() else Literal(text, size)


@lru_cache(maxsize=4096)
def _integer(value: int) -> Literal:
    return Literal(str(value), value)


def has_table(knobs: Knobs) -> bool:
    """Returns whether all expressions of the hashed splits are few enough to be written down."""
    return (
        knobs.num_operands == 2
        and knobs.numbers == ("integer",)
        and not knobs.negatives
        and knobs.max_exponent == 1
        and "÷" not in knobs.operators
        and len(knobs.operators) * 100**knobs.num_digits <= MAX_TABLE_SIZE
    )


@lru_cache(maxsize=16)
def make_table(knobs: Knobs) -> dict[str, list[Entry]]:
    """Returns every expression of each hashed split, so that drawing is picking.

    Picking one uniformly is the distribution that ``draw_entry`` and rejection have.
    """
    table: dict[str, list[Entry]] = {split: [] for split in HASHED_SPLITS}
    numbers = [_integer(value) for value in range(10**knobs.num_digits)]
    for operator in knobs.operators:
        home: dict[str, list[Entry]] = {}
        for left in numbers:
            for right in numbers:
                key = _pair_key(left.text, operator, right.text)
                entries = home.get(key)
                if entries is None:
                    entries = home[key] = table[split_of(key)]
                value = combine(left.value, operator, right.value)
                assert value is not None
                entries.append(Entry(Chain((left, right), (operator,)), value, key))
    return table


def _pair_key(left: str, operator: str, right: str) -> str:
    """Returns ``canonical_key`` of two natural numbers, at a tenth of its price."""
    if operator == "-":
        return f"+{left}-{right}"
    if left > right:
        left, right = right, left
    return f"+{left}+{right}" if operator == "+" else f"+{left}*{right}"
