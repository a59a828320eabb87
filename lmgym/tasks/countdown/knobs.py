"""What Countdown problems are made of: the knobs, their allowed values, levels and presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from lmgym.errors import InvalidValueError
from lmgym.tasks.options import check_bool, check_choice, check_int

OPERATORS = "+-*/"
EXTRA_NUMBERS = 1
"""Numbers that "ood_numbers" adds."""
MAX_NUMBERS_SEARCHED = 5
"""Up to so many numbers, problems with one fixed target are drawn by solving them."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the problems. Fields are checked by ``make_knobs``."""

    num_numbers: int = 3
    """Numbers of a problem, in [2, 6]."""
    max_number: int = 9
    """Numbers lie in [1, max_number], which is in [2, 1000]."""
    min_target: int = 1
    """Targets lie in [min_target, max_target]."""
    max_target: int = 50
    """In [1, 10000]. Those of "ood_target" lie above it, up to twice as high."""
    operators: str = "+-*/"
    """Those that hidden solutions are made with; an answer may use all four."""
    use_all: bool = False
    """True: every number is to be used exactly once; False: at most once."""
    fractions: bool = True
    """Whether fractions may stand between; else every result on the way must be an integer."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))

    @property
    def is_searched(self) -> bool:
        """Whether the one target is reached by solving numbers that are drawn, not by drawing expressions."""
        return self.min_target == self.max_target and self.num_numbers <= MAX_NUMBERS_SEARCHED

    @property
    def max_result(self) -> int:
        """Bound on numerators and denominators of the results on the way of hidden solutions."""
        return 20 * max(self.max_target, self.max_number)

    @property
    def has_fractional_solutions(self) -> bool:
        """Whether a hidden solution can have fractions on the way; expressions are drawn without."""
        return self.is_searched and self.fractions


def _level(numbers: int, max_number: int, targets: tuple[int, int], operators: str) -> Knobs:
    low, high = targets
    return Knobs(
        num_numbers=numbers, max_number=max_number, min_target=low, max_target=high, operators=operators
    )


LEVELS: Mapping[int, Knobs] = {
    1: _level(2, 50, (1, 60), "+-"),
    2: _level(3, 9, (1, 15), "+-"),
    3: _level(3, 9, (1, 50), "+-*"),
    4: _level(3, 13, (1, 100), "+-*/"),
    5: _level(4, 13, (1, 100), "+-*/"),
    6: _level(4, 25, (1, 100), "+-*/"),
    7: _level(5, 50, (1, 200), "+-*/"),
    8: _level(6, 100, (100, 999), "+-*/"),
}
"""The knobs of each level; docs/environments/countdown.md shows the same table with examples."""

PRESETS: Mapping[str, Knobs] = {
    "game24": Knobs(num_numbers=4, max_number=13, min_target=24, max_target=24, use_all=True),
}
"""Known games, by name."""


def make_knobs(base: Knobs, overrides: Mapping[str, object]) -> Knobs:
    """Returns ``base`` with those of ``overrides`` that are not None in its place.

    Raises:
        InvalidValueError: a value is out of its range.
        UnknownNameError: an operator that does not exist.
    """
    values = vars(base) | {name: value for name, value in overrides.items() if value is not None}
    knobs = Knobs(
        num_numbers=check_int("num_numbers", values["num_numbers"], 2, 6),
        max_number=check_int("max_number", values["max_number"], 2, 1000),
        min_target=check_int("min_target", values["min_target"], 1, 10_000),
        max_target=check_int("max_target", values["max_target"], 1, 10_000),
        operators=_check_operators(values["operators"]),
        use_all=check_bool("use_all", values["use_all"]),
        fractions=check_bool("fractions", values["fractions"]),
    )
    if knobs.min_target > knobs.max_target:
        raise InvalidValueError(
            f"min_target must not be above max_target, got {knobs.min_target} and {knobs.max_target}; "
            "give both."
        )
    return knobs


def knobs_of_split(knobs: Knobs, split: str) -> Knobs:
    """Returns the knobs that the problems of ``split`` are drawn with."""
    if split == "ood_numbers":
        return dataclasses.replace(knobs, num_numbers=knobs.num_numbers + EXTRA_NUMBERS)
    if split == "ood_target":
        return dataclasses.replace(
            knobs, min_target=knobs.max_target + 1, max_target=2 * knobs.max_target + 1
        )
    return knobs


def _check_operators(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise InvalidValueError(f"operators must be a text of one or more of {OPERATORS!r}, got {given!r}.")
    signs = {check_choice("operators", sign, OPERATORS) for sign in given}
    return "".join(sign for sign in OPERATORS if sign in signs)
