"""The tasks of the reasoning-gym package."""

from lmgym.tasks.reasoning_gym.task import ReasoningGym

__all__ = ["ReasoningGym"]
