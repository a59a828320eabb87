"""Strict reading of JSON that others wrote: every mistake is a typed error that names the field.

In: text or parsed JSON. Out: checked plain values. Nothing here trusts its input: sizes and depths are
bounded, numbers are finite, a name may not occur twice or be unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from lmgym.errors import InvalidValueError, UnknownNameError

MAX_CHARS = 100_000
"""Of one string."""
MAX_DEPTH = 32
"""Of lists and objects in each other."""
MAX_PLAIN_VALUES = 20_000
"""Values in a field of free form, such as an agent's configuration."""
MAX_COUNT = 2**63 - 1


def read_json(text: str, where: str) -> Any:
    """Returns what ``text`` holds.

    Args:
        text: JSON.
        where: of the file or line, for messages.

    Raises:
        InvalidValueError: it is no JSON, holds NaN or an infinity, repeats a name or is nested too deeply.
    """

    def refuse(constant: str) -> NoReturn:
        raise InvalidValueError(
            f"{where}: {constant[:40]} is no finite number; give null where none is known."
        )

    def finite(numeral: str) -> float:
        value = float(numeral)
        return value if math.isfinite(value) else refuse(numeral)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise InvalidValueError(f"{where}: an object has the same name twice.")
        return made

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=once)
    except RecursionError:
        raise InvalidValueError(f"{where}: nested too deeply; allowed: {MAX_DEPTH} levels.") from None
    except InvalidValueError:
        raise
    except ValueError as error:  # JSONDecodeError, and integers of too many digits
        raise InvalidValueError(f"{where}: no JSON: {str(error)[:200]}") from None


def show(value: object) -> str:
    """Returns a value as a message may quote it: escaped and cut."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # an integer of too many digits to print
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def canonical_json(value: object) -> str:
    """Returns JSON of plain values in one form: names in order, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def check_plain(value: Any, where: str) -> Any:
    """Returns ``value`` if it is made of null, booleans, finite numbers, strings, lists and objects.

    Tuples become lists, so that what is returned equals what would be read back from JSON.

    Raises:
        InvalidValueError: it holds anything else, or too much of it.
    """
    left = MAX_PLAIN_VALUES

    def copy(part: Any, at: str, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise InvalidValueError(
                f"{where} holds too much; allowed: {MAX_PLAIN_VALUES} values, {MAX_DEPTH} levels deep."
            )
        if isinstance(part, Mapping):
            names = [_check_text(name, at, MAX_CHARS) for name in part]
            return {name: copy(part[name], f"{at}.{name[:40]}", depth + 1) for name in names}
        if isinstance(part, list | tuple):
            return [copy(item, f"{at}[{number}]", depth + 1) for number, item in enumerate(part)]
        if isinstance(part, str):
            return _check_text(part, at, MAX_CHARS)
        if part is None or isinstance(part, bool):
            return part
        if isinstance(part, int) and abs(part) <= MAX_COUNT:
            return part
        if isinstance(part, float) and math.isfinite(part):
            return part
        raise InvalidValueError(
            f"{at} is {show(part)}; allowed: null, booleans, finite numbers, strings, lists and objects."
        )

    return copy(value, where, 0)


class Fields:
    """An object's fields, each read once; ``finish`` refuses what was not asked for."""

    def __init__(self, value: object, where: str) -> None:
        """Takes the object that stands at ``where``, which messages name.

        Raises:
            InvalidValueError: it is no object.
        """
        if not isinstance(value, Mapping):
            raise InvalidValueError(f"{where} must be an object with named fields, got {show(value)}.")
        self._value = value
        self._where = where
        self._read: set[str] = set()

    def raw(self, name: str) -> Any:
        """Returns the field ``name``; raises InvalidValueError if it is missing."""
        self._read.add(name)
        if name not in self._value:
            raise InvalidValueError(f"{self._where} lacks the field {name!r}.")
        return self._value[name]

    def has(self, name: str) -> bool:
        """Returns whether the field, which must be there, is not null."""
        return self.raw(name) is not None

    def at(self, name: str) -> str:
        """Returns how messages call the field."""
        return f"{self._where}.{name}"

    def text(self, name: str, *, max_chars: int = 1000, allowed: tuple[str, ...] = ()) -> str:
        """Returns a string; not empty, and one of ``allowed`` where some are given."""
        text = _check_text(self.raw(name), self.at(name), max_chars)
        if allowed and text not in allowed:
            raise UnknownNameError(f"value of {self.at(name)}", text[:80], allowed)
        if not text:
            raise InvalidValueError(f"{self.at(name)} is empty.")
        return text

    def integer(self, name: str, low: int = 0, high: int = MAX_COUNT) -> int:
        """Returns an integer in [low, high]."""
        value = self.raw(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidValueError(
                f"{self.at(name)} must be an integer in [{low}, {high}], got {show(value)}."
            )
        return value

    def number(self, name: str, low: float = -1e300, high: float = 1e300) -> float:
        """Returns a finite number in [low, high]."""
        value = self.raw(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # NaN fails every comparison
            raise InvalidValueError(
                f"{self.at(name)} must be a number in [{low:g}, {high:g}], got {show(value)}."
            )
        return float(value)

    def items(self, name: str, *, max_items: int) -> list[Any]:
        """Returns a list."""
        value = self.raw(name)
        if not isinstance(value, list | tuple) or len(value) > max_items:
            raise InvalidValueError(
                f"{self.at(name)} must be a list of at most {max_items}, got {show(value)}."
            )
        return list(value)

    def texts(self, name: str, *, max_items: int = 64) -> tuple[str, ...]:
        """Returns a list of different strings."""
        items = self.items(name, max_items=max_items)
        found = tuple(_check_text(item, f"{self.at(name)}[{k}]", 200) for k, item in enumerate(items))
        if len(set(found)) < len(found):
            raise InvalidValueError(f"{self.at(name)} names something twice: {show(found)}.")
        return found

    def mapping(self, name: str, *, max_items: int = 64) -> dict[str, Any]:
        """Returns an object of anything."""
        value = self.raw(name)
        if not isinstance(value, Mapping) or len(value) > max_items:
            raise InvalidValueError(
                f"{self.at(name)} must be an object of at most {max_items} fields, got {show(value)}."
            )
        return {_check_text(key, self.at(name), 200): value[key] for key in value}

    def plain(self, name: str) -> dict[str, Any]:
        """Returns an object of plain values of any depth; see ``check_plain``."""
        made = check_plain(self.raw(name), self.at(name))
        if not isinstance(made, dict):
            raise InvalidValueError(f"{self.at(name)} must be an object, got {show(made)}.")
        return made

    def finish(self) -> None:
        """Raises UnknownNameError if the object has a field that nobody asked for."""
        for name in self._value:
            if name not in self._read:
                raise UnknownNameError(f"field of {self._where}", str(name)[:80], self._read)


def _check_text(value: object, where: str, max_chars: int) -> str:
    if not isinstance(value, str) or len(value) > max_chars:
        raise InvalidValueError(
            f"{where} must be a string of at most {max_chars} characters, got {show(value)}."
        )
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidValueError(f"{where} holds half a character (a lone surrogate): {show(value)}.")
    return value
