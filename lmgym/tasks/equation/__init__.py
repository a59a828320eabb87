"""Equational proofs, checked by the kernel."""
