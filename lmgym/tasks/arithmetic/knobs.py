"""What arithmetic problems are made of: the knobs, their allowed values, and the levels that set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.expressions import OPERATORS
from lmgym.tasks.options import check_bool, check_choice, check_int

NUMBER_KINDS = ("integer", "decimal", "fraction")
MAX_DENOMINATOR = 12
MAX_POWER_BASE = 9
EXTRA_DIGITS = 1
"""Digits that "ood_digits" adds."""
EXTRA_OPERANDS = 2
"""Operands that "ood_depth" adds; it adds a level of parentheses where the level has any."""

_SIGN_ALIASES = {"*": "×", "/": "÷", "\u2212": "-", "x": "×"}


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the expressions. Fields are checked and normalised by ``make_knobs``."""

    num_operands: int = 2
    """Numbers in an expression (exponents aside), in [2, 16]."""
    num_digits: int = 1
    """Integer parts, numerators and integers lie in [0, 10**num_digits), in [1, 40]."""
    operators: str = "+"
    """Those that may occur, each as likely as the other."""
    numbers: tuple[str, ...] = ("integer",)
    """Kinds of numbers, each as likely as the other."""
    depth: int = 0
    """Nesting of parentheses, in [0, 6]; with three operands or more one group is drawn on each level."""
    negatives: bool = False
    """Whether a number is negative, one time in four."""
    max_exponent: int = 1
    """Exponents of powers, in [1, 9]; 1 means none. One number in four is a power of a one-digit base."""
    exact_division: bool = True
    """Whether an integer is only divided by an integer that divides it."""
    decimal_places: int = 1
    """Most digits after the point of a decimal, in [1, 6]."""
    max_answer_digits: int = 8
    """Digits of the numerator and denominator of every result on the way, at most; others are not drawn."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))

    @property
    def is_integral(self) -> bool:
        """Whether every answer is an integer."""
        return self.numbers == ("integer",) and ("÷" not in self.operators or self.exact_division)

    @property
    def can_be_negative(self) -> bool:
        """Whether an answer can be negative."""
        return self.negatives or "-" in self.operators

    @property
    def max_decimals(self) -> int:
        """Decimals up to which answers are written as decimals; 0: as fractions in lowest terms."""
        has_decimals = "decimal" in self.numbers and "fraction" not in self.numbers
        return self.max_answer_digits if has_decimals else 0


def _level(
    operands: int,
    digits: int,
    operators: str,
    depth: int = 0,
    negatives: bool = False,
    max_exponent: int = 1,
    numbers: tuple[str, ...] = ("integer",),
    exact_division: bool = True,
    decimal_places: int = 1,
) -> dict[str, object]:
    return {
        "num_operands": operands,
        "num_digits": digits,
        "operators": operators,
        "depth": depth,
        "negatives": negatives,
        "max_exponent": max_exponent,
        "numbers": numbers,
        "exact_division": exact_division,
        "decimal_places": decimal_places,
    }


LEVELS: dict[int, dict[str, object]] = {
    1: _level(2, 1, "+"),
    2: _level(2, 2, "+"),
    3: _level(2, 2, "+-"),
    4: _level(3, 2, "+-"),
    5: _level(2, 2, "+-×"),
    6: _level(3, 2, "+-×", 1),
    7: _level(3, 2, "+-×÷", 1, True),
    8: _level(4, 2, "+-×÷", 1, True, 3),
    9: _level(4, 2, "+-×÷", 2, True, 3, NUMBER_KINDS, False),
    10: _level(6, 3, "+-×÷", 3, True, 4, NUMBER_KINDS, False, 2),
}
"""The knobs of each level; docs/environments/math.md shows the same table with examples."""


def make_knobs(level: int, overrides: dict[str, object]) -> Knobs:
    """Returns the knobs of ``level`` with those of ``overrides`` that are not None in their place.

    Raises:
        InvalidValueError: the level or a value is out of its range.
        UnknownNameError: an operator or kind of number that does not exist.
    """
    check_int("level", level, 1, max(LEVELS))
    values = LEVELS[level] | {name: value for name, value in overrides.items() if value is not None}
    num_digits = check_int("num_digits", values["num_digits"], 1, 40)
    num_operands = check_int("num_operands", values["num_operands"], 2, 16)
    operators = _check_operators(values["operators"])
    answer_digits = values.get(
        "max_answer_digits", default_answer_digits(num_operands, num_digits, operators)
    )
    return Knobs(
        num_operands=num_operands,
        num_digits=num_digits,
        operators=operators,
        numbers=_check_kinds(values["numbers"]),
        depth=check_int("depth", values["depth"], 0, 6),
        negatives=check_bool("negatives", values["negatives"]),
        max_exponent=check_int("max_exponent", values["max_exponent"], 1, 9),
        exact_division=check_bool("exact_division", values["exact_division"]),
        decimal_places=check_int("decimal_places", values["decimal_places"], 1, 6),
        max_answer_digits=check_int("max_answer_digits", answer_digits, num_digits + 2, 120),
    )


def default_answer_digits(num_operands: int, num_digits: int, operators: str) -> int:
    """Returns a bound that room is found under: any product of two, or all products where that is all."""
    if operators == "×":
        return min(120, (num_operands + EXTRA_OPERANDS) * (num_digits + EXTRA_DIGITS))
    return max(8, 2 * num_digits + 4)


def _check_operators(given: object) -> str:
    if not isinstance(given, str | list | tuple) or not given:
        raise InvalidValueError(f"operators must be a text of one or more of {OPERATORS!r}, got {given!r}.")
    signs = {check_choice("operators", _SIGN_ALIASES.get(str(sign), sign), OPERATORS) for sign in given}
    return "".join(sign for sign in OPERATORS if sign in signs)


def _check_kinds(given: object) -> tuple[str, ...]:
    kinds = (given,) if isinstance(given, str) else given
    if not isinstance(kinds, Iterable) or not (kinds := tuple(kinds)):
        raise InvalidValueError(f"numbers must name one or more of {NUMBER_KINDS}, got {given!r}.")
    chosen = {check_choice("numbers", kind, NUMBER_KINDS) for kind in kinds}
    return tuple(kind for kind in NUMBER_KINDS if kind in chosen)
