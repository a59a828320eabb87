"""Upper bounds on the lengths of prompts and demonstrations of Countdown, from what problems are drawn of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lmgym.tasks.countdown.draw import Puzzle
from lmgym.tasks.countdown.knobs import Knobs
from lmgym.tasks.countdown.solver import has_fractions, largest_result
from lmgym.tasks.countdown.worked import LEFT


class Sizes(NamedTuple):
    """Bounds on what problems and demonstrations hold."""

    max_result: int
    """On numerators and denominators of the results on the way."""
    fractions: bool
    """Whether there can be fractions on the way."""
    num_numbers: int
    """Numbers of a problem."""
    number_chars: int
    target_chars: int
    answer_chars: int
    worked_chars: int


def sizes_of_knobs(knobs: Iterable[Knobs]) -> Sizes:
    """Returns bounds for problems drawn with any of ``knobs``."""
    each = [
        _sizes(k.max_result, k.has_fractional_solutions, k.num_numbers, k.max_number, k.max_target)
        for k in knobs
    ]
    return Sizes(*map(max, zip(*each, strict=True)))


def sizes_of_puzzles(puzzles: Sequence[Puzzle]) -> Sizes:
    """Returns bounds for ``puzzles``."""
    solutions = [puzzle.reference.solution for puzzle in puzzles]
    return _sizes(
        max(map(largest_result, solutions)),
        any(map(has_fractions, solutions)),
        max(len(puzzle.numbers) for puzzle in puzzles),
        max(max(puzzle.numbers) for puzzle in puzzles),
        max(puzzle.reference.value for puzzle in puzzles),
    )


def _sizes(max_result: int, fractions: bool, count: int, max_number: int, max_target: int) -> Sizes:
    number_chars = len(str(max_number))
    # A near miss may have a negative result, and at worst one of twice the size.
    result_chars = 1 + len(str(2 * max_result)) * (2 if fractions else 1) + fractions
    answer_chars = count * number_chars + (count - 1) + 2 * max(count - 2, 0)
    # A line has three results and two signs (and parentheses), then what is left; it follows a newline.
    step = 3 * result_chars + 3 + len(LEFT) + (4 if fractions else 0)
    lines = sum(step + left * (1 + result_chars) for left in range(1, count))
    return Sizes(
        max_result,
        fractions,
        count,
        number_chars,
        len(str(max_target)),
        answer_chars,
        lines + 1 + answer_chars,
    )
