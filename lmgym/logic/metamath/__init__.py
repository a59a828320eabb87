"""Metamath: a verifier of its own, a second kernel beside ``lmgym.logic.kernel``.

A database is a text of axioms and theorems over symbols without any built-in meaning; the only rule is
substitution. ``read_database`` reads one, ``verify_database`` verifies its proofs, ``Goal`` checks proofs of
one's own. From the specification: N. Megill and D. A. Wheeler, "Metamath", 2nd edition, chapter 4.
"""

from lmgym.logic.metamath.compressed import check_compressed, is_compressed, written_out
from lmgym.logic.metamath.database import Assertion, Database, Hypothesis
from lmgym.logic.metamath.goal import Check, Goal
from lmgym.logic.metamath.reader import parse_database, read_database
from lmgym.logic.metamath.rule import Refusal, Stack
from lmgym.logic.metamath.source import Limits, MetamathError
from lmgym.logic.metamath.verify import verify_database, verify_theorem

__all__ = [
    "Assertion",
    "Check",
    "Database",
    "Goal",
    "Hypothesis",
    "Limits",
    "MetamathError",
    "Refusal",
    "Stack",
    "check_compressed",
    "is_compressed",
    "parse_database",
    "read_database",
    "verify_database",
    "verify_theorem",
    "written_out",
]
