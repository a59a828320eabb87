"""Writing formulas, with as few brackets as possible; ``lmgym.logic.notation`` reads them back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Final, Literal

from lmgym.logic.kernel import Expression, Formula, Term
from lmgym.logic.signature import ARROWS, MAX_CHARS, MAX_NAME_CHARS, FormulaError, is_name

Style = Literal["ascii", "unicode"]
_STRENGTH: Final = {"iff": 1, "implies": 2, "or": 3, "and": 4}
_SIGNS: Final[Mapping[Style, Mapping[str, str]]] = {
    "ascii": {
        "true": "T", "false": "F", "not": "~", "and": "&", "or": "|", "implies": "->", "iff": "<->",
        "equal": "=", "comma": ",", "forall": "all {}. ", "exists": "ex {}. ",
    },
    "unicode": {
        "true": "⊤", "false": "⊥", "not": "¬", "and": " ∧ ", "or": " ∨ ", "implies": " → ", "iff": " ↔ ",
        "equal": " = ", "comma": ", ", "forall": "∀{} ", "exists": "∃{} ",
    },
}  # fmt: skip


@lru_cache(maxsize=8192)
def write_formula(formula: Formula, style: Style = "ascii") -> str:
    """Returns the text of ``formula`` with as few brackets as possible; ``parse_formula`` reads it back.

    Raises:
        FormulaError: it is no formula, has a name that could not be read, or is too long to be read.
    """
    return _write(formula, style, is_term=False)


@lru_cache(maxsize=1024)
def write_term(term: Term, style: Style = "ascii") -> str:
    """Returns the text of ``term``; raises as ``write_formula``."""
    return _write(term, style, is_term=True)


def _write(expression: Expression, style: Style, *, is_term: bool) -> str:
    if style not in _SIGNS:
        raise FormulaError(f"unknown style {style!r}; allowed: ascii, unicode")
    if type(expression) is not Expression or expression.loose:
        raise FormulaError("neither a formula nor a term")
    if (expression.kind in ("variable", "function")) != is_term:
        raise FormulaError("a term where a formula is needed, or the other way round")
    if expression.size > MAX_CHARS:
        raise FormulaError(f"longer than {MAX_CHARS} characters")
    text = _Writer(expression, style).text(expression, (), 0, True)
    if len(text) > MAX_CHARS:
        raise FormulaError(f"longer than {MAX_CHARS} characters")
    return text


class _Writer:
    """Writes one expression; checks its names and chooses those of its bound variables."""

    __slots__ = ("signs", "taken")

    def __init__(self, whole: Expression, style: Style) -> None:
        self.signs = _SIGNS[style]
        constants = _check_names(whole)
        clash = sorted(constants & whole.free)
        if clash:
            raise FormulaError(f"{clash[0]} is a constant and a variable")
        self.taken = constants | whole.free

    def text(self, part: Expression, bound: tuple[str, ...], strength: int, is_last: bool) -> str:
        """Returns the text of ``part`` beside an operator of ``strength``; is_last: only brackets follow."""
        kind, parts, signs = part.kind, part.parts, self.signs
        if kind == "bound":
            return bound[-1 - int(part.name)]
        if kind in ("variable", "function", "predicate"):
            inside = signs["comma"].join([self.text(each, bound, 0, True) for each in parts])
            return f"{part.name}({inside})" if parts else part.name
        if kind in ("true", "false"):
            return signs[kind]
        if kind == "equal":
            return signs[kind].join([self.text(each, bound, 0, True) for each in parts])
        if kind == "not":
            return signs[kind] + self.text(parts[0], bound, 5, is_last)
        if kind in ("forall", "exists"):
            if not is_last:
                return f"({self.text(part, bound, 0, True)})"
            name = self._bound_name(len(bound))
            return signs[kind].format(name) + self.text(parts[0], (*bound, name), 0, True)
        own = _STRENGTH[kind]
        if own < strength:
            return f"({self.text(part, bound, 0, True)})"
        is_arrow = own <= ARROWS
        left = self.text(parts[0], bound, own + is_arrow, False)
        return left + signs[kind] + self.text(parts[1], bound, own + (not is_arrow), is_last)

    def _bound_name(self, level: int) -> str:
        names = (f"{letter}{number or ''}" for number in count() for letter in "xyzuvw")
        free = (name for name in names if name not in self.taken)
        return next(name for place, name in enumerate(free) if place == level)


def _check_names(whole: Expression) -> frozenset[str]:
    """Returns the names of the constants that are no numerals, and refuses names that can't be read."""
    constants = set()
    seen, stack = {whole}, [whole]
    while stack:
        part = stack.pop()
        if part.kind in ("variable", "function", "predicate"):
            is_numeral = part.name[0].isdigit()
            if not is_name(part.name) or (is_numeral and (part.kind != "function" or part.parts)):
                raise FormulaError(f"the {part.kind} {part.name[:MAX_NAME_CHARS]!a} can't be written")
            if part.kind == "function" and not part.parts and not is_numeral:
                constants.add(part.name)
        fresh = [each for each in part.parts if each not in seen]
        seen.update(fresh)
        stack += fresh
    return frozenset(constants)
