"""Verifies the proofs of a database."""

from __future__ import annotations

from lmgym.logic.metamath.compressed import check_compressed, is_compressed
from lmgym.logic.metamath.database import Assertion, Database
from lmgym.logic.metamath.goal import Check, Goal
from lmgym.logic.metamath.rule import Refusal


def verify_theorem(database: Database, theorem: Assertion) -> Check:
    """Returns how far the theorem's own proof goes; its refusal is None if and only if it is right."""
    goal, proof = Goal(database, theorem), theorem.proof
    if proof is None:
        return Check((), 0, Refusal("axiom", f"{theorem.label} is an axiom"))
    return check_compressed(goal, proof) if is_compressed(proof) else goal.check(proof)


def verify_database(database: Database) -> dict[str, Refusal]:
    """Returns for every theorem whose proof is not right why; empty if all are."""
    checks = {theorem.label: verify_theorem(database, theorem).refusal for theorem in database.theorems}
    return {label: refusal for label, refusal in checks.items() if refusal is not None}
