"""The rules of the proof language, each played by rules of the kernel.

In: the stated formula, the theorems of the cited lines, and of each cited box what it assumes and the theorem
at its end. Out: a theorem of the kernel. Whatever is wrong here, no false line can come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from lmgym.logic import kernel
from lmgym.logic.kernel import Formula, KernelError, Term, Theorem
from lmgym.logic.matching import HOLE, find_pattern, find_term


class RuleError(Exception):
    """A rule does not give the line; ``{0}``, ``{1}`` in the message stand for what is cited."""

    def __init__(self, message: str, reason: str = "mismatch") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class Box(NamedTuple):
    assumption: Formula
    end: Theorem


Apply = Callable[[Formula, Sequence[Theorem], Sequence[Box]], Theorem]


class Rule(NamedTuple):
    num_lines: int
    num_boxes: int
    apply: Apply
    logic: str = ""
    """What must be allowed for it: "classical", "induction"; "" for every logic."""


def _reiterate(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    return lines[0]


def _and_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    left, right = lines
    if goal.kind == "and" and left.conclusion is not goal.parts[0]:
        left, right = right, left
    return kernel.and_intro(left, right)


def _and_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(lines[0].conclusion.kind == "and", "{0} is no conjunction")
    _need(goal in lines[0].conclusion.parts, "that is no side of {0}")
    return kernel.and_elim(lines[0], goal)


def _or_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(goal.kind == "or" and lines[0].conclusion in goal.parts, "{0} is no side of that")
    return kernel.or_intro(goal, lines[0])


def _or_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    either, (left, right) = lines[0], boxes
    _need(either.conclusion.kind == "or", "{0} is no disjunction")
    _need(left.assumption is either.conclusion.parts[0], "{1} does not assume the left side of {0}")
    _need(right.assumption is either.conclusion.parts[1], "{2} does not assume the right side of {0}")
    _need(left.end.conclusion is right.end.conclusion, "{1} and {2} end differently")
    return kernel.or_elim(either, left.end, right.end)


def _implies_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    return kernel.implies_intro(*boxes[0])


def _implies_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    first, second = lines
    if first.conclusion.kind == "implies" and first.conclusion.parts[0] is second.conclusion:
        return kernel.implies_elim(first, second)
    if second.conclusion.kind == "implies" and second.conclusion.parts[0] is first.conclusion:
        return kernel.implies_elim(second, first)
    is_first = first.conclusion.kind == "implies"
    _need(is_first or second.conclusion.kind == "implies", "neither {0} nor {1} is an implication")
    raise RuleError("{1} is not what {0} needs" if is_first else "{0} is not what {1} needs")


def _iff_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    forth, back = boxes
    is_turned = forth.assumption is back.end.conclusion and back.assumption is forth.end.conclusion
    _need(is_turned, "{1} is not {0} turned round")
    return kernel.iff_intro(forth.end, back.end)


def _iff_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    first, second = lines
    if first.conclusion.kind == "iff" and second.conclusion in first.conclusion.parts:
        return kernel.iff_elim(first, second)
    _need(
        second.conclusion.kind == "iff", "neither line is a side of the other, which must be an equivalence"
    )
    _need(first.conclusion in second.conclusion.parts, "{0} is no side of {1}")
    return kernel.iff_elim(second, first)


def _not_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(boxes[0].end.conclusion.kind == "false", "{0} does not end in F")
    return kernel.not_intro(*boxes[0])


def _not_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    first, second = lines
    if second.conclusion.kind == "not" and second.conclusion.parts[0] is first.conclusion:
        first, second = second, first
    is_pair = first.conclusion.kind == "not" and first.conclusion.parts[0] is second.conclusion
    _need(is_pair, "{0} and {1} don't contradict each other")
    return kernel.not_elim(first, second)


def _false_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(lines[0].conclusion.kind == "false", "{0} is not F")
    return kernel.false_elim(lines[0], goal)


def _true_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    return kernel.true_intro()


def _double_negation(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    given = lines[0].conclusion
    _need(given.kind == "not" and given.parts[0].kind == "not", "{0} is no double negation")
    return kernel.double_negation(lines[0])


def _by_contradiction(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(boxes[0].assumption.kind == "not", "{0} does not assume a negation")
    _need(boxes[0].end.conclusion.kind == "false", "{0} does not end in F")
    return kernel.double_negation(kernel.not_intro(*boxes[0]))


def _excluded_middle(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    is_middle = goal.kind == "or" and goal.parts[1].kind == "not" and goal.parts[1].parts[0] is goal.parts[0]
    _need(is_middle, "LEM gives A|~A only")
    return _middle(goal)


@lru_cache(maxsize=1024)
def _middle(goal: Formula) -> Theorem:
    absurd = kernel.assume(kernel.negation(goal))
    one = kernel.or_intro(goal, kernel.assume(goal.parts[0]))
    other = kernel.or_intro(goal, kernel.not_intro(goal.parts[0], kernel.not_elim(absurd, one)))
    return kernel.double_negation(kernel.not_intro(absurd.conclusion, kernel.not_elim(absurd, other)))


def _forall_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(goal.kind == "forall", "allI gives a universal formula")
    name = _variable(find_term(goal, lines[0].conclusion), "that does not generalise a variable of {0}")
    try:
        return kernel.forall_intro(name, lines[0])
    except KernelError:
        message = f"{name} is free in a premise or assumption that {{0}} depends on"
        raise RuleError(message, "eigenvariable") from None


def _forall_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    given = lines[0].conclusion
    _need(given.kind == "forall", "{0} is no universal formula")
    term = find_term(given, goal)
    if term is None:
        raise RuleError("that is no instance of {0}")
    return kernel.forall_elim(lines[0], term)


def _exists_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(goal.kind == "exists", "exI gives an existence")
    term = find_term(goal, lines[0].conclusion)
    if term is None:
        raise RuleError("{0} is no instance of that")
    return kernel.exists_intro(goal, term, lines[0])


def _exists_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    existence, box = lines[0], boxes[0]
    _need(existence.conclusion.kind == "exists", "{0} is no existence")
    term = find_term(existence.conclusion, box.assumption)
    name = _variable(term, "{1} must assume {0} of a new variable")
    try:
        return kernel.exists_elim(existence, name, box.end)
    except KernelError:
        message = f"{name} is not new: it is free in {{0}}, in the result, or in what they depend on"
        raise RuleError(message, "eigenvariable") from None


def _equal_intro(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    _need(goal.kind == "equal" and goal.parts[0] is goal.parts[1], "=I gives t=t only")
    return kernel.equal_intro(goal.parts[0])


def _equal_elim(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    equation, given = lines
    _need(equation.conclusion.kind == "equal", "{0} is no equation")
    left, right = equation.conclusion.parts
    pattern = find_pattern(given.conclusion, goal, left, right)
    if pattern is None:
        pattern = find_pattern(given.conclusion, goal, right, left)
        equation = _turned(equation)
    if pattern is None:
        raise RuleError("that is not {1} with sides of {0} replaced")
    return kernel.equal_elim(equation, pattern, given)


def _turned(equation: Theorem) -> Theorem:
    """Returns ``b = a`` from ``a = b``."""
    left = equation.conclusion.parts[0]
    pattern = kernel.quantify("forall", HOLE.name, kernel.equal(HOLE, left))
    return kernel.equal_elim(equation, pattern, kernel.equal_intro(left))


def _induction(goal: Formula, lines: Sequence[Theorem], boxes: Sequence[Box]) -> Theorem:
    base, box = lines[0], boxes[0]
    _need(goal.kind == "forall", "IND gives a universal formula")
    _need(kernel.instance(goal, kernel.function("0")) is base.conclusion, "{0} is not the case of 0")
    name = _variable(find_term(goal, box.assumption), "{1} does not assume the case of a variable")
    after = kernel.instance(goal, kernel.function("s", kernel.variable(name)))
    _need(box.end.conclusion is after, "{1} does not end in the case of the successor")
    try:
        return kernel.induction(base, name, box.end, goal)
    except KernelError:
        message = f"{name} is not new: it is free in the result or in what it depends on"
        raise RuleError(message, "eigenvariable") from None


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise RuleError(message)


def _variable(term: Term | None, message: str) -> str:
    if term is None or term.kind != "variable":
        raise RuleError(message)
    return term.name


RULES: Final[Mapping[str, Rule]] = {
    "R": Rule(1, 0, _reiterate),
    "&I": Rule(2, 0, _and_intro),
    "&E": Rule(1, 0, _and_elim),
    "|I": Rule(1, 0, _or_intro),
    "|E": Rule(1, 2, _or_elim),
    "->I": Rule(0, 1, _implies_intro),
    "->E": Rule(2, 0, _implies_elim),
    "<->I": Rule(0, 2, _iff_intro),
    "<->E": Rule(2, 0, _iff_elim),
    "~I": Rule(0, 1, _not_intro),
    "~E": Rule(2, 0, _not_elim),
    "FE": Rule(1, 0, _false_elim),
    "TI": Rule(0, 0, _true_intro),
    "DNE": Rule(1, 0, _double_negation, "classical"),
    "RAA": Rule(0, 1, _by_contradiction, "classical"),
    "LEM": Rule(0, 0, _excluded_middle, "classical"),
    "allI": Rule(1, 0, _forall_intro),
    "allE": Rule(1, 0, _forall_elim),
    "exI": Rule(1, 0, _exists_intro),
    "exE": Rule(1, 1, _exists_elim),
    "=I": Rule(0, 0, _equal_intro),
    "=E": Rule(2, 0, _equal_elim),
    "IND": Rule(1, 1, _induction, "induction"),
}
