"""Equations, simplification, expansion, factoring, calculus, inequalities."""

from lmgym.tasks.algebra.task import Algebra

__all__ = ["Algebra"]
