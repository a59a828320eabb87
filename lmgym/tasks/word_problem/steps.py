"""Checks the working of a word problem line by line.

Comes in: the facts of a problem and the lines of a response. Goes out: a verdict for every line. A line holds
one equation in whatever words, ``Ann has 5+3=8 apples.``; it is right if it is true and is a step of the
problem whose numbers are given or were worked out before. The last line is the answer alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from lmgym.grading.derivation import BLANK, DONE, MAX_LINES, RIGHT, TOO_MANY, WRONG
from lmgym.grading.exact import parse_number
from lmgym.records import StepVerdict
from lmgym.tasks.arithmetic.worked_steps import BESIDE_THE_POINT
from lmgym.tasks.word_problem.graph import Fact, equation

MARKER = "####"
"""May stand before the answer in the last line."""
MAX_LINE_CHARS = 400

_UNPARSED = StepVerdict("unparsed", "unparsed")
_EQUATION = re.compile(r"((?:[0-9]{1,12}[+\-×÷]){1,8}[0-9]{1,12})=\$?([0-9]{1,12})(?![0-9+\-×÷=])")
_TERM = re.compile(r"([+\-]?)([0-9]+(?:[×÷][0-9]+)*)")


def check_steps(facts: Sequence[Fact], lines: Sequence[str]) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``; takes any text."""
    checker = _Checker(tuple(facts))
    return tuple(checker.check(line) if i < MAX_LINES else TOO_MANY for i, line in enumerate(lines))


def read_answer(line: str) -> str:
    """Returns what stands in the last line after an optional ``####``."""
    return line.strip().removeprefix(MARKER)


class _Checker:
    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self._facts = facts
        self._answer = facts[-1].value
        self._known = {place for place, fact in enumerate(facts) if not fact.sources}
        self._is_done = False

    def check(self, line: str) -> StepVerdict:
        """Returns the verdict on the next line."""
        if len(line) > MAX_LINE_CHARS:
            return StepVerdict("unparsed", "limit")
        text = line.replace(" ", "").replace("*", "×").replace("/", "÷").strip()
        if not text:
            return BLANK
        if "=" not in text:
            return self._check_answer(read_answer(line))
        match = _EQUATION.search(text)
        if match is None or text.count("=") > 1:
            return _UNPARSED
        value = evaluate(match[1])
        if value is None or value != int(match[2]):
            return WRONG
        if self._is_done:
            return DONE
        return self._use(_canonical(match[1]))

    def _use(self, worked: str) -> StepVerdict:
        for place, fact in enumerate(self._facts):
            is_ready = place not in self._known and self._known.issuperset(fact.sources)
            if is_ready and _canonical(equation(self._facts, fact)) == worked:
                self._known.add(place)
                return RIGHT
        return BESIDE_THE_POINT

    def _check_answer(self, text: str) -> StepVerdict:
        value = parse_number(text).value
        if value is None:
            return _UNPARSED
        if value != self._answer:
            return WRONG
        if self._is_done:
            return DONE
        self._is_done = True
        return RIGHT


def evaluate(text: str) -> Fraction | None:
    """Returns the exact value of natural numbers joined by ``+-×÷``, None where it divides by zero."""
    total = Fraction(0)
    for sign, term in _TERM.findall(text):
        value = Fraction(1)
        for operator, digits in re.findall(r"([×÷]?)([0-9]+)", term):
            if operator == "÷" and not int(digits):
                return None
            value = value / int(digits) if operator == "÷" else value * int(digits)
        total += -value if sign == "-" else value
    return total


def _canonical(worked: str) -> str:
    """Returns the same text for ``3+5`` and ``5+3``."""
    for operator in "+×":
        parts = worked.split(operator)
        if len(parts) == 2 and all(part.isdigit() for part in parts):
            return operator.join(sorted(str(int(part)) for part in parts))
    return worked
