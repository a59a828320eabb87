"""Checks the working of Countdown line by line.

Comes in: the numbers, the target, the rules and the lines of a response. Goes out: a verdict for every line.

A line ``3+5=8 left 8 3`` is right if it is true, if both its numbers are still there, and if what it says is
left is left (in any order; ``left ...`` may be missing). The two numbers then give way to the result, so
there are never more right steps than numbers. The last line is a right answer; what follows that is
"no_progress" ("done").
Whether a true step leads away from the target is not judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from lmgym.grading.derivation import BLANK, DONE, MAX_LINES, RIGHT, TOO_MANY, WRONG
from lmgym.records import StepVerdict
from lmgym.tasks.countdown.reading import WHITESPACE, Refused, read_answer
from lmgym.tasks.countdown.solver import Numbers

UNPARSED = StepVerdict("unparsed", "unparsed")
MAX_LINE_CHARS = 400

_VALUE = r"-?[0-9]{1,12}(?:/[1-9][0-9]{0,11})?"
_OPERAND = rf"(\({_VALUE}\)|-?[0-9]{{1,12}})"  # 3-8/3 would be two operations
_STEP = re.compile(rf"{_OPERAND} ?([-+*/]) ?{_OPERAND} ?= ?({_VALUE})(?: left((?: {_VALUE})*))?")


def check_steps(
    numbers: Numbers, target: int, use_all: bool, fractions: bool, lines: Sequence[str]
) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``; takes any text."""
    left = Counter(map(Fraction, numbers))
    verdicts: list[StepVerdict] = []
    is_done = False
    for line in lines[:MAX_LINES]:
        text = line.strip(WHITESPACE)
        after = _take_step(text, left, fractions)
        if not text:
            verdicts.append(BLANK)
        elif is_done:
            verdicts.append(DONE)
        elif isinstance(after, Counter):
            left = after
            verdicts.append(RIGHT)
        elif after is WRONG:
            is_done = is_answer(text, numbers, target, use_all, fractions)  # 8/2=4 may be the answer
            verdicts.append(RIGHT if is_done else WRONG)
        else:
            verdict = _check_answer(text, numbers, target, use_all, fractions)
            is_done = verdict is RIGHT
            verdicts.append(verdict)
    return (*verdicts, *(TOO_MANY for _ in lines[MAX_LINES:]))


def is_answer(text: str, numbers: Numbers, target: int, use_all: bool, fractions: bool) -> bool:
    """Returns whether ``text`` is a right answer."""
    return _check_answer(text, numbers, target, use_all, fractions) is RIGHT


def _check_answer(text: str, numbers: Numbers, target: int, use_all: bool, fractions: bool) -> StepVerdict:
    try:
        value = read_answer(text, numbers, target, use_all, fractions)
    except Refused as refusal:
        return UNPARSED if refusal.reason in ("unparsed", "overlong") else WRONG
    return RIGHT if value == target else WRONG


def _take_step(text: str, left: Counter[Fraction], fractions: bool) -> Counter[Fraction] | StepVerdict:
    """Returns the numbers that are left after a right step, else what is wrong with it."""
    match = _STEP.fullmatch(text) if len(text) <= MAX_LINE_CHARS else None
    if match is None:
        return UNPARSED
    one, other, result = (Fraction(match[place].strip("()")) for place in (1, 3, 4))
    used = Counter([one, other])
    if not used <= left or _apply(one, match[2], other) != result:
        return WRONG
    if result.denominator != 1 and not fractions:
        return WRONG
    after = left - used + Counter([result])
    if match[5] is not None and Counter(map(Fraction, match[5].split())) != after:
        return WRONG
    return after


def _apply(one: Fraction, sign: str, other: Fraction) -> Fraction | None:
    if sign == "/":
        return one / other if other else None
    return one + other if sign == "+" else one - other if sign == "-" else one * other
