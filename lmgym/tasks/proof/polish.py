"""Propositional formulas as Polish text: what problems are made of before a kernel formula is needed.

``&pq`` is ``p&q``; ``|``, ``>`` and ``=`` are the other signs for two parts, ``~`` is the one for one part,
``T`` and ``F`` are the constants, every other letter is an atom. Equal formulas are equal texts, so that
their parts and truth tables are remembered, and renaming atoms is ``str.translate``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lmgym.logic.kernel import FALSE, TRUE, Formula, Kind, connect, negation, predicate

SIGNS: Final[dict[Kind, str]] = {
    "and": "&", "or": "|", "implies": ">", "iff": "=", "not": "~", "true": "T", "false": "F",
}  # fmt: skip
ATOMS: Final = "abcdef"
"""Atoms that have a truth table."""
BINARY: Final = "&|>="
EVERYWHERE: Final = (1 << (1 << len(ATOMS))) - 1
"""The truth table of what always holds."""

_KIND_OF = {sign: kind for kind, sign in SIGNS.items()}
_MAX_KEPT: Final = 1 << 15


@lru_cache(_MAX_KEPT)
def parts_of(text: str) -> tuple[str, ...]:
    """Returns the parts of a formula, none of an atom or a constant."""
    sign = text[0]
    if sign == "~":
        return (text[1:],)
    if sign not in BINARY:
        return ()
    end, missing = 1, 1
    while missing:
        sign = text[end]
        missing += 1 if sign in BINARY else 0 if sign == "~" else -1
        end += 1
    return text[1:end], text[end:]


@lru_cache(_MAX_KEPT)
def truth_of(text: str) -> int:
    """Returns the truth table over ``ATOMS``: bit ``i`` is the value under the i-th assignment."""
    sign, tables = text[0], [truth_of(part) for part in parts_of(text)]
    if not tables:
        return _truth_of_letter(sign)
    if sign == "~":
        return EVERYWHERE & ~tables[0]
    left, right = tables
    if sign == "&":
        return left & right
    if sign == "|":
        return left | right
    return EVERYWHERE & (~left | right if sign == ">" else ~(left ^ right))


def _truth_of_letter(letter: str) -> int:
    if letter in "TF":
        return EVERYWHERE if letter == "T" else 0
    period = 1 << ATOMS.index(letter)
    return EVERYWHERE // ((1 << 2 * period) - 1) * (((1 << period) - 1) << period)


@lru_cache(_MAX_KEPT)
def has_idle_part(text: str) -> bool:
    """Returns whether something is joined with itself, as in ``p&p`` or ``q->(p<->p)``."""
    parts = parts_of(text)
    return (len(parts) == 2 and parts[0] == parts[1]) or any([has_idle_part(part) for part in parts])


@lru_cache(_MAX_KEPT)
def formula_of(text: str) -> Formula:
    """Returns the kernel's formula, with atoms of the same names."""
    kind, parts = _KIND_OF.get(text[0]), [formula_of(part) for part in parts_of(text)]
    if kind is None:
        return predicate(text)
    if not parts:
        return TRUE if kind == "true" else FALSE
    return negation(parts[0]) if kind == "not" else connect(kind, *parts)  # type: ignore[arg-type]


def text_of(formula: Formula, names: dict[str, str]) -> str:
    """Returns the Polish text, with one letter for each name of an atom; ``names`` gets the new ones."""
    if formula.kind == "predicate":
        return names.setdefault(formula.name, chr(97 + len(names)))
    return SIGNS[formula.kind] + "".join([text_of(part, names) for part in formula.parts])
