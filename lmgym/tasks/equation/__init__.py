"""Equational proofs, checked by the kernel."""

from lmgym.tasks.equation.task import Equation

__all__ = ["Equation"]
