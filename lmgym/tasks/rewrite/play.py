"""The play of ``lmgym/Rewrite-v0``: what a turn does to the expression, and why one is refused.

Everything here is a pure function of the state and the turn, so a transcript can be played again and its
outcome verified from the texts of the agent alone.
"""

from __future__ import annotations

from typing import NamedTuple

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.exact import WHITESPACE
from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.records import Problem, Turn
from lmgym.tasks.algebra.polynomials import Polynomial
from lmgym.tasks.rewrite.rules import successors
from lmgym.tasks.rewrite.terms import Expression, UnreadableError, expand, is_goal, key_of, read, text_of

_RULES = Rules(thousands="none")
_BUDGETS = Budgets(
    max_chars=400, max_answer_chars=200, max_tokens=120, max_depth=20, max_digits=20, max_exponent=9
)


class RewriteReference(NamedTuple):
    """The private truth of a problem."""

    start: Expression
    steps: tuple[str, ...]
    """The careful solver's lines; the last one is the goal."""
    value: Polynomial
    """What every expression on the way is equal to."""
    num_turns: int
    """The turns of the episode."""


class RewriteState(NamedTuple):
    """How far an episode is."""

    problem: Problem
    current: Expression
    seen: tuple[str, ...]
    """Keys of the expressions that were the current one, this one included."""
    num_turns_left: int
    num_refusals: int = 0
    reason: str = ""
    """Why the last turn was refused, "" if it was not."""

    @property
    def is_solved(self) -> bool:
        return is_goal(self.current)


class Moves(NamedTuple):
    """What a turn may do."""

    max_step: int | None
    """Rules that one turn may use, None: anything equal."""
    max_chars: int
    """Characters of an expression."""


def read_line(text: str, max_chars: int) -> Expression | str:
    """Returns the expression on a line, or the reason why there is none. Takes any text."""
    line = text.strip(WHITESPACE)
    if len(line) > max_chars:
        return "long"
    if not line or "\n" in line:
        return "unparsed"
    try:
        found = read(parse(line, _RULES, _BUDGETS))
        expand(found)  # bounds its degree and its numbers
    except (Refusal, UnreadableError):
        return "unparsed"
    return "long" if len(text_of(found)) > max_chars else found


def take_turn(state: RewriteState, turn: Turn, moves: Moves) -> RewriteState:
    """Returns the state after ``turn``: another expression, or the same and a reason."""
    state = state._replace(num_turns_left=state.num_turns_left - 1, reason="")
    line = read_line(turn.text, moves.max_chars)
    reason = "overlong" if not turn.is_complete else line if isinstance(line, str) else ""
    if not reason and not isinstance(line, str):
        reason = _find_fault(state, line, moves)
        if not reason:
            return state._replace(current=line, seen=(*state.seen, key_of(line)))
    return state._replace(num_refusals=state.num_refusals + 1, reason=reason)


def _find_fault(state: RewriteState, line: Expression, moves: Moves) -> str:
    key = key_of(line)
    if expand(line) != state.problem.reference.value:
        return "wrong"
    if key in state.seen:
        return "repeated"
    if moves.max_step is None or key in reachable(state.current, moves):
        return ""
    return "jump"


def reachable(current: Expression, moves: Moves) -> dict[str, Expression]:
    """Returns by key what at most ``max_step`` rules make of ``current`` within the size allowed."""
    found: dict[str, Expression] = {}
    level = [current]
    for _ in range(moves.max_step or 1):
        following = []
        for part in level:
            for key, new in successors(part).items():
                if key not in found and len(text_of(new)) <= moves.max_chars:
                    found[key] = new
                    following.append(new)
        level = following
    return found
