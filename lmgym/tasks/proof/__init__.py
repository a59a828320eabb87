"""Proofs to be written: propositional and first-order natural deduction (``lmgym/Proof-v0``)."""

from lmgym.tasks.proof.task import Proof

__all__ = ["Proof"]
