"""The working of problems of comparison: written as demonstrations, and checked line by line.

A line is a premise, ``A>B``, or a deduction, ``A>B, B>C: A>C``, in every wording; the last is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lmgym.grading.derivation import BLANK, DONE, MAX_LINES, REPEATED, RIGHT, TOO_MANY, WRONG
from lmgym.records import StepVerdict
from lmgym.tasks.order.answers import MAX_ANSWER_CHARS, WHITESPACE, read_answer
from lmgym.tasks.order.draw import OrderReference
from lmgym.tasks.order.logic import Deduction, Fact, Facts

UNPARSED = StepVerdict("unparsed", "unparsed")

_FACT = r"([A-Za-z]{1,20}) ?> ?([A-Za-z]{1,20})"
_LINE = re.compile(rf"(?:{_FACT} ?, ?{_FACT} ?: ?)?{_FACT}")


def working_lines(reference: OrderReference) -> list[str]:
    """Returns the deductions, and last the answer."""
    lines = Facts(reference.premises).working(reference.question)
    return [*map(_text, lines), reference.value]


def _text(line: Deduction) -> str:
    said = ", ".join(f"{a}>{b}" for a, b in line.reasons)
    return f"{said}{': ' if said else ''}{line.fact[0]}>{line.fact[1]}"


def check_steps(reference: OrderReference, lines: Sequence[str]) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``; takes any text.

    A premise is right once. A deduction is right if its two reasons are premises or were deduced in an
    earlier right line, if its conclusion follows from them by transitivity, and if it is new.
    """
    said: set[Fact] = set()
    known = set(reference.premises)
    names = Facts(reference.premises).names
    verdicts: list[StepVerdict] = []
    is_done = False
    for line in lines[:MAX_LINES]:
        text = line.strip(WHITESPACE)
        match = _LINE.fullmatch(text) if len(text) <= MAX_ANSWER_CHARS else None
        if not text:
            verdict = BLANK
        elif is_done:
            verdict = DONE
        elif match is None:
            verdict = _check_answer(reference, text, names)
            is_done = verdict is RIGHT
        else:
            reasons, fact = ((match[1], match[2]), (match[3], match[4])), (match[5], match[6])
            verdict = _check_fact(fact, reasons if match[1] else (), known, set(reference.premises), said)
            if verdict is RIGHT:
                said.add(fact)
                known.add(fact)
        verdicts.append(verdict)
    return (*verdicts, *(TOO_MANY for _ in lines[MAX_LINES:]))


def _check_fact(
    fact: Fact, reasons: tuple[Fact, ...], known: set[Fact], premises: set[Fact], said: set[Fact]
) -> StepVerdict:
    if not reasons:
        return WRONG if fact not in known else REPEATED if fact in said else RIGHT
    (first, second) = reasons
    if not known.issuperset(reasons) or first[1] != second[0] or fact != (first[0], second[1]):
        return WRONG
    return REPEATED if fact in said or fact in premises else RIGHT


def _check_answer(reference: OrderReference, text: str, names: Sequence[str]) -> StepVerdict:
    said = read_answer(text, reference.question.kind, names) if len(text) <= MAX_ANSWER_CHARS else None
    return UNPARSED if said is None else RIGHT if said == reference.value else WRONG
