"""The last word on a proof: said to a process that has seen nothing else, statement pinned, axioms listed.

Comes in: a statement, and tactics that the guard has passed. Goes out: whether they prove it. The statement
is defined as a proposition before any text of a player is read; the theorem is assembled from the statement
and the tactics, must then serve as a proof of that proposition, and Lean lists the axioms that it rests on.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from lmgym.logic.lean.answers import Answer, read_answer
from lmgym.logic.lean.repl import LeanError, Repl
from lmgym.logic.lean.statements import LeanStatement

AXIOMS: Final = ("propext", "Classical.choice", "Quot.sound")
"""Lean's three standard axioms, on which a proof may rest."""
CONTEXT_TIMEOUT_S: Final = 120.0
MAX_MESSAGE_CHARS: Final = 300


class Check(NamedTuple):
    """What the final check says."""

    is_proved: bool
    reason: str = ""
    """"" if it is proved; "refused" (Lean does), "assumptions"; "prover" if nothing is known."""
    message: str = ""


def open_context(repl: Repl, statement: LeanStatement) -> int:
    """Returns the environment that holds the context.

    Raises:
        LeanError: Lean does not accept it.
    """
    answer = read_answer(
        repl.ask({"cmd": statement.context or "example : True := True.intro"}, CONTEXT_TIMEOUT_S)
    )
    if answer.errors or answer.holes or answer.env is None:
        raise LeanError(f"Lean refuses the context of {statement.name}: {'; '.join(answer.errors)[:300]}")
    return answer.env


def run_command(repl: Repl, command: str, env: int, timeout_s: float = CONTEXT_TIMEOUT_S) -> Answer:
    """Returns the answer to a command in the environment ``env``."""
    return read_answer(repl.ask({"cmd": command, "env": env}, timeout_s))


def check_proof(
    repl: Repl, statement: LeanStatement, lines: Sequence[str], axioms: Sequence[str], timeout_s: float
) -> Check:
    nonce = secrets.token_hex(8)
    goal, name, again = (f"lmgym_{word}_{nonce}" for word in ("goal", "theorem", "again"))
    pin = run_command(repl, f"def {goal} : Prop := {statement.statement}", open_context(repl, statement))
    if pin.errors or pin.holes or pin.env is None:
        return Check(False, "prover", f"Lean does not read the statement: {'; '.join(pin.errors)[:200]}")
    body = "\n".join(f"  {line}" for line in lines)
    env = pin.env
    for command in (
        f"theorem {name} : {statement.statement} := by\n{body}",
        f"theorem {again} : {goal} := {name}",
    ):
        answer = run_command(repl, command, env, timeout_s)
        problems = [*answer.errors, *(m.text for m in answer.messages if "sorry" in m.text)]
        if problems or answer.holes or answer.env is None:
            return Check(False, "refused", "; ".join(problems)[:MAX_MESSAGE_CHARS] or "Lean leaves a hole")
        env = answer.env
    return _judge_axioms(run_command(repl, f"#print axioms {again}", env, timeout_s), again, axioms)


def _judge_axioms(answer: Answer, name: str, axioms: Sequence[str]) -> Check:
    """Reads the one line that ``#print axioms`` prints; any other answer is no proof."""
    texts = [" ".join(message.text.split()) for message in answer.messages]
    if answer.errors or answer.holes or len(texts) != 1:
        return Check(False, "refused", "Lean did not list the axioms")
    if texts[0] == f"'{name}' does not depend on any axioms":
        return Check(True)
    start = f"'{name}' depends on axioms: ["
    if not texts[0].startswith(start) or not texts[0].endswith("]"):
        return Check(False, "refused", "Lean did not list the axioms")
    extra = [axiom for axiom in texts[0][len(start) : -1].split(", ") if axiom not in axioms]
    return Check(False, "assumptions", f"rests on {', '.join(extra)}"[:300]) if extra else Check(True)
