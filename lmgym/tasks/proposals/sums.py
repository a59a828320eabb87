"""Proposed sums: ``12+34=`` is read as a problem of ``lmgym/Math-v0``."""

from __future__ import annotations

import numpy as np

from lmgym.tasks.arithmetic.expressions import Chain, Literal, canonical_key
from lmgym.tasks.arithmetic.task import Math, MathReference
from lmgym.tasks.options import check_int
from lmgym.tasks.proposals.form import Proposal, make_proposal, read_number
from lmgym.tasks.stream import Draft


class SumProposals:
    """Sums of two natural numbers.

    >>> form = SumProposals(max_digits=2)
    >>> form.read("3+46=").problem.reference.answer, form.read("3+146=").reason, form.read("46").reason
    ('49', 'limits', 'unparsed')
    """

    def __init__(self, *, max_digits: int = 2) -> None:
        """Sets the size.

        Args:
            max_digits: digits of the longest number, 1 to 6.

        Raises:
            InvalidValueError: ``max_digits`` is out of its range.
        """
        self._max_digits = check_int("max_digits", max_digits, 1, 6)
        self._task = Math(level=1 if max_digits == 1 else 2, num_digits=max_digits, operators="+")

    @property
    def task(self) -> Math:
        return self._task

    @property
    def max_chars(self) -> int:
        return 2 * self._max_digits + 2

    def read(self, text: str) -> Proposal:
        if len(text) > 64 or text.count("+") != 1 or not text.endswith("="):
            return Proposal(None, "unparsed")
        parts = text[:-1].split("+")
        numbers = [read_number(part, 64) for part in parts]
        if None in numbers:
            return Proposal(None, "unparsed")
        if max(map(len, parts)) > self._max_digits:
            return Proposal(None, "limits")
        left, right = (Literal(part, int(part)) for part in parts)
        value = int(parts[0]) + int(parts[1])
        expression = Chain((left, right), ("+",))
        reference = MathReference(str(value), value, expression)
        return make_proposal(Draft(text, reference, canonical_key(expression), float(self._task.level)))

    def example(self, rng: np.random.Generator) -> str:
        digits = rng.integers(1, self._max_digits + 1, size=2)
        left, right = (int(rng.integers(0, 10 ** int(count))) for count in digits)
        return f"{left}+{right}="
