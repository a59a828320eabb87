"""The names that formulas may use, and what is no formula."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, cast

from lmgym.errors import LmgymError
from lmgym.logic.kernel import FALSE, TRUE, Formula

MAX_CHARS: Final = 4_000
"""Characters of a formula or term at most."""
MAX_NAME_CHARS: Final = 32

ARROWS: Final = 2
"""Connectives up to this strength associate to the right, the others to the left."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*|0|[1-9][0-9]*")
CONSTANTS: Final = {"F": FALSE, "false": FALSE, "⊥": FALSE, "T": TRUE, "true": TRUE, "⊤": TRUE}
QUANTIFIERS: Final = {"all": "forall", "∀": "forall", "ex": "exists", "∃": "exists"}
_RESERVED: Final = frozenset((*CONSTANTS, *QUANTIFIERS))


class FormulaError(LmgymError, ValueError):
    """A text that is no formula or term, or an expression that can't be written; the message says why."""


@dataclass(frozen=True)
class Signature:
    """The symbols that a text may use, each with its number of arguments; constants are functions of none.

    Every other name that begins with a small letter is a variable.
    """

    functions: Mapping[str, int] = field(default_factory=dict)
    predicates: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, arity in (*self.functions.items(), *self.predicates.items()):
            if not is_name(name) or arity < 0 or (name[0].isdigit() and (arity or name in self.predicates)):
                raise FormulaError(f"Signature: {name!r} with {arity} arguments is no symbol")
        both = sorted(set(self.functions) & set(self.predicates))
        if both:
            raise FormulaError(f"Signature: {both[0]!r} can't be a function and a predicate")
        object.__setattr__(self, "functions", MappingProxyType(dict(self.functions)))
        object.__setattr__(self, "predicates", MappingProxyType(dict(self.predicates)))
        key = frozenset(self.functions.items()), frozenset(self.predicates.items())
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return cast(int, self.__dict__["_hash"])

    def __reduce__(self) -> tuple[object, ...]:
        return Signature, (dict(self.functions), dict(self.predicates))


def signature_of(*formulas: Formula) -> Signature:
    """Returns the signature of all functions and predicates in ``formulas``."""
    functions: dict[str, int] = {}
    predicates: dict[str, int] = {}
    seen = set(formulas)
    stack = list(seen)
    while stack:
        part = stack.pop()
        if part.kind in ("function", "predicate"):
            table = functions if part.kind == "function" else predicates
            if table.setdefault(part.name, len(part.parts)) != len(part.parts):
                raise FormulaError(f"{part.name} has different numbers of arguments")
        fresh = [each for each in part.parts if each not in seen]
        seen.update(fresh)
        stack += fresh
    return Signature(functions, predicates)


@lru_cache(maxsize=2048)
def is_name(name: str) -> bool:
    """Returns whether ``name`` can name a symbol: a short word of ASCII or a numeral, and not reserved."""
    return len(name) <= MAX_NAME_CHARS and name not in _RESERVED and _NAME.fullmatch(name) is not None
