"""Writing to order: texts under constraints that are checked exactly."""

from lmgym.tasks.style.task import Style

__all__ = ["Style"]
