"""Proposed number games: ``8 from 3 5:`` is read as a problem of ``lmgym/Countdown-v0``."""

from __future__ import annotations

import numpy as np

from lmgym.tasks.countdown.draw import CountdownReference, key_of
from lmgym.tasks.countdown.solver import largest_result, solver_of
from lmgym.tasks.countdown.task import Countdown
from lmgym.tasks.options import check_int
from lmgym.tasks.proposals.form import Proposal, make_proposal, read_number
from lmgym.tasks.stream import Draft


class CountdownProposals:
    """Targets to be made from two to four numbers, each used at most once.

    A target that is one of the numbers, or can't be made, is refused as unsolvable.
    """

    def __init__(self, *, level: int = 1) -> None:
        """Sets the size.

        Args:
            level: of ``Countdown``, 1 (two numbers) to 5 (four numbers).

        Raises:
            InvalidValueError: ``level`` is out of its range.
        """
        self._task = Countdown(level=check_int("level", level, 1, 5))

    @property
    def task(self) -> Countdown:
        return self._task

    @property
    def max_chars(self) -> int:
        return self._task.max_prompt_chars

    def read(self, text: str) -> Proposal:
        knobs = self._task.knobs
        target_text, joint, rest = text.partition(" from ")
        if len(text) > 64 or not joint or not rest.endswith(":"):
            return Proposal(None, "unparsed")
        numbers = [read_number(part, 9) for part in rest[:-1].split(" ")]
        target = read_number(target_text, 9)
        if target is None or None in numbers:
            return Proposal(None, "unparsed")
        known = tuple(sorted(number for number in numbers if number is not None))
        is_inside = len(known) == knobs.num_numbers and knobs.min_target <= target <= knobs.max_target
        if not is_inside or known[0] < 1 or known[-1] > knobs.max_number:
            return Proposal(None, "limits")
        tree = (
            None if target in known else solver_of(known, knobs.fractions).find(known, target, knobs.use_all)
        )
        if tree is None or largest_result(tree) > knobs.max_result:
            return Proposal(None, "unsolvable")
        reference = CountdownReference(target, known, tree)
        return make_proposal(Draft(text, reference, key_of(known, target), float(self._task.level)))

    def example(self, rng: np.random.Generator) -> str:
        knobs = self._task.knobs
        numbers = rng.integers(1, knobs.max_number + 1, size=knobs.num_numbers).tolist()
        # The sum or the difference of two of the numbers, where it is in range, so that some can be solved.
        target = abs(numbers[0] + int(rng.choice([-1, 1])) * numbers[1])
        if not knobs.min_target <= target <= knobs.max_target:
            target = int(rng.integers(knobs.min_target, knobs.max_target + 1))
        return f"{target} from {' '.join(map(str, numbers))}:"
