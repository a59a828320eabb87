"""What the prompts and replies of ``lmgym/Proof-v0`` say."""

from __future__ import annotations

from typing import Final

from lmgym.logic.fitch import ProofState, Sequent, write_line
from lmgym.logic.notation import Style, write_formula
from lmgym.tasks.proof.play import PlayState

MAX_REASON_CHARS: Final = 120
"""Of a message that says why a line was refused; a longer one is cut."""

_TURNSTILES: Final = {"ascii": "|-", "unicode": "⊢"}

INSTRUCTIONS: Final = """\
Prove the formula after {turnstile} from the numbered premises by natural deduction, in Fitch's style.
Write one line for each step: its number, one | for each assumption that is open, the formula, the rule, \
and the lines it rests on, such as: {example}
as opens a box with an assumption; fewer | close it, and i-j cites the closed box from line i to line j.
Rules: R i, &I i,j, &E i, |I i, |E i,j-k,l-m, ->I i-j, ->E i,j, <->I i-j,k-l, <->E i,j, ~I i-j, ~E i,j \
(gives F, falsehood), FE i, TI{more}.
{ask}

"""
_CLASSICAL: Final = ", DNE i (from ~~A to A), RAA i-j (A, from a box from ~A to F), LEM (A|~A)"
_FIRST_ORDER: Final = (
    ", allI i (of a line with a free variable that nothing assumed has), allE i, exI i, exE i,j-k (the box "
    "assumes an instance with a new variable), =I, =E i,j (line i is the equation)"
)
_ASK: Final = {
    "proof": "Answer with the lines of the proof only; its last line is the formula to be proved.",
    "line": "Answer with one line at a time.",
}


def write_sequent(sequent: Sequent, style: Style) -> str:
    """Returns the numbered premises and the goal, each on a line."""
    return "".join(f"{line}\n" for line in (*_premises(sequent, style), goal_line(sequent, style)))


def _premises(sequent: Sequent, style: Style) -> list[str]:
    return [f"{n}. {write_formula(premise, style)}" for n, premise in enumerate(sequent.premises, 1)]


def goal_line(sequent: Sequent, style: Style) -> str:
    """Returns the turnstile and the goal."""
    return f"{_TURNSTILES[style]} {write_formula(sequent.goal, style)}"


def instruct(turn: str, style: Style, *, classical: bool, first_order: bool) -> str:
    """Returns the explanation that stands before a problem with ``prompt_style="instruct"``."""
    more = _CLASSICAL * classical + _FIRST_ORDER * first_order
    example = "7. |q ->E 2,5" if style == "ascii" else "7. | q  →E 2,5"
    return INSTRUCTIONS.format(turnstile=_TURNSTILES[style], example=example, more=more, ask=_ASK[turn])


def short_reply(state: PlayState) -> str:
    """Returns a newline after an accepted line, so that lines follow each other; else the reason."""
    return "\n" if state.refusal is None else f"\nno: {state.refusal.reason}\n"


def full_reply(state: PlayState, style: Style) -> str:
    """Returns the whole proof so far, the goal, the turns left, and why the last line was refused."""
    refusal = state.refusal
    said = [] if refusal is None else [f"refused ({refusal.reason}): {refusal.message[:MAX_REASON_CHARS]}"]
    goal = f"{goal_line(state.proof.sequent, style)}  ({state.num_lines_left} left)"
    return "\n" + "\n".join([*said, *proof_lines(state.proof, style), goal]) + "\n"


def proof_lines(proof: ProofState, style: Style) -> list[str]:
    """Returns the premises and lines of a proof, numbered."""
    count = len(proof.sequent.premises)
    lines = proof.lines[count:]
    written = [write_line(line, number, style) for number, line in enumerate(lines, count + 1)]
    return [*_premises(proof.sequent, style), *written]
