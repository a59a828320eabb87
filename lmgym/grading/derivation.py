"""Derivations: does each line follow from the line before it, and does it lead on?

Comes in: what is given and the lines of a response. Goes out: a verdict for every line, and the first wrong
one. Left out: whether the last line is the answer that was asked for (see ``lmgym.grading``).

A line is *right* if it follows from the line before (an expression is equal to it, a statement has the same
or an implied set of solutions) and makes progress. Progress is bounded, so that true lines cannot be written
for ever: a line must not say again what an earlier line said, and at most ``MAX_DETOUR`` lines in succession
may be no smaller than the smallest line so far. Real derivations grow before they shrink (an expansion, a
common denominator), hence the detour; a start of n nodes admits fewer than (n + 1) · (MAX_DETOUR + 1) right
lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node
from lmgym.records import StepVerdict

MAX_DETOUR = 8
"""Lines in succession that may be no smaller than the smallest line so far."""

MAX_LINES = 200
"""Lines that are looked at; those after them are "undecided" for the reason "limit"."""

RIGHT = StepVerdict("right")
BLANK = StepVerdict("no_progress", "blank")
REPEATED = StepVerdict("no_progress", "repeated")
DETOUR = StepVerdict("no_progress", "detour")
DONE = StepVerdict("no_progress", "done")
WRONG = StepVerdict("wrong", "wrong")
UNDECIDED = StepVerdict("undecided", "undecided")
TOO_MANY = StepVerdict("undecided", "limit")

_STATEMENTS = ("relation", "either")
_ANY_ORDER = ("sum", "product", "either")


def cut_lines(text: str) -> list[str]:
    """Returns the lines of ``text`` without their newlines; an empty rest after the last one is no line."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def first_wrong_step(verdicts: Sequence[StepVerdict]) -> int | None:
    """Returns the place of the first step that is wrong or can't be read, None if there is none.

    Steps that don't lead on, and steps that could not be decided, are not wrong.
    """
    return next((i for i, v in enumerate(verdicts) if v.status in ("wrong", "unparsed")), None)


def check_derivation(
    start: Node | str,
    lines: Sequence[str],
    goal: Node | str | None = None,
    *,
    rules: Rules | None = None,
    budgets: Budgets | None = None,
) -> tuple[StepVerdict, ...]:
    """Returns one verdict for each of ``lines``.

    After a wrong line the next one is held to that line, so every verdict is about one step alone. A line
    that can't be read is skipped in this. ``= 5x + 3`` goes on from the line before. Where an expression is
    rewritten, ``a = b = c`` is one line that says three equal things.

    Args:
        start: what is given; a text must be readable.
        lines: of a response, without newlines. Any text.
        goal: where it is said, the derivation is over: lines after it are "no_progress" ("done").
        rules: how lines are read.
        budgets: limits of each line; a line beyond them is "unparsed" ("limit").

    Raises:
        Refusal: ``start`` or ``goal`` can't be read: they are not the model's.
    """
    from lmgym.grading.notation.parser import (
        parse,  # deferred: parser and rules are a tenth of a second to import
    )

    rules, budgets = rules or Rules(), budgets or Budgets()
    checker = _Checker(
        parse(start, rules, budgets) if isinstance(start, str) else start,
        parse(goal, rules, budgets) if isinstance(goal, str) else goal,
        rules,
        budgets,
    )
    return tuple(checker.check(line) if i < MAX_LINES else TOO_MANY for i, line in enumerate(lines))


class _Checker:
    """Where a derivation stands."""

    def __init__(self, start: Node, goal: Node | None, rules: Rules, budgets: Budgets) -> None:
        self._before = start
        self._seen = {arranged(start)}
        self._smallest = size_of(start)
        self._detour = 0
        self._goal = None if goal is None else arranged(goal)
        self._is_done = False
        self._rules, self._budgets = rules, budgets

    def check(self, line: str) -> StepVerdict:
        """Returns the verdict on the next line, which becomes the line before."""
        from lmgym.grading.notation.parser import parse

        text = line.strip()
        if not text:
            return BLANK
        try:
            node = parse(text.removeprefix("=").strip(), self._rules, self._budgets)
            said = self._sides(node)
            verdict = self._follow(said)
        except Refusal as refusal:
            return StepVerdict("unparsed", refusal.reason)
        self._before = said[-1]
        if verdict is RIGHT:
            return self._judge_progress(said[-1])
        self._seen.add(arranged(said[-1]))
        return verdict

    def _sides(self, node: Node) -> tuple[Node, ...]:
        """Returns what the line says one after the other."""
        is_chain = node.head == "relation" and set(node.value) == {"="}
        return node.args if is_chain and self._before.head not in _STATEMENTS else (node,)

    def _follow(self, said: tuple[Node, ...]) -> StepVerdict:
        from lmgym.grading.equality.equivalence import follows

        before, verdict = self._before, RIGHT
        for node in said:
            found = follows(before, node, self._budgets)
            if found is False:
                return WRONG
            verdict = verdict if found else UNDECIDED
            before = node
        return verdict

    def _judge_progress(self, node: Node) -> StepVerdict:
        if self._is_done:
            return DONE
        key, size = arranged(node), size_of(node)
        if key in self._seen:
            return REPEATED
        self._seen.add(key)
        self._is_done = key == self._goal
        if size < self._smallest:
            self._smallest, self._detour = size, 0
            return RIGHT
        self._detour += 1
        return RIGHT if self._detour <= MAX_DETOUR or self._is_done else DETOUR


def size_of(node: Node) -> int:
    """Returns the number of nodes."""
    return 1 + sum(map(size_of, node.args))


def arranged(node: Node) -> Node:
    """Returns ``node`` with the parts of sums, products and alternatives in one order: ``b+a`` is ``a+b``."""
    args = tuple(map(arranged, node.args))
    return Node(node.head, tuple(sorted(args, key=repr)) if node.head in _ANY_ORDER else args, node.value)
