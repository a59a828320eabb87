"""The play of ``lmgym/Proof-v0``: which lines a text adds to a proof, and why one is refused.

Everything here is a pure function of the state and the text, so a transcript can be played again and its
outcome verified from the agent's texts alone. What a line proves is decided by ``lmgym.logic.fitch`` and the
kernel below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from lmgym.grading.derivation import cut_lines
from lmgym.logic.fitch import Line, ProofState, Refusal, Sequent, begin, extend, read_line, write_line
from lmgym.logic.notation import Signature, Style, signature_of
from lmgym.records import Problem, Turn


class ProofReference(NamedTuple):
    """The private truth of a problem: what is to be proved, and a proof of it."""

    sequent: Sequent
    proof: tuple[Line, ...]
    """The lines after the premises, in natural form."""
    num_lines: int
    """Lines that the agent may write."""
    value: str
    """The canonical text of the sequent: what all problems of one key share."""
    is_shortest: bool = False
    """True: no proof has fewer lines."""
    is_propositional: bool = True


class Rules(NamedTuple):
    """How an episode is played; the same for all problems of a task."""

    classical: bool
    max_line_chars: int
    max_refusals: int
    style: Style


class PlayState(NamedTuple):
    """How far an episode of a line a turn is."""

    problem: Problem
    proof: ProofState
    num_lines_left: int
    """Turns left: an accepted line and a refused one cost one each."""
    num_refusals: int = 0
    refusal: Refusal | None = None
    """Why the last turn was refused, None if it was not."""


class Played(NamedTuple):
    """What became of one line of a text."""

    proof: ProofState
    """After the line; a line that was refused or not read leaves it as it was."""
    refusal: Refusal | None = None
    skipped: Literal["", "blank", "unread"] = ""


def reference_of(problem: Problem) -> ProofReference:
    """Returns the truth of a problem of this task."""
    reference: ProofReference = problem.reference
    return reference


def begin_proof(problem: Problem, rules: Rules) -> ProofState:
    """Returns the proof that has the premises only."""
    return begin(reference_of(problem).sequent, classical=rules.classical)


@lru_cache(maxsize=1024)
def _symbols_of(sequent: Sequent) -> Signature:
    return signature_of(*sequent.premises, sequent.goal)


def add_line(proof: ProofState, text: str, rules: Rules) -> ProofState | Refusal:
    """Returns the proof with one more line, or why there is none. Takes any text."""
    text = text.strip()
    if len(text) > rules.max_line_chars:
        return Refusal("long", f"a line has at most {rules.max_line_chars} characters")
    line = read_line(text, proof, _symbols_of(proof.sequent))
    if isinstance(line, Refusal):
        return line
    if len(write_line(line, proof.num_lines + 1, rules.style)) > rules.max_line_chars:
        return Refusal("long", f"a line has at most {rules.max_line_chars} characters")
    return extend(proof, line)


def add_lines(proof: ProofState, lines: Sequence[str], num_lines: int, rules: Rules) -> list[Played]:
    """Returns what becomes of each of ``lines``: they are read up to the first that is refused.

    Blank lines are skipped. After the goal is proved nothing but blank lines may follow.
    """
    played = list[Played]()
    for text in lines:
        if played and played[-1].refusal is not None:
            played += [Played(proof, skipped="unread")] * (len(lines) - len(played))
            break
        if not text or text.isspace():
            played.append(Played(proof, skipped="blank"))
            continue
        found = _add_within(proof, text, num_lines, rules)
        proof = proof if isinstance(found, Refusal) else found
        num_lines -= 1
        played.append(Played(proof, found if isinstance(found, Refusal) else None))
    return played


def _add_within(proof: ProofState, text: str, num_lines: int, rules: Rules) -> ProofState | Refusal:
    if proof.is_proved:
        return Refusal("trailing", "the goal was proved before this line")
    if num_lines <= 0:
        return Refusal("lines", "the proof has no more lines than this")
    return add_line(proof, text, rules)


def take_turn(state: PlayState, turn: Turn, rules: Rules) -> PlayState:
    """Returns the state after a turn of one line; of several lines, the first that is not blank is read."""
    line = first_line(turn.text)
    if not turn.is_complete:
        found: ProofState | Refusal = Refusal("overlong", "the line was cut off")
    elif not line:
        found = Refusal("syntax", "nothing was said")
    else:
        found = add_line(state.proof, line, rules)
    left = state.num_lines_left - 1
    if isinstance(found, Refusal):
        return PlayState(state.problem, state.proof, left, state.num_refusals + 1, found)
    return PlayState(state.problem, found, left, state.num_refusals)


def first_line(text: str) -> str:
    """Returns the first line of ``text`` that is not blank, "" if there is none."""
    return next((line for line in cut_lines(text) if line and not line.isspace()), "")
