"""Formulas as text: reading within budgets, and writing with as few brackets as possible.

Two styles are written and both are read, mixed as well: ``ascii`` (``all x. P(x)->~q``) and ``unicode``
(``∀x P(x) → ¬q``). docs/proofs.md has the grammar. In: any text whatever. Out: a formula of the kernel, or
``FormulaError``. Names of bound variables are not kept: the writer chooses them, the same for equal formulas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn

from lmgym.logic import kernel
from lmgym.logic.formula_writer import Style, write_formula, write_term
from lmgym.logic.kernel import Expression, Formula, Term
from lmgym.logic.signature import (
    ARROWS,
    CONSTANTS,
    MAX_CHARS,
    MAX_NAME_CHARS,
    QUANTIFIERS,
    FormulaError,
    Signature,
    is_name,
    signature_of,
)

__all__ = [
    "MAX_CHARS", "MAX_NESTING", "FormulaError", "Signature", "Style", "parse_formula", "parse_term",
    "signature_of", "write_formula", "write_term",
]  # fmt: skip

MAX_NESTING: Final = 250
"""Brackets, ``~``, quantifiers and connectives that may be open at once."""
_SHORT: Final = 200
"""Characters of a text that is remembered with its formula."""
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*|0|[1-9][0-9]*|<->|->|[^ \t]")
_PREFIXES: Final = frozenset(("(", "~", "¬", *QUANTIFIERS))
_BINARY: Final = {
    "<->": (1, "iff"), "↔": (1, "iff"), "->": (2, "implies"), "→": (2, "implies"),
    "|": (3, "or"), "∨": (3, "or"), "&": (4, "and"), "∧": (4, "and"),
}  # fmt: skip


def parse_formula(text: str, signature: Signature | None = None) -> Formula:
    """Returns the formula that ``text`` writes.

    Without a signature every symbol is taken as it is used: a name among terms is a variable unless it has
    arguments or is a numeral.

    Raises:
        FormulaError: ``text`` is no formula, or beyond a budget.
    """
    if type(text) is str and len(text) <= _SHORT:  # the usual way
        return _read_short(text, signature, "formula")
    return _parse(text, signature, "formula")


def parse_term(text: str, signature: Signature | None = None) -> Term:
    """Returns the term that ``text`` writes; raises as ``parse_formula``."""
    return _parse(text, signature, "term")


def _parse(text: str, signature: Signature | None, kind: str) -> Expression:
    if not isinstance(text, str):
        raise FormulaError(f"a text is needed, and {type(text).__name__} was given")
    text = str.__str__(text)
    if len(text) > MAX_CHARS:
        raise FormulaError(f"longer than {MAX_CHARS} characters")
    return (_read_short if len(text) <= _SHORT else _read)(text, signature, kind)


def _read(text: str, signature: Signature | None, kind: str) -> Expression:
    reader = _Reader(text, signature)
    try:
        return reader.formula() if kind == "formula" else reader.whole_term()
    except kernel.KernelError as error:
        raise FormulaError(str(error)) from None


_read_short = lru_cache(maxsize=8192)(_read)


class _Reader:
    """Reads one text by operator precedence, with stacks of its own so that depth costs no recursion."""

    __slots__ = ("bound", "position", "signature", "tokens")

    def __init__(self, text: str, signature: Signature | None) -> None:
        self.tokens: list[str] = _TOKEN.findall(text)
        self.tokens += ("", "")
        self.position = 0
        self.signature = signature
        self.bound: list[str] = []

    def formula(self) -> Formula:
        operators: list[tuple[int, str, str]] = []
        operands: list[Formula] = []
        while True:
            if self.tokens[self.position] in _PREFIXES:
                self._prefixes(operators)
            operands.append(self._atom())
            while operators and self.tokens[self.position] == ")":
                self._reduce(operators, operands, 0)
                if not operators:
                    self._fail()
                operators.pop()
                self.position += 1
            strength, kind = _BINARY.get(self.tokens[self.position], (0, ""))
            if not strength:
                break
            self.position += 1
            self._reduce(operators, operands, strength + (strength <= ARROWS))
            operators.append((strength, kind, ""))
        self._end()
        self._reduce(operators, operands, 0)
        if operators:
            raise FormulaError("a bracket is not closed")
        return operands[0]

    def whole_term(self) -> Term:
        term = self._term()
        self._end()
        return term

    def _prefixes(self, operators: list[tuple[int, str, str]]) -> None:
        """Takes brackets, negations and quantifiers, each waiting for what follows."""
        while True:
            token = self.tokens[self.position]
            if token == "(":
                operators.append((-1, "(", ""))
            elif token in ("~", "¬"):
                operators.append((5, "not", ""))
            elif token in QUANTIFIERS:
                operators.append((0, QUANTIFIERS[token], self._bound_name()))
            else:
                return
            self.position += 1
            if len(operators) > MAX_NESTING:
                raise FormulaError(f"nested deeper than {MAX_NESTING}")

    def _bound_name(self) -> str:
        self.position += 1
        name = self.tokens[self.position]
        if not is_name(name) or name[0].isdigit():
            raise FormulaError("a quantifier needs a variable")
        if self.tokens[self.position + 1] == ".":
            self.position += 1
        self.bound.append(name)
        return name

    def _reduce(self, operators: list[tuple[int, str, str]], operands: list[Formula], strength: int) -> None:
        """Applies the waiting operators that bind at least so strongly; 0 stops at brackets only."""
        while operators and operators[-1][0] >= strength:
            _, kind, name = operators.pop()
            last = operands.pop()
            if kind == "not":
                new = kernel.negation(last)
            elif name:
                self.bound.pop()
                new = kernel.make(kind, "", last)  # type: ignore[arg-type]
            else:
                new = kernel.connect(kind, operands.pop(), last)  # type: ignore[arg-type]
            operands.append(new)

    def _atom(self) -> Formula:
        token = self.tokens[self.position]
        if self.signature is None and self.tokens[self.position + 1] not in ("(", "="):
            alone = _proposition(token)
            if alone is not None:
                self.position += 1
                return alone
        if token in CONSTANTS:
            self.position += 1
            return CONSTANTS[token]
        name = self._name()
        arguments = self._arguments() if self.tokens[self.position] == "(" else None
        if self.tokens[self.position] == "=":
            self.position += 1
            left = self._simple(name) if arguments is None else self._apply(name, arguments)
            return kernel.equal(left, self._term())
        if name[0].isdigit():
            self._fail()
        given = () if arguments is None else arguments
        if self.signature is not None:
            _check_arity("predicate", name, len(given), self.signature.predicates)
        return kernel.predicate(name, *given)

    def _arguments(self) -> list[Term]:
        arguments: list[Term] = []
        while not arguments or self.tokens[self.position] == ",":
            self.position += 1
            arguments.append(self._term())
        self._close()
        return arguments

    def _term(self) -> Term:
        waiting: list[tuple[str, list[Term]]] = []
        while True:
            name = self._name()
            if self.tokens[self.position] == "(":
                self.position += 1
                waiting.append((name, []))
                continue
            term = self._simple(name)
            while waiting:
                waiting[-1][1].append(term)
                if self.tokens[self.position] == ",":
                    self.position += 1
                    break
                self._close()
                term = self._apply(*waiting.pop())
            else:
                return term

    def _name(self) -> str:
        name = self.tokens[self.position]
        if not is_name(name):
            self._fail()
        self.position += 1
        return name

    def _simple(self, name: str) -> Term:
        if name in self.bound:  # the innermost of that name, counted from inside
            return kernel.make("bound", str(self.bound[::-1].index(name)))
        if self.signature is None:
            return kernel.function(name) if name[0].isdigit() else kernel.variable(name)
        if name in self.signature.functions or not name[0].islower():
            return self._apply(name, [])
        if name in self.signature.predicates:
            raise FormulaError(f"{name} is a predicate, not a term")
        return kernel.variable(name)

    def _apply(self, name: str, arguments: list[Term]) -> Term:
        if self.signature is not None:
            _check_arity("function", name, len(arguments), self.signature.functions)
        elif name[0].isdigit():
            raise FormulaError(f"the numeral {name} takes no arguments")
        return kernel.function(name, *arguments)

    def _close(self) -> None:
        if self.tokens[self.position] != ")":
            self._fail()
        self.position += 1

    def _end(self) -> None:
        if self.tokens[self.position]:
            self._fail()

    def _fail(self) -> NoReturn:
        token = self.tokens[self.position]
        raise FormulaError(f"unexpected {token[:MAX_NAME_CHARS]!a}" if token else "the text ends too early")


@lru_cache(maxsize=2048)
def _proposition(token: str) -> Formula | None:
    """Returns the formula that is one token, None if there is none."""
    if token in CONSTANTS:
        return CONSTANTS[token]
    return kernel.predicate(token) if is_name(token) and not token[0].isdigit() else None


def _check_arity(kind: str, name: str, given: int, known: Mapping[str, int]) -> None:
    if name not in known:
        raise FormulaError(f"unknown {kind} {name}")
    if known[name] != given:
        raise FormulaError(f"{name} takes {known[name]} arguments, not {given}")
