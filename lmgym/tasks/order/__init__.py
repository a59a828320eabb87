"""Transitive comparison."""

from lmgym.tasks.order.task import Order

__all__ = ["Order"]
