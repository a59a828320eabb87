"""Checks the working of algebra line by line.

Equations and inequalities: each line must follow from the line before. Rewriting and derivatives: each line
must be equal to what is asked. Antiderivatives may differ by a constant. Every line of a system must be true
of its solution and fix it: the equations of a line have that solution and no other. In all, lines must lead
on (see ``lmgym.grading.derivation``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lmgym.grading.budgets import Refusal
from lmgym.grading.derivation import (
    BLANK,
    DETOUR,
    DONE,
    MAX_DETOUR,
    MAX_LINES,
    REPEATED,
    RIGHT,
    TOO_MANY,
    UNDECIDED,
    WRONG,
    arranged,
    check_derivation,
    size_of,
)
from lmgym.grading.equality.canonical import canonical
from lmgym.grading.equality.polynomials import UNIT, Work
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.exact import Number
from lmgym.grading.notation.parser import parse
from lmgym.grading.tree import Node
from lmgym.records import StepVerdict
from lmgym.tasks.algebra.differentiation import differentiate
from lmgym.tasks.algebra.expressions import judge_equal, judge_integral
from lmgym.tasks.algebra.judging import AlgebraReference, judge_answer, judge_node
from lmgym.tasks.algebra.solutions import BUDGETS, RULES, read_own, read_phrase
from lmgym.tasks.algebra.systems import UNKNOWNS

_Check = Callable[[Node], StepVerdict]


def check_algebra(reference: AlgebraReference, lines: Sequence[str]) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``; takes any text."""
    family = reference.family
    if family in ("linear", "quadratic", "inequality"):
        return _check_solving(reference, lines)
    checks: dict[str, _Check] = {
        "system": lambda node: _judge_system(reference, node),
        "integral": lambda node: _judge_share(judge_integral(reference.question, reference.answer, node)[0]),
        "derivative": lambda node: _judge_share(judge_equal(_slope(reference), node)[0]),
    }
    if family not in checks:
        return check_derivation(reference.question, lines, rules=RULES, budgets=BUDGETS)
    return _check_each(reference, lines, checks[family])


def _slope(reference: AlgebraReference) -> Node:
    return differentiate(read_own(reference.question)) or read_own(reference.answer)


def _judge_share(reason: str) -> StepVerdict:
    """Returns the verdict on a line for the reason of the same text as an answer; form is no matter here."""
    if reason in ("", "form", "unsolved"):
        return RIGHT
    return UNDECIDED if reason == "undecided" else WRONG


def _check_solving(reference: AlgebraReference, lines: Sequence[str]) -> tuple[StepVerdict, ...]:
    """Checks statements in x; what is said in words ("none", "all") is the answer or it is wrong."""
    phrases = {at for at, line in enumerate(lines) if read_phrase(line) is not None}
    spoken = [line if at not in phrases else "" for at, line in enumerate(lines)]
    verdicts = list(check_derivation(reference.question, spoken, rules=RULES, budgets=BUDGETS))
    is_said = False
    for at, line in enumerate(lines[:MAX_LINES]):
        if at in phrases:
            verdicts[at] = WRONG if judge_answer(reference, line)[0] else DONE if is_said else RIGHT
            is_said = is_said or verdicts[at] is RIGHT
        elif is_said and verdicts[at] is RIGHT:
            verdicts[at] = DONE
    return tuple(verdicts)


def _check_each(reference: AlgebraReference, lines: Sequence[str], check: _Check) -> tuple[StepVerdict, ...]:
    """Checks every line by itself, and that lines do not repeat and do not grow without end."""
    start = read_own(reference.question)
    seen, smallest, detour, verdicts = {arranged(start)}, size_of(start), 0, list[StepVerdict]()
    for line in lines[:MAX_LINES]:
        if not line.strip():
            verdicts.append(BLANK)
            continue
        try:
            node = parse(line.strip(), RULES, BUDGETS)
            verdict, key, size = check(node), arranged(node), size_of(node)
        except Refusal as refusal:
            verdicts.append(StepVerdict("unparsed", refusal.reason))
            continue
        if verdict is RIGHT and key in seen:
            verdict = REPEATED
        elif verdict is RIGHT:
            detour = 0 if size < smallest else detour + 1
            smallest = min(smallest, size)
            verdict = RIGHT if detour <= MAX_DETOUR else DETOUR
        seen.add(key)
        verdicts.append(verdict)
    return tuple(verdicts) + (TOO_MANY,) * (len(lines) - len(verdicts))


def _judge_system(reference: AlgebraReference, node: Node) -> StepVerdict:
    """Returns whether the equations of ``node`` have the solution of the system and no other."""
    if node.head == "tuple":
        return WRONG if judge_node(reference, node)[0] else RIGHT
    equations = node.args if node.head == "list" else (node,)
    solution: tuple[Number, ...] = reference.value
    rows = [_read_row(equation, len(solution)) for equation in equations]
    if not all(row is not None for row in rows):
        return WRONG
    known = [row for row in rows if row is not None]
    for row in known:
        if sum(one * other for one, other in zip(row, solution, strict=False)) != row[-1]:
            return WRONG
    return RIGHT if _rank([row[:-1] for row in known]) == len(solution) else WRONG


def _read_row(equation: Node, count: int) -> list[Number] | None:
    """Returns the coefficients of a linear equation and its right side, None if it is none."""
    if equation.head != "relation" or equation.value != ("=",):
        return None
    left, right = equation.args
    try:
        value = canonical(Node("sum", (left, Node("negate", (right,)))), Work(BUDGETS))
    except UndefinedError:
        return None
    if value.bottom != {UNIT: 1}:
        return None
    row: list[Number] = [0] * (count + 1)
    for monomial, coefficient in value.top.items():
        if not monomial:
            row[-1] = -coefficient
            continue
        (atom, power), *more = monomial
        name = str(atom[1])
        if more or power != 1 or atom[0] != "v" or name not in UNKNOWNS[:count]:
            return None
        row[UNKNOWNS.index(name)] = coefficient
    return row


def _rank(rows: list[list[Number]]) -> int:
    """Returns the number of independent rows, by elimination without fractions."""
    rank, left = 0, [row for row in rows if any(row)]
    while left:
        pivot = left.pop()
        column = next(at for at, value in enumerate(pivot) if value)
        left = [
            [pivot[column] * one - row[column] * other for one, other in zip(row, pivot, strict=True)]
            for row in left
        ]
        left = [row for row in left if any(row)]
        rank += 1
    return rank
