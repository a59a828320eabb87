"""Grade-school problems in words."""

from lmgym.tasks.word_problem.task import WordProblem

__all__ = ["WordProblem"]
