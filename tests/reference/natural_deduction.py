"""Least numbers of lines by trying every line: slow, and independent of the search it is compared with.

It knows no strategy: it goes forward from a proof state, breadth first, through all that can be written next,
with formulas out of a given list. States that can be continued in the same ways count as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from lmgym.logic.fitch import Line, ProofState
from lmgym.logic.kernel import FALSE, Formula, connect, negation


class Level(NamedTuple):
    """What stands at one depth of the proof."""

    assumption: Formula | None
    known: frozenset[Formula]
    boxes: frozenset[tuple[Formula, Formula]]
    last: Formula | None
    """Formula of the last line, None if a box has been opened since."""


def subformulas(formulas: Sequence[Formula]) -> list[Formula]:
    """Returns the formulas and their parts, each once."""
    found: dict[Formula, None] = {}
    waiting = list(formulas)
    while waiting:
        formula = waiting.pop()
        found[formula] = None
        waiting.extend(part for part in formula.parts if formula.kind != "predicate")
    return list(found)


def candidates(formulas: Sequence[Formula], *, classical: bool, is_wide: bool = False) -> list[Formula]:
    """Returns the formulas that lines may have; ``is_wide`` adds whatever one connective makes of them."""
    parts = subformulas(formulas)
    found = {**dict.fromkeys(parts), FALSE: None}
    if classical or is_wide:
        for part in [*parts, FALSE]:
            if part.kind != "not" or is_wide:
                found[negation(part)] = None
                found[connect("or", part, negation(part))] = None
    if is_wide:
        for left, right in product([*parts, FALSE], repeat=2):
            for kind in ("and", "or", "implies", "iff"):
                found[connect(kind, left, right)] = None  # type: ignore[arg-type]
    return list(found)


def least_lines(state: ProofState, formulas: Sequence[Formula], max_lines: int) -> int | None:
    """Returns the least number of lines that finish the proof, None if that is more than ``max_lines``."""
    layer = {_read(state.lines, state.depth)}
    seen = set(layer)
    for count in range(max_lines + 1):
        if any(state.sequent.goal in levels[0].known for levels in layer):
            return count
        if count < max_lines:
            layer = {new for levels in layer for new in _next(levels, formulas, state.is_classical)} - seen
            seen |= layer
    return None


def _read(lines: Sequence[Line], depth: int) -> tuple[Level, ...]:
    levels: tuple[Level, ...] = (Level(None, frozenset(), frozenset(), None),)
    for line in lines:
        is_assumption = line.rule == "as"
        levels = _close(levels, line.depth - is_assumption)
        levels = _open(levels, line.formula) if is_assumption else _write(levels, line.formula)
    return _close(levels, depth)


def _close(levels: tuple[Level, ...], depth: int) -> tuple[Level, ...]:
    while len(levels) > depth + 1:
        outer, inner = levels[-2:]
        boxes = outer.boxes
        if inner.last is not None and inner.assumption is not None:
            boxes |= {(inner.assumption, inner.last)}
        levels = (*levels[:-2], outer._replace(boxes=boxes))
    return levels


def _open(levels: tuple[Level, ...], formula: Formula) -> tuple[Level, ...]:
    new = Level(formula, frozenset((formula,)), frozenset(), formula)
    return (*levels[:-1], levels[-1]._replace(last=None), new)


def _write(levels: tuple[Level, ...], formula: Formula) -> tuple[Level, ...]:
    return (*levels[:-1], levels[-1]._replace(known=levels[-1].known | {formula}, last=formula))


def _next(
    levels: tuple[Level, ...], formulas: Sequence[Formula], classical: bool
) -> Iterator[tuple[Level, ...]]:
    for depth in range(len(levels)):
        closed = _close(levels, depth)
        known = frozenset[Formula]().union(*(level.known for level in closed))
        boxes = frozenset[tuple[Formula, Formula]]().union(*(level.boxes for level in closed))
        for formula in formulas:
            yield _open(closed, formula)
            if formula in known or _follows(formula, known, boxes, classical):
                yield _write(closed, formula)


def _follows(
    goal: Formula, known: frozenset[Formula], boxes: frozenset[tuple[Formula, Formula]], classical: bool
) -> bool:
    """Returns whether one line with the formula can be written, by any rule but repetition."""
    kind, parts = goal.kind, goal.parts
    if kind in ("and", "or") and (all if kind == "and" else any)(part in known for part in parts):
        return True
    if kind == "true" or FALSE in known or (kind == "implies" and (parts[0], parts[1]) in boxes):
        return True
    if kind == "not" and (parts[0], FALSE) in boxes:
        return True
    if kind == "iff" and (parts[0], parts[1]) in boxes and (parts[1], parts[0]) in boxes:
        return True
    if classical and (negation(negation(goal)) in known or (negation(goal), FALSE) in boxes):
        return True
    if classical and kind == "or" and parts[1] is negation(parts[0]):
        return True
    return any(_eliminates(each, goal, known, boxes) for each in known)


def _eliminates(
    major: Formula, goal: Formula, known: frozenset[Formula], boxes: frozenset[tuple[Formula, Formula]]
) -> bool:
    kind, parts = major.kind, major.parts
    if kind == "and":
        return goal in parts
    if kind == "or":
        return (parts[0], goal) in boxes and (parts[1], goal) in boxes
    if kind == "not":
        return goal is FALSE and parts[0] in known
    if kind == "implies":
        return goal is parts[1] and parts[0] in known
    return kind == "iff" and (
        (goal is parts[0] and parts[1] in known) or (goal is parts[1] and parts[0] in known)
    )
