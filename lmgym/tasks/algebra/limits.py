"""The sizes of algebra problems by level; what exceeds them is not drawn.

Numbers are drawn up to ``SIZES``. ``LIMITS`` bound the questions that follow from them, over every
split; nearly all of some thousand draws keep to them, so little is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SIZES = (9, 9, 9, 12, 12, 12, 15, 20)
"""How large the numbers are that problems are built from, by level."""


class Limits(NamedTuple):
    """The largest problem of a family and level."""

    number: int
    """Largest integer in a question, "ood_coefficients" and "ood_length" aside."""
    question: int
    """Characters."""
    answer: int
    """Characters."""
    worked: int
    """Characters of the working with its line ends."""


LIMITS: Mapping[str, tuple[Limits, ...]] = {
    "linear": (
        Limits(16, 9, 4, 13),
        Limits(72, 11, 4, 22),
        Limits(70, 12, 4, 23),
        Limits(188, 17, 4, 30),
        Limits(12, 16, 6, 31),
        Limits(12, 18, 7, 47),
        Limits(15, 28, 7, 60),
        Limits(20, 26, 8, 86),
    ),
    "quadratic": (
        Limits(289, 20, 10, 63),
        Limits(56, 20, 10, 63),
        Limits(72, 20, 10, 63),
        Limits(384, 23, 11, 70),
        Limits(99, 23, 15, 75),
        Limits(130, 20, 28, 68),
        Limits(475, 21, 40, 83),
        Limits(796, 28, 40, 99),
    ),
    "system": (
        Limits(16, 30, 7, 130),
        Limits(28, 37, 10, 165),
        Limits(61, 41, 10, 181),
        Limits(140, 43, 12, 193),
        Limits(12, 40, 23, 236),
        Limits(45, 60, 15, 353),
        Limits(82, 64, 16, 382),
        Limits(170, 68, 16, 424),
    ),
    "simplify": (
        Limits(9, 10, 6, 7),
        Limits(9, 14, 7, 8),
        Limits(9, 20, 10, 11),
        Limits(12, 16, 8, 23),
        Limits(12, 21, 8, 28),
        Limits(450, 37, 6, 39),
        Limits(195, 42, 13, 54),
        Limits(20, 23, 32, 117),
    ),
    "expand": (
        Limits(9, 11, 13, 39),
        Limits(9, 13, 15, 50),
        Limits(9, 15, 18, 81),
        Limits(12, 19, 24, 105),
        Limits(12, 20, 24, 106),
        Limits(12, 24, 26, 106),
        Limits(15, 23, 28, 152),
        Limits(20, 26, 35, 182),
    ),
    "factor": (
        Limits(72, 14, 12, 28),
        Limits(72, 17, 13, 48),
        Limits(72, 18, 15, 47),
        Limits(132, 18, 17, 47),
        Limits(405, 21, 19, 63),
        Limits(99, 21, 19, 56),
        Limits(3024, 31, 25, 113),
        Limits(2380, 31, 25, 82),
    ),
    "derivative": (
        Limits(9, 11, 11, 26),
        Limits(9, 17, 16, 37),
        Limits(9, 22, 22, 50),
        Limits(12, 29, 30, 68),
        Limits(12, 16, 17, 41),
        Limits(12, 22, 23, 24),
        Limits(15, 22, 40, 41),
        Limits(20, 28, 74, 75),
    ),
    "integral": (
        Limits(32, 11, 11, 12),
        Limits(36, 16, 17, 18),
        Limits(36, 18, 20, 21),
        Limits(12, 25, 37, 77),
        Limits(12, 20, 30, 63),
        Limits(12, 16, 22, 23),
        Limits(15, 18, 24, 25),
        Limits(20, 18, 37, 38),
    ),
    "inequality": (
        Limits(16, 9, 4, 13),
        Limits(72, 11, 5, 22),
        Limits(70, 12, 5, 23),
        Limits(177, 17, 5, 30),
        Limits(12, 17, 9, 47),
        Limits(121, 20, 16, 37),
        Limits(435, 25, 20, 45),
        Limits(753, 30, 20, 70),
    ),
}
