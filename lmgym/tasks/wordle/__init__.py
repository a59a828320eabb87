"""Finding a word by guessing."""

from lmgym.tasks.wordle.task import Wordle

__all__ = ["Wordle"]
