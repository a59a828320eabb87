"""Upper bounds on the lengths of prompts and responses of arithmetic, over every split."""

from __future__ import annotations

from collections.abc import Mapping

from lmgym.tasks.arithmetic.draw import nesting_depth, operand_counts, operand_range
from lmgym.tasks.arithmetic.expressions import PLAIN_SIGNS
from lmgym.tasks.arithmetic.knobs import MAX_DENOMINATOR, Knobs

_KINDS_OF_SPLIT = ("train", "ood_digits", "ood_depth")


def max_expression_chars(knobs: Knobs, signs: Mapping[str, str] = PLAIN_SIGNS) -> int:
    """Returns a bound on the characters of an expression whose operators are written as ``signs``."""
    return max(_expression_chars(knobs, split, signs) for split in _KINDS_OF_SPLIT)


def _expression_chars(knobs: Knobs, split: str, signs: Mapping[str, str]) -> int:
    count = operand_counts(knobs, split)[1]
    operand = _operand_chars(knobs, len(str(operand_range(knobs, split)[1])), signs)
    joints = (count - 1) * max(len(signs[operator]) for operator in knobs.operators)
    return count * operand + joints + 2 * _num_groups(knobs, split)


def _num_groups(knobs: Knobs, split: str) -> int:
    """Every level of a drawn chain holds one group at most, and a group at least one operand fewer."""
    return min(nesting_depth(knobs, split), operand_counts(knobs, split)[1] - 2)


def _operand_chars(knobs: Knobs, num_digits: int, signs: Mapping[str, str]) -> int:
    sizes = []
    brackets = 3 if knobs.negatives else 0  # (-5)
    if "integer" in knobs.numbers:
        sizes.append(num_digits + brackets)
    if "decimal" in knobs.numbers:
        sizes.append(num_digits + 1 + knobs.decimal_places + brackets)
    if "fraction" in knobs.numbers:
        is_factor = "×" in knobs.operators or "÷" in knobs.operators
        sizes.append(num_digits + 1 + len(str(MAX_DENOMINATOR)) + max(brackets, 2 * is_factor))
    if knobs.max_exponent > 1:
        sizes.append(1 + brackets + len(signs["^"]) + 1)
    return max(sizes)


def max_answer_chars(knobs: Knobs) -> int:
    """Returns a bound on the characters of a canonical answer, and of a wrong demonstration."""
    return _value_chars(knobs, _value_digits(knobs))


def _value_digits(knobs: Knobs) -> int:
    """Returns a bound on the digits of every result on the way."""
    if knobs.numbers == ("integer",) and set(knobs.operators) <= set("+-") and knobs.max_exponent == 1:
        return max(
            len(str(operand_counts(knobs, split)[1] * operand_range(knobs, split)[1]))
            for split in _KINDS_OF_SPLIT
        )
    return knobs.max_answer_digits


def _value_chars(knobs: Knobs, digits: int) -> int:
    sign = 1 if knobs.can_be_negative else 0
    if knobs.is_integral:
        return sign + digits
    return sign + 2 * digits + 1  # p/q; a decimal has no more digits after the point than before it


def max_worked_chars(knobs: Knobs) -> int:
    """Returns a bound on the characters of a demonstration worked line by line, on lines of its own."""
    digits = _value_digits(knobs)
    value = _value_chars(knobs, digits)
    if knobs.num_operands == 2:
        steps = 2 * (knobs.num_digits + 1) * (3 * digits + 5)  # lines such as -40+6=46
    else:
        steps = 0
    operand = max(value, _operand_chars(knobs, knobs.num_digits + 1, PLAIN_SIGNS)) + 2
    count = max(operand_counts(knobs, split)[1] for split in _KINDS_OF_SPLIT)
    groups = max(_num_groups(knobs, split) for split in _KINDS_OF_SPLIT)
    powers = 1 if knobs.max_exponent > 1 else 0
    rest: int = sum(left * (operand + 1) + 2 * groups for left in [*range(1, count), *([count] * powers)])
    return 1 + max(steps + value, rest)
