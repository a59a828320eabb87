"""Checks of the options of tasks: each raises a typed error that says what was given and what is allowed."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import cast

from lmgym.errors import InvalidValueError, UnknownNameError


def check_choice(name: str, given: object, allowed: Iterable[str]) -> str:
    """Returns ``given`` if it is one of ``allowed``.

    Raises:
        UnknownNameError: it is not.
    """
    allowed = tuple(allowed)
    if not isinstance(given, str) or given not in allowed:
        raise UnknownNameError(f"value for {name}=", given, allowed)
    return given


def check_int(name: str, given: object, low: int, high: int) -> int:
    """Returns ``given`` as an int if it is an integer in [low, high].

    Raises:
        InvalidValueError: it is not (booleans and floats are not integers).
    """
    is_integer = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    if not is_integer or not low <= int(cast(int, given)) <= high:
        raise InvalidValueError(f"{name} must be an integer in [{low}, {high}], got {given!r}.")
    return int(cast(int, given))


def check_bool(name: str, given: object) -> bool:
    """Returns ``given`` if it is True or False.

    Raises:
        InvalidValueError: it is anything else.
    """
    if not isinstance(given, bool):
        raise InvalidValueError(f"{name} must be True or False, got {given!r}.")
    return given


def check_fraction(name: str, given: object) -> float:
    """Returns ``given`` as a float if it is a number in [0, 1].

    Raises:
        InvalidValueError: it is not.
    """
    is_real = isinstance(given, numbers.Real) and not isinstance(given, bool)
    if not is_real or not 0 <= float(cast(float, given)) <= 1:
        raise InvalidValueError(f"{name} must be a number in [0, 1], got {given!r}.")
    return float(cast(float, given))


def check_alphabet(name: str, given: object) -> str:
    """Returns ``given`` if it is a string of at least two different, visible characters.

    Raises:
        InvalidValueError: it is not.
    """
    if (
        not isinstance(given, str)
        or len(given) < 2
        or len(set(given)) != len(given)
        or not all(c.isprintable() and not c.isspace() for c in given)
    ):
        raise InvalidValueError(
            f"{name} must be a string of at least two different visible characters, got {given!r}."
        )
    return given
