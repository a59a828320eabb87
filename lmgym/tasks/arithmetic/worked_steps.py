"""Checks worked arithmetic line by line, in the two ways of working that demonstrations have.

Comes in: an expression and the lines of a response. Goes out: a verdict for every line. Left out: making such
working (see ``lmgym.tasks.arithmetic.worked``).

*By places.* The sum, difference or product of two natural numbers is a pool of terms whose sum is the result:
12+34 is {10, 2, 30, 4}, 50-21 is {50, -20, -1}, 12×30 is {10×30, 2×30}. A line ``10+30=40`` is right if it is
true and its terms are in the pool (a number may stand for its places: 12 for 10 and 2); they give way to the
result, so the pool shrinks with every right line and true lines beside the point are "no_progress".

*By rewriting.* Any other expression is written again, simpler every time: ``lmgym.grading.derivation``.

In both the last line is the value alone; lines after it are "no_progress" ("done").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from lmgym.grading.budgets import Budgets
from lmgym.grading.derivation import BLANK, DONE, MAX_LINES, RIGHT, TOO_MANY, WRONG, check_derivation
from lmgym.grading.exact import Number, parse_number
from lmgym.records import StepVerdict
from lmgym.tasks.arithmetic.expressions import Chain, Literal, render

BESIDE_THE_POINT = StepVerdict("no_progress", "beside_the_point")

_LINE = re.compile(r"(-?[0-9]{1,300})([+\-\u2212×*])([0-9]{1,300})=(-?[0-9]{1,300})")
_BUDGETS = Budgets(max_answer_chars=1_000, max_tokens=400, max_degree=8, max_terms=50)

Term = int | tuple[int, int]
"""A number, or a product of two that is still to be worked out."""


def check_worked(
    expression: Chain, answer: str, value: Number, lines: Sequence[str]
) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``; takes any text.

    Args:
        expression: what is worked out.
        answer: its canonical answer.
        value: its exact value.
        lines: without newlines.
    """
    if not is_by_places(expression):
        return check_derivation(render(expression), lines, answer, budgets=_BUDGETS)
    pool = _Pool(expression, value)
    return tuple(pool.check(line) if i < MAX_LINES else TOO_MANY for i, line in enumerate(lines))


def is_by_places(expression: Chain) -> bool:
    """Returns whether ``expression`` is a sum, difference or product of two natural numbers."""
    return (
        len(expression.items) == 2
        and expression.operators[0] != "÷"
        and all(isinstance(item, Literal) and item.text.isdigit() for item in expression.items)
    )


class _Pool:
    """The terms that are left, as a multiset; their sum is always the value."""

    def __init__(self, expression: Chain, value: Number) -> None:
        left, right = (int(render(item)) for item in expression.items)
        self._value = value
        self._text = render(expression)
        self._terms = _first_terms(left, expression.operators[0], right)
        self._is_done = False

    def check(self, line: str) -> StepVerdict:
        """Returns the verdict on the next line."""
        text = line.replace(" ", "").strip()
        if not text:
            return BLANK
        match = _LINE.fullmatch(text)
        if match is None:
            return self._check_answer(line)
        left, sign, right, result = match.groups()
        a, b, c = int(left), int(right), int(result)
        is_product = sign in "×*"
        b = b if is_product or sign == "+" else -b
        if (a * b if is_product else a + b) != c:
            return WRONG
        if self._is_done:
            return DONE
        used = _factors(a, b, self._terms) if is_product else self._summands(a, b)
        if used is None:
            return BESIDE_THE_POINT
        self._terms = self._terms - used + Counter([c])
        return RIGHT

    def _check_answer(self, line: str) -> StepVerdict:
        value = parse_number(line).value
        if value is None:  # some other true statement, or one that can't be read
            verdict = check_derivation(self._text, (line,), budgets=_BUDGETS)[0]
            return BESIDE_THE_POINT if verdict.status in ("right", "no_progress") else verdict
        if value != self._value:
            return WRONG
        if self._is_done:
            return DONE
        self._is_done = True
        return RIGHT

    def _summands(self, a: int, b: int) -> Counter[Term] | None:
        """Returns the terms that ``a + b`` stands for, two or more; None if they are not in the pool."""
        first = _find(a, self._terms)
        second = None if first is None else _find(b, self._terms - first)
        if first is None or second is None or first.total() + second.total() < 2:
            return None
        return first + second


def _first_terms(left: int, operator: str, right: int) -> Counter[Term]:
    if operator == "×":
        return Counter((p, q) for p in _places(left) for q in _places(right))
    if operator == "-":
        return Counter([*_places(left), *(-place for place in _places(right) if place)])
    width = max(len(str(left)), len(str(right)))
    pairs = [(left // 10**at % 10 * 10**at, right // 10**at % 10 * 10**at) for at in range(width)]
    # A place that one number alone has is added to 0, as in 5+12: 0+10=10.
    return Counter(place for pair in pairs if any(pair) for place in pair)


def _find(number: int, terms: Counter[Term]) -> Counter[Term] | None:
    """Returns the terms that ``number`` stands for: itself, or all its places."""
    if terms[number]:
        return Counter([number])
    sign = -1 if number < 0 else 1
    found: Counter[Term] = Counter(sign * place for place in _places(abs(number)))
    return found if found <= terms else None


def _factors(a: int, b: int, terms: Counter[Term]) -> Counter[Term] | None:
    """Returns the products that ``a × b`` stands for."""
    if a < 0:
        return None
    for x, y in ((a, b), (b, a)):
        found: Counter[Term] = Counter((p, q) for p in _places(x) for q in _places(y))
        if found <= terms:
            return found
    return None


def _places(number: int) -> list[int]:
    """Returns the decimal places of ``number`` that are not 0, [0] for 0: 305 is 300 and 5."""
    digits = str(number)
    places = [int(digit) * 10 ** (len(digits) - 1 - at) for at, digit in enumerate(digits) if digit != "0"]
    return places or [0]
