"""Exact arithmetic."""

from lmgym.tasks.arithmetic.task import Math

__all__ = ["Math"]
