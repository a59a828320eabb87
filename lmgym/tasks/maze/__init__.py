"""Finding the way through a maze."""

from lmgym.tasks.maze.task import Maze

__all__ = ["Maze"]
