"""Rocq (Coq): statements to prove, sentences that may reach the prover, and sessions with it."""

from lmgym.logic.rocq.axioms import AXIOM_SETS
from lmgym.logic.rocq.final import Check
from lmgym.logic.rocq.goals import Goal, Goals, Refusal
from lmgym.logic.rocq.pool import Pool, ProverError
from lmgym.logic.rocq.prover import Rocq, pin
from lmgym.logic.rocq.statements import Statement, read_statements

__all__ = [
    "AXIOM_SETS",
    "Check",
    "Goal",
    "Goals",
    "Pool",
    "ProverError",
    "Refusal",
    "Rocq",
    "Statement",
    "pin",
    "read_statements",
]
