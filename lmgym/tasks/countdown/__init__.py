"""Reaching a target with given numbers."""

from lmgym.tasks.countdown.task import Countdown

__all__ = ["Countdown"]
