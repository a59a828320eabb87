"""Grading of answers: finds the final answer of a response and compares it with the gold answer, exactly.

Nothing that an agent writes is ever evaluated as code, and whatever it writes, there is a verdict in time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmgym.grading.budgets import Budgets
    from lmgym.grading.gold import Gold, read_gold
    from lmgym.grading.grader import grade, grade_batch
    from lmgym.grading.policies import POLICIES, Policy
    from lmgym.grading.rules import Rules

__all__ = ["POLICIES", "Budgets", "Gold", "Policy", "Rules", "grade", "grade_batch", "read_gold"]

_HOMES = {
    "Budgets": "budgets",
    "Gold": "gold",
    "read_gold": "gold",
    "grade": "grader",
    "grade_batch": "grader",
    "POLICIES": "policies",
    "Policy": "policies",
    "Rules": "rules",
}


def __getattr__(name: str) -> Any:
    # ``exact`` is all that arithmetic tasks need, so nothing else is loaded before it is used.
    if name in _HOMES:
        value = getattr(import_module(f"lmgym.grading.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'lmgym.grading' has no attribute {name!r}")
