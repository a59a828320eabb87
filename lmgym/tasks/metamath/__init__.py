"""Theorems of Metamath databases."""

from lmgym.tasks.metamath.task import Metamath

__all__ = ["Metamath"]
