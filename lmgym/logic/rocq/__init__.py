"""Rocq (Coq): statements to prove, sentences that may reach the prover, and sessions with it."""
