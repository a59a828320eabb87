"""The play of ``lmgym/Rocq-v0``: what a tactic does to the goals, and why one is refused.

Everything here is a function of the state and the text, through the prover, which remembers its answers. So a
transcript can be played again and its outcome verified from the texts of the agent alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from lmgym.logic.rocq import Goals, ProverError, Refusal, Rocq, Statement
from lmgym.logic.rocq.goals import cut
from lmgym.logic.rocq.guard import read_script
from lmgym.records import Problem, StepVerdict, Turn

MAX_GOALS_CHARS = 1_500
MAX_MESSAGE_CHARS = 240
MAX_SCRIPT_CHARS = 20_000
MAX_SCRIPT_STEPS = 200

_UNPARSED = ("empty", "unparsed", "long", "characters", "comment", "command", "forbidden", "overlong")


class RocqReference(NamedTuple):
    """The private truth of a problem."""

    statement: Statement
    num_turns: int
    """The turns of the episode."""


class RocqState(NamedTuple):
    """How far an episode is."""

    problem: Problem
    tactics: tuple[str, ...]
    """the accepted ones"""
    seen: tuple[str, ...]
    """the goals, as written, that were the current ones after the first tactic"""
    num_turns_left: int
    num_refusals: int = 0
    reason: str = ""
    """Why the last turn was refused, "" if it was not."""
    message: str = ""
    """What the prover said to it."""
    goals: str = ""
    """The goals as written; "" before the first tactic."""
    num_goals: int = 1
    """Goals that are left."""
    leads_on: bool = True
    """False: the last tactic is the one before it again, and left no fewer goals."""
    is_solved: bool = False
    """True: the prover's session has accepted the whole proof; the final check is yet to come."""


def take_turn(state: RocqState, turn: Turn, prover: Rocq) -> RocqState:
    """Returns the state after one tactic: other goals, or the same and a reason."""
    state = state._replace(num_turns_left=state.num_turns_left - 1, reason="", message="")
    text = turn.text.strip(" \t\r\n")
    if not turn.is_complete:
        return _refuse(state, "overlong", "the turn was cut off")
    if "\n" in text:
        return _refuse(state, "unparsed", "one tactic on one line is a turn")
    new = say(state, text, prover)
    if not new.reason and not new.is_solved and is_repeated(state, new, prover):
        return _refuse(state, "repeated", "these goals were there before")
    return new


def say(state: RocqState, text: str, prover: Rocq) -> RocqState:
    """Returns the state after the tactic ``text``; never raises on any text."""
    statement: Statement = state.problem.reference.statement
    try:
        answer = prover.run(statement, (*state.tactics, text))
    except ProverError as error:
        return _refuse(state, "prover", str(error))
    if isinstance(answer, Refusal):
        return _refuse(state, answer.reason, answer.message)
    goals, num_goals = answer.write(), len(answer.goals) + answer.num_behind + answer.num_shelved
    return state._replace(
        tactics=(*state.tactics, text),
        seen=(*state.seen, goals),
        goals=goals,
        num_goals=num_goals,
        leads_on=state.tactics[-1:] != (text,) or num_goals < state.num_goals,
        is_solved=answer.is_closed,
    )


def is_repeated(state: RocqState, new: RocqState, prover: Rocq) -> bool:
    """Whether the goals of ``new`` are among those on the way to ``state``."""
    return new.goals in state.seen or new.goals == first_goals(state.problem.reference.statement, prover)


def first_goals(statement: Statement, prover: Rocq) -> str:
    """Returns the goals before any tactic as the prover prints them, "" if it can't."""
    try:
        answer = prover.run(statement)
    except ProverError:
        return ""
    return answer.write() if isinstance(answer, Goals) else ""


def _refuse(state: RocqState, reason: str, message: str) -> RocqState:
    message = cut(" ".join(message.split()), MAX_MESSAGE_CHARS)
    return state._replace(num_refusals=state.num_refusals + 1, reason=reason, message=message)


class ScriptPlay(NamedTuple):
    """What became of a whole proof."""

    state: RocqState
    verdicts: tuple[StepVerdict, ...]
    """one for each line that holds a step, up to the first that is refused, by line"""
    lines: tuple[int, ...]
    """the lines of these verdicts"""


def play_script(state: RocqState, turn: Turn, prover: Rocq) -> ScriptPlay:
    """Returns how far a proof of several lines gets; it ends with the first step that is refused."""
    state = state._replace(num_turns_left=state.num_turns_left - 1, reason="", message="")
    if len(turn.text) > MAX_SCRIPT_CHARS:
        return ScriptPlay(_refuse(state, "long", "the proof is too long"), (), ())
    steps = read_script(turn.text)
    if len(steps) > MAX_SCRIPT_STEPS:
        return ScriptPlay(_refuse(state, "long", "the proof has too many steps"), (), ())
    found = {line: StepVerdict("no_progress", "blank") for line, text in steps if _is_frame(text)}
    steps = [(line, text) for line, text in steps if not _is_frame(text)]
    _say_all(state, [text for _, text in steps], prover)
    for line, text in steps:
        new = say(state, text, prover)
        if state.is_solved:
            new = _refuse(state._replace(is_solved=False), "over", "the proof has ended before")
        verdict = step_verdict(new)
        if not new.reason and not new.is_solved and is_repeated(state, new, prover):
            verdict = StepVerdict("no_progress", "repeated")
        found[line] = _worse(found.get(line), verdict)
        state = new
        if new.reason:
            break
    if not steps:
        state = _refuse(state, "empty", "nothing was said")
    if not turn.is_complete:
        state = _refuse(state._replace(is_solved=False), "overlong", "the turn was cut off")
    return ScriptPlay(state, tuple(found.values()), tuple(found))


def _is_frame(text: str) -> bool:
    return text.strip() in ("Proof.", "Qed.")


def _say_all(state: RocqState, texts: Sequence[str], prover: Rocq) -> None:
    """Has the prover go through all at once, within the time of one request; it remembers what it says."""
    with contextlib.suppress(ProverError):  # it comes again when the steps are said one by one
        prover.run(state.problem.reference.statement, (*state.tactics, *texts))


def _worse(one: StepVerdict | None, other: StepVerdict) -> StepVerdict:
    """Returns the verdict on a line that holds both steps."""
    if one is None or (one.status == "no_progress" and other.status == "right"):
        return other
    return one if one.status != "right" or other.status == "no_progress" else other


def step_verdict(state: RocqState) -> StepVerdict:
    """Returns what the step was that led to ``state``."""
    reason = state.reason or ("" if state.leads_on else "repeated")
    if not reason:
        return StepVerdict("right")
    if reason == "repeated":
        return StepVerdict("no_progress", reason)
    if reason == "prover":
        return StepVerdict("undecided", reason)
    return StepVerdict("unparsed" if reason in _UNPARSED else "wrong", reason)


def known_goals(statement: Statement, prover: Rocq) -> Sequence[str]:
    """Returns the goals before each tactic of the known proof, up to what the prover accepts of it."""
    found: list[str] = []
    for length in range(len(statement.proof)):
        try:
            answer = prover.run(statement, statement.proof[:length])
        except ProverError:
            break
        if isinstance(answer, Refusal):
            break
        found.append(answer.write())
    return found
