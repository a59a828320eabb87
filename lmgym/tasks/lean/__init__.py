"""Theorems to be proved in Lean 4."""

from lmgym.tasks.lean.task import Lean

__all__ = ["Lean"]
