"""The play of ``lmgym/Lean-v0``: what a tactic does to the goals, and why one is refused.

Comes in: a state, a turn, the prover. Goes out: the next state. Left out: rewards, and whether the whole
proof holds, which only the final check says.
"""

from __future__ import annotations

from typing import NamedTuple

from lmgym.grading.derivation import cut_lines
from lmgym.logic.lean import Goals, LeanError, LeanStatement, Refusal
from lmgym.logic.lean import Lean as Prover
from lmgym.records import Problem, StepVerdict, Turn

MAX_GOALS_CHARS = 1_500
MAX_MESSAGE_CHARS = 240
MAX_SCRIPT_CHARS = 20_000
MAX_SCRIPT_STEPS = 200

_UNPARSED = ("empty", "unparsed", "long", "characters", "command", "forbidden", "limit", "overlong")


class LeanReference(NamedTuple):
    """The private truth of a problem."""

    statement: LeanStatement
    num_turns: int
    """The turns of the episode."""


class LeanState(NamedTuple):
    """How far an episode is."""

    problem: Problem
    goals: str
    """The goals as written."""
    num_turns_left: int
    tactics: tuple[str, ...] = ()
    """the accepted ones"""
    seen: tuple[str, ...] = ()
    """goals that were there before"""
    num_refusals: int = 0
    reason: str = ""
    """Why the last turn was refused, "" if it was not."""
    message: str = ""
    """What was said to it."""
    is_solved: bool = False
    """True: no goal is left; the final check is yet to come."""


def take_turn(state: LeanState, turn: Turn, prover: Prover) -> LeanState:
    """Returns the state after one tactic: other goals, or the same and a reason."""
    state = state._replace(num_turns_left=state.num_turns_left - 1, reason="", message="")
    if not turn.is_complete:
        return _refuse(state, "overlong", "the turn was cut off")
    return _say(state, turn.text, prover)


def play_script(state: LeanState, turn: Turn, prover: Prover) -> tuple[LeanState, list[StepVerdict]]:
    """Returns how far a proof of a tactic a line gets, and a verdict on each line; a refused one ends it."""
    state = state._replace(num_turns_left=state.num_turns_left - 1, reason="", message="")
    lines = cut_lines(turn.text)
    verdicts = [StepVerdict("no_progress", "blank")] * len(lines)
    steps = [place for place, line in enumerate(lines) if line.strip()]
    if len(turn.text) > MAX_SCRIPT_CHARS or len(steps) > MAX_SCRIPT_STEPS:
        return _refuse(state, "long", "the proof is too long"), [step_verdict("long")] * len(lines)
    for place in steps:
        if state.is_solved:
            state = _refuse(state._replace(is_solved=False), "over", "the proof has ended before")
        elif not state.reason:
            state = _say(state, lines[place], prover)
        else:
            verdicts[place] = StepVerdict("undecided", "after_error")
            continue
        verdicts[place] = step_verdict(state.reason)
    if not steps:
        state = _refuse(state, "empty", "nothing was said")
    if not turn.is_complete:
        state = _refuse(state._replace(is_solved=False), "overlong", "the turn was cut off")
    return state, verdicts


def _say(state: LeanState, text: str, prover: Prover) -> LeanState:
    statement: LeanStatement = state.problem.reference.statement
    try:
        answer = prover.run(statement, (*state.tactics, text))
        first = prover.run(statement)
    except LeanError as error:
        return _refuse(state, "prover", str(error))
    if isinstance(answer, Refusal):
        return _refuse(state, answer.reason, answer.message)
    assert isinstance(answer, Goals)
    goals = answer.write()
    before = (*state.seen, state.goals, first.write() if isinstance(first, Goals) else "")
    if not answer.is_closed and goals in before:
        return _refuse(state, "repeated", "these goals were there before")
    return state._replace(
        goals=goals,
        seen=(*state.seen, state.goals),
        tactics=(*state.tactics, text.strip()),
        is_solved=answer.is_closed,
    )


def _refuse(state: LeanState, reason: str, message: str) -> LeanState:
    message = " ".join(message.split())[:MAX_MESSAGE_CHARS]
    return state._replace(num_refusals=state.num_refusals + 1, reason=reason, message=message)


def step_verdict(reason: str) -> StepVerdict:
    """Returns what a step is that was refused for ``reason``."""
    if not reason:
        return StepVerdict("right")
    if reason in ("repeated", "over"):
        return StepVerdict("no_progress", reason)
    if reason == "prover":
        return StepVerdict("undecided", reason)
    return StepVerdict("unparsed" if reason in _UNPARSED else "wrong", reason)
