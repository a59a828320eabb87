"""Equational proofs: terms in infix, theories with named laws, chains that the kernel checks."""
