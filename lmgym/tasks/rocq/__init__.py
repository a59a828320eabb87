"""Theorems to be proved in Rocq (Coq)."""
