"""Proofs to be written: propositional and first-order natural deduction."""
