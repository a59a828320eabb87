"""Equational proofs: terms in infix, theories with named laws, chains of rewritings that the kernel checks."""
