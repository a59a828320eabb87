"""Does a statement follow from premises in English, is it refuted by them, or neither?"""

from lmgym.tasks.entailment.task import Entailment

__all__ = ["Entailment"]
