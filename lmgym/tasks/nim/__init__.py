"""Nim against a fixed opponent."""

from lmgym.tasks.nim.task import Nim

__all__ = ["Nim"]
