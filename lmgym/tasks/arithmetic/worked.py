"""Demonstrations of arithmetic: the answer alone or worked line by line, right or wrong by a near miss."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lmgym.grading.exact import Number, number_text, simplify
from lmgym.tasks.arithmetic.expressions import Chain, Expression, Literal, reduce_once, reduce_powers, render


def worked_lines(expression: Chain, max_decimals: int) -> list[str]:
    """Returns the working of ``expression``; the last line is the answer alone.

    One sum, difference or product of two natural numbers is done by decimal places (12+34: ``10+30=40``,
    ``2+4=6``, ``40+6=46``, ``46``); anything else by writing the expression again after every operation.
    """
    left, right = expression.items[0], expression.items[-1]
    if (
        len(expression.items) == 2
        and isinstance(left, Literal)
        and isinstance(right, Literal)
        and left.text.isdigit()
        and right.text.isdigit()
        and expression.operators[0] != "÷"
    ):
        return _by_places(int(left.text), expression.operators[0], int(right.text))
    lines = []
    rest: Expression = reduce_powers(expression, max_decimals)
    if rest != expression:
        lines.append(render(rest))
    while isinstance(rest, Chain):
        rest = reduce_once(rest, max_decimals)
        lines.append(render(rest))
    return lines


def _by_places(left: int, operator: str, right: int) -> list[str]:
    if operator == "+":
        lines, result = _add_by_places(left, right)
    elif operator == "-":
        lines, result = [], left
        for part in _places(right):
            lines.append(f"{result}-{part}={result - part}")
            result -= part
    else:
        products = [(part, left * part) for part in _places(right)]
        lines = [f"{left}×{part}={product}" for part, product in products]
        sums, result = _add_up([product for _, product in products])
        lines += sums
    return [*(lines if len(lines) > 1 else []), str(result)]


def _add_by_places(left: int, right: int) -> tuple[list[str], int]:
    lines, parts = [], []
    for place in range(max(len(str(left)), len(str(right))) - 1, -1, -1):
        one, other = (number // 10**place % 10 * 10**place for number in (left, right))
        if one or other:
            lines.append(f"{one}+{other}={one + other}")
            parts.append(one + other)
    sums, result = _add_up(parts)
    return lines + sums, result


def _add_up(parts: list[int]) -> tuple[list[str], int]:
    lines, total = [], parts[0] if parts else 0
    for part in parts[1:]:
        lines.append(f"{total}+{part}={total + part}")
        total += part
    return lines, total


def _places(number: int) -> list[int]:
    """Returns the decimal places of ``number`` that are not 0, the highest first: 305 is 300 and 5."""
    digits = str(number)
    return [int(digit) * 10 ** (len(digits) - 1 - at) for at, digit in enumerate(digits) if digit != "0"]


def near_miss(value: Number, max_decimals: int, allow_negative: bool, rng: np.random.Generator) -> str:
    """Returns a plausible wrong answer, no longer than the right one (for 0: another digit).

    A digit or a ten too many or too few, neighbouring digits swapped, or a lost sign.
    """
    right = number_text(value, max_decimals=max_decimals)
    unit = Fraction(1, value.denominator) if "/" in right else Fraction(1, 10 ** len(right.partition(".")[2]))
    guesses = [simplify(value + step * unit) for step in (-1, 1, -2, 2, -10, 10)]
    guesses += [simplify(guess) for guess in _swapped(value)]
    if allow_negative:
        guesses.append(-value)
    texts = {number_text(guess, max_decimals=max_decimals): guess for guess in guesses}
    fitting = [
        text
        for text, guess in texts.items()
        if guess != value and len(text) <= len(right) and (guess >= 0 or allow_negative)
    ]
    return fitting[int(rng.integers(len(fitting)))]


def _swapped(value: Number) -> list[Number]:
    """Returns ``value`` with each pair of neighbouring digits swapped, if it is an integer."""
    if not isinstance(value, int):
        return []
    digits = str(abs(value))
    swaps = [digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(len(digits) - 1)]
    return [int(swap) * (-1 if value < 0 else 1) for swap in swaps]
