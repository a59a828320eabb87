"""What the prompts and replies of ``lmgym/Equation-v0`` say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lmgym.logic.equations.chains import IH, Chain, Claim
from lmgym.logic.equations.theories import THEORIES, Theory
from lmgym.tasks.equation.play import PlayState

MAX_EQUATION_CHARS: Final = 160
"""Of an equation in a reply; a longer one is cut."""
MAX_REASON_CHARS: Final = 60
"""Of a message that says why a line was refused; a longer one is cut."""

_INSTRUCTION: Final = (
    "Prove the equation by a chain of equal terms from its left side to its right side. Each line is = and "
    "the next term, then by and the name of the law that gives it, once and at one place: "
    "{example}\nIn the laws x, y, z stand for any term.{induction}{ask}\n"
)
_INDUCTION: Final = (
    " A line that ends in by ind a is proved by induction over a: first the chain for 0 in place of a, then "
    "the line step, then the chain for s(a), where IH is the hypothesis."
)
_ASK: Final = {"proof": "", "line": " Answer with one line at a time."}
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {"group": "=a*e by id", "ring": "=a+0 by id", "boolean": "=a&1 by id", "peano": "=s(a+b) by add"}
)


def write_prompt(claim: Claim, prompt_style: str, turn: str) -> str:
    """Returns theory, laws, hypotheses and goal, each on a line."""
    theory = claim.theory
    said = [theory.name]
    if prompt_style == "instruct":
        induction = _INDUCTION * theory.has_induction
        said.insert(
            0, _INSTRUCTION.format(example=_EXAMPLES[theory.name], induction=induction, ask=_ASK[turn])
        )
    if prompt_style != "plain":
        said.append(theory.describe_laws())
    said += [f"{name} {theory.write_equation(each)}" for name, each in claim.hypotheses]
    said.append(f"prove {theory.write(claim.left)}={theory.write(claim.right)}")
    return "\n".join(said) + "\n"


def max_frame_chars(prompt_style: str, theories: tuple[str, ...]) -> int:
    """Returns how long a prompt is at most, its hypotheses and its goal aside."""
    texts = [write_prompt(_empty(THEORIES[name]), prompt_style, "line") for name in theories]
    return max(map(len, texts))


def _empty(theory: Theory) -> Claim:
    zero = theory.read(theory.signs.constants[0])
    return Claim(theory, zero, zero)


def short_reply(state: PlayState) -> str:
    """Returns a newline after an accepted line, so that lines follow each other; else the reason, too."""
    return "\n" if state.refusal is None else f"\nno: {state.refusal.reason}\n"


def state_reply(state: PlayState) -> str:
    """Returns what is still to be shown, the turns left, and why the last line was refused."""
    refusal, chain = state.refusal, state.chain
    said = [] if refusal is None else [f"refused ({refusal.reason}): {refusal.message[:MAX_REASON_CHARS]}"]
    theory = chain.claim.theory
    said += [f"{IH} {_cut(theory.write_equation(each))}" for each in chain.laws.get(IH, ())[:1]]
    return "\n" + "\n".join([*said, f"{state.num_lines_left} left{write_state(chain)}"]) + "\n"


def write_state(chain: Chain) -> str:
    """Returns what is to be shown now: ``: a*e=a``, within an induction ``, base: 0+0=0``."""
    frame, theory = chain.frame, chain.claim.theory
    part = "" if frame.part == "goal" else f", {frame.part}"
    return f"{part}: {_cut(f'{theory.write(frame.current)}={theory.write(frame.target)}')}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_EQUATION_CHARS else text[: MAX_EQUATION_CHARS - 3] + "..."


MAX_REPLY_CHARS: Final = (
    len("\nrefused (unparsed): \nIH \n99 left, base: \n") + MAX_REASON_CHARS + 2 * MAX_EQUATION_CHARS
)
