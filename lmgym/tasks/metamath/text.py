"""What prompts and replies say: statements, what is to be proved, and the stack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lmgym.logic.metamath import Assertion, Hypothesis, Refusal
from lmgym.logic.metamath.database import Pair

MAX_MESSAGE_CHARS = 160
"""Of a message that says why a label was refused; a longer one is cut."""
MAX_STACK_CHARS = 2000
"""Of a stack in a reply; of a larger one the top is shown."""

_INSTRUCTIONS = (
    "Prove the last line in Metamath. A proof is a list of labels in reverse Polish order. The label of a "
    "hypothesis puts it on a stack. The label of an axiom or theorem takes from the top of the stack what "
    "stands before => (its variables replaced by any expressions, the last one on top) and puts back what "
    "stands behind it. In the end the line to be proved must be all there is on the stack.\n"
)
_ESSENTIAL = (
    "Write logical steps only; the expressions that variables stand for are found by unification (?1, ?2 are "
    "still open).\n"
)
_ASK = {
    "proof": "Answer with the labels of the proof only, separated by blanks.\n\n",
    "label": "Answer with one label at a time.\n\n",
}


class Statement(NamedTuple):
    """What the prompt says of a theorem, its list of assertions aside."""

    variables: tuple[str, ...]
    """Lines of the ``$f`` hypotheses; () in the essential format."""
    needed: tuple[Assertion, ...]
    """What the known proof uses, in the database's order."""
    goal: str
    """Lines of the distinct variables, the logical hypotheses and the assertion."""


def write_instructions(proof_format: str, turn: str) -> str:
    """Returns the explanation that stands before a problem with ``prompt_style="instruct"``."""
    return _INSTRUCTIONS + (_ESSENTIAL if proof_format == "essential" else "") + _ASK[turn]


def write_hypothesis(hypothesis: Hypothesis) -> str:
    """Returns a line such as ``min: |- ph``."""
    return f"{hypothesis.label}: {' '.join(hypothesis.expression)}"


def write_assertion(assertion: Assertion, *, with_variables: bool) -> str:
    """Returns a line such as ``ax-mp: ph, ps, |- ph, |- ( ph -> ps ) => |- ps``.

    Before the arrow stands what is taken from the stack, the top last; a variable for what it is replaced by.
    """
    taken = [
        h.expression[1] if h.is_floating else " ".join(h.expression)
        for h in assertion.hypotheses
        if with_variables or not h.is_floating
    ]
    arrow = f"{', '.join(taken)} => " if taken else ""
    return f"{assertion.label}: {arrow}{' '.join(assertion.expression)}{_distinct(assertion.distinct)}"


def _distinct(pairs: Iterable[Pair]) -> str:
    said = ", ".join(f"{first} {second}" for first, second in sorted(pairs))
    return f" (distinct {said})" if said else ""


def write_goal(theorem: Assertion, variables: frozenset[str]) -> str:
    """Returns the lines that end the prompt; ``variables`` are those whose distinctness is said."""
    pairs = [pair for pair in theorem.active_distinct if variables.issuperset(pair)]
    lines = [
        *map(write_hypothesis, theorem.logical),
        f"prove {' '.join(theorem.expression)}{_distinct(pairs)}",
    ]
    return "".join(f"{line}\n" for line in lines)


def write_prompt(statement: Statement, shown: Iterable[Assertion], *, with_variables: bool) -> str:
    """Returns the prompt: variables, the assertions in ``shown``, hypotheses, and what is to be proved."""
    lines = [write_assertion(assertion, with_variables=with_variables) for assertion in shown]
    return "".join(f"{line}\n" for line in (*statement.variables, *lines)) + statement.goal


def write_stack(stack: tuple[str, ...], max_chars: int) -> str:
    """Returns the stack, one expression a line, the top last; what has no room is left out from below."""
    lines: list[str] = []
    room = max_chars
    for line in reversed(stack):
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line + "\n")
    return "".join(reversed(lines))


def full_reply(stack: tuple[str, ...], refusal: Refusal | None, num_left: int, max_chars: int) -> str:
    """Returns why the label was refused, if it was, the stack, and the turns left."""
    said = "" if refusal is None else f"refused ({refusal.reason}): {refusal.message[:MAX_MESSAGE_CHARS]}\n"
    return f"\n{said}{write_stack(stack, max_chars)}({num_left} left)\n"


def short_reply(refusal: Refusal | None) -> str:
    """Returns a blank after an accepted label, else the reason in a word."""
    return " " if refusal is None else f"\nno: {refusal.reason}\n"
