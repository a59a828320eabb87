"""Which question is asked when, and which response stands on which side.

Comes in: questions, the rater's name, the share to be asked again, a seed. Goes out: a list of askings. It is
a pure function: a server that was killed goes on with the same list. Left out: what has been answered
(``lmgym.preferences.label.desk``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.preferences.annotators import Comparison
from lmgym.seeding import make_key

MIN_DISTANCE: Final = 6
"""Fewest places from a question to its repetition; one that would come sooner is left out."""
_DISTANCES: Final = 16
"""A repetition comes MIN_DISTANCE to MIN_DISTANCE + _DISTANCES - 1 questions later."""


class Asking(NamedTuple):
    """One question, put once."""

    id: str
    """Names it within the schedule."""
    comparison: Comparison
    """The question with its responses as shown: left, right."""
    shown: tuple[int, int]
    """Which of the file's responses stands left and which right."""


def make_schedule(
    questions: Sequence[Comparison], *, rater: str, second_opinion: float = 0.0, seed: int = 0
) -> list[Asking]:
    """Returns the askings of ``questions`` to ``rater``: in their order, some of them twice.

    The sides are drawn for each rater and question; a repetition has them the other way round.

    Args:
        questions: comparisons of two responses with different ``question_key``.
        rater: whose schedule this is.
        second_opinion: share of the questions, in [0, 1], that are asked again, at least MIN_DISTANCE
            places later; there are fewer repetitions at the end, where that can't be.
        seed: of sides and repetitions.

    Raises:
        InvalidValueError: a share outside [0, 1].
    """
    if not 0 <= second_opinion <= 1:
        raise InvalidValueError(f"second_opinion must be a share in [0, 1], got {second_opinion!r}.")
    placed = []
    for place, question in enumerate(questions):
        bits = make_key(seed, "label", rater, question.question_key)
        side, draw, gap = bits & 1, bits >> 11, bits >> 1 & (_DISTANCES - 1)
        placed.append((place, 0, _ask(question, side)))
        if draw / 2**53 < second_opinion:
            later = place + MIN_DISTANCE + gap
            placed.append((later, 1, _ask(question._replace(repetition=question.repetition + 1), 1 - side)))
    return _keep_distance([asking for *_, asking in sorted(placed, key=lambda item: item[:2])])


def _ask(question: Comparison, side: int) -> Asking:
    shown = (side, 1 - side)
    responses = (question.responses[shown[0]], question.responses[shown[1]])
    asking_id = f"{question.question_key}.{question.repetition}"
    return Asking(asking_id, question._replace(responses=responses), shown)


def _keep_distance(askings: Sequence[Asking]) -> list[Asking]:
    """Leaves out what would be asked again too soon, as happens at the end of the list."""
    kept: list[Asking] = []
    last: dict[str, int] = {}
    for asking in askings:
        key = asking.comparison.question_key
        if len(kept) - last.get(key, -math.inf) >= MIN_DISTANCE:
            last[key] = len(kept)
            kept.append(asking)
    return kept
