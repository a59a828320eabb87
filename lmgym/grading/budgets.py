"""The limits that answers are held to, before anything large is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmgym.errors import InvalidValueError


class Refusal(Exception):
    """A text or tree that is not dealt with. Inside the grader alone: outside it is a verdict's reason."""

    def __init__(self, reason: Literal["unparsed", "limit"], detail: str = "") -> None:
        """Keeps the reason.

        Args:
            reason: "unparsed": not a text of the grammar; "limit": beyond a budget.
            detail: what exactly, for the person who asks the command line to explain a verdict.
        """
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Limits of one answer. Larger is refused as "limit", never tried."""

    max_chars: int = 20_000
    """characters of a response in which an answer is looked for"""
    max_answer_chars: int = 2_000
    """characters of an answer"""
    max_tokens: int = 1_000
    """tokens of an answer"""
    max_depth: int = 100
    """nesting of an answer"""
    max_digits: int = 1_000
    """digits of a number, written or computed exactly"""
    max_exponent: int = 10_000
    """size of an exponent that is computed exactly"""
    max_degree: int = 60
    """degree of a polynomial that is expanded"""
    max_terms: int = 2_000
    """terms of a polynomial that is expanded"""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidValueError(f"Budgets.{name} must be a positive integer, got {value!r}.")
