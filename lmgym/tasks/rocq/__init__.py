"""Theorems to be proved in Rocq (Coq)."""

from lmgym.tasks.rocq.task import Rocq

__all__ = ["Rocq"]
