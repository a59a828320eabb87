"""Questions and answers of any data set."""

from lmgym.tasks.dataset.task import Dataset

__all__ = ["Dataset"]
