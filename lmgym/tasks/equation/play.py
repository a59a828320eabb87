"""The play of ``lmgym/Equation-v0``: which lines a text adds to a chain, and why one is refused.

Everything here is a pure function of the state and the text, so a transcript can be played again and its
outcome verified from the agent's texts alone. What a line proves the kernel decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from lmgym.logic.equations.chains import Chain, Claim, Refusal, begin, play_line
from lmgym.records import Problem, Turn
from lmgym.tasks.equation.theorems import Lines

WHITESPACE = " \t\r\n"


class EquationReference(NamedTuple):
    """The private truth of a problem: what is to be proved, and a proof of it."""

    claim: Claim
    lines: Lines
    """The constructed proof, its laws left out."""
    num_lines: int
    """Lines that the agent may write."""
    value: str
    """The canonical text of the claim: what all problems of one key share."""


class PlayState(NamedTuple):
    """How far an episode of a line a turn is."""

    problem: Problem
    chain: Chain
    num_lines_left: int
    """Turns left: an accepted line and a refused one cost one each."""
    num_refusals: int = 0
    refusal: Refusal | None = None
    """Why the last turn was refused, None if it was not."""


class Played(NamedTuple):
    """What became of one line of a text."""

    chain: Chain
    """After the line; one that was refused or not read leaves it as it was."""
    refusal: Refusal | None = None
    skipped: Literal["", "blank", "unread"] = ""


def reference_of(problem: Problem) -> EquationReference:
    """Returns the truth of a problem of this task."""
    reference: EquationReference = problem.reference
    return reference


def start_play(problem: Problem) -> PlayState:
    """Returns the state in which nothing was said."""
    reference = reference_of(problem)
    return PlayState(problem, begin(reference.claim), reference.num_lines)


def play_lines(chain: Chain, lines: Sequence[str], num_lines: int) -> list[Played]:
    """Returns what becomes of each of ``lines``: they are read up to the first that is refused.

    Blank lines are skipped. When the goal is proved nothing but blank lines may follow.
    """
    played = list[Played]()
    for text in lines:
        if played and played[-1].refusal is not None:
            return played + [Played(chain, skipped="unread")] * (len(lines) - len(played))
        if not text.strip(WHITESPACE):
            played.append(Played(chain, skipped="blank"))
            continue
        found = Refusal("lines", "no more lines than this") if num_lines <= 0 else play_line(chain, text)
        num_lines -= 1
        if isinstance(found, Refusal):
            played.append(Played(chain, found))
        else:
            chain = found
            played.append(Played(chain))
    return played


def take_turn(state: PlayState, turn: Turn) -> PlayState:
    """Returns the state after a turn of one line."""
    if not turn.is_complete:
        found: Chain | Refusal = Refusal("overlong", "the line was cut off")
    elif "\n" in (text := turn.text.strip(WHITESPACE)):
        found = Refusal("unparsed", "more than one line")
    else:
        found = play_line(state.chain, text)
    left = state.num_lines_left - 1
    if isinstance(found, Refusal):
        return PlayState(state.problem, state.chain, left, state.num_refusals + 1, found)
    return PlayState(state.problem, found, left, state.num_refusals)
