"""Lean 4 through a REPL that speaks JSON: tactics one by one, and a final check in a process of its own.

Tested against a recorded protocol, not against Lean.
"""

from lmgym.logic.lean.final import AXIOMS, Check
from lmgym.logic.lean.guard import Refusal, read_tactic
from lmgym.logic.lean.prover import Goals, Lean
from lmgym.logic.lean.repl import LeanError
from lmgym.logic.lean.statements import LeanFileError, LeanStatement, read_lean_statements

__all__ = [
    "AXIOMS",
    "Check",
    "Goals",
    "Lean",
    "LeanError",
    "LeanFileError",
    "LeanStatement",
    "Refusal",
    "read_lean_statements",
    "read_tactic",
]
