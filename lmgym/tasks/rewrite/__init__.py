"""Simplification by verified steps."""

from lmgym.tasks.rewrite.task import Rewrite

__all__ = ["Rewrite"]
