"""The sliding puzzle as text: a probe of planning with exact distances."""

from lmgym.tasks.sliding_puzzle.task import SlidingPuzzle

__all__ = ["SlidingPuzzle"]
