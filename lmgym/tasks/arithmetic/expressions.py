"""Arithmetic expressions as immutable values: text, exact value, canonical key, one step of working.

Comes in: expressions built by a task. Goes out: text and exact numbers. Left out: parsing; text of a model
never becomes an expression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from lmgym.grading.exact import Number, number_text, simplify

OPERATORS = "+-×÷"
PLAIN_SIGNS: Mapping[str, str] = {"+": "+", "-": "-", "×": "×", "÷": "÷", "^": "^"}
SPACED_SIGNS: Mapping[str, str] = {"+": " + ", "-": " - ", "×": " × ", "÷": " ÷ ", "^": "^"}
WORD_SIGNS: Mapping[str, str] = {
    "+": " plus ",
    "-": " minus ",
    "×": " times ",
    "÷": " divided by ",
    "^": " to the power of ",
}


class Literal(NamedTuple):
    """A number as written: ``12``, ``-5``, ``2.5``, ``1/2``."""

    text: str
    value: Number


class Power(NamedTuple):
    """A literal to a whole exponent of at least 2."""

    base: Literal
    exponent: int


class Chain(NamedTuple):
    """Items joined by operators, with the usual precedence; an item that is a chain stands in parentheses."""

    items: tuple[Expression, ...]
    operators: tuple[str, ...]
    """One fewer than items, each of ``OPERATORS``."""


Expression = Literal | Power | Chain


def render(expression: Expression, signs: Mapping[str, str] = PLAIN_SIGNS) -> str:
    """Returns the text of ``expression``, with parentheses where a reader needs them.

    A negative number stands in parentheses unless it comes first; a fraction does beside × and ÷.
    """
    if isinstance(expression, Literal):
        return expression.text
    if isinstance(expression, Power):
        base = expression.base.text
        return f"{base if base.isdigit() else f'({base})'}{signs['^']}{expression.exponent}"
    parts = []
    operators = ("", *expression.operators, "")
    for place, item in enumerate(expression.items):
        if place:
            parts.append(signs[operators[place]])
        text = render(item, signs)
        is_factor = not {"×", "÷"}.isdisjoint(operators[place : place + 2])
        if isinstance(item, Chain) or (isinstance(item, Literal) and _needs_brackets(item, place, is_factor)):
            text = f"({text})"
        parts.append(text)
    return "".join(parts)


def _needs_brackets(item: Literal, place: int, is_factor: bool) -> bool:
    return (place > 0 and item.value < 0) or (is_factor and "/" in item.text)


def evaluate(expression: Expression, bound: int) -> Number | None:
    """Returns the exact value, None where it is undefined or too big to be wanted.

    Undefined is a division by zero; too big, any intermediate numerator or denominator from ``bound`` on.
    """
    if isinstance(expression, Literal):
        return _bounded(expression.value, bound)
    if isinstance(expression, Power):
        return _bounded(expression.base.value**expression.exponent, bound)
    total: Number = 0
    term: Number | None = evaluate(expression.items[0], bound)
    for operator, item in zip(expression.operators, expression.items[1:], strict=True):
        value = evaluate(item, bound)
        if term is None or value is None:
            return None
        if operator in "×÷":
            term = combine(term, operator, value)
            term = None if term is None else _bounded(term, bound)
            continue
        total = simplify(total + term)
        if _bounded(total, bound) is None:
            return None
        term = value if operator == "+" else -value
    return None if term is None else _bounded(simplify(total + term), bound)


def combine(left: Number, operator: str, right: Number) -> Number | None:
    """Returns ``left operator right`` exactly, None for a division by zero."""
    if operator == "+":
        return simplify(left + right)
    if operator == "-":
        return simplify(left - right)
    if operator == "×":
        return simplify(left * right)
    return simplify(Fraction(left) / right) if right else None


def _bounded(value: Number, bound: int) -> Number | None:
    return value if abs(value.numerator) < bound and value.denominator < bound else None


def literals(expression: Expression) -> Iterator[Literal]:
    """Yields every literal, bases of powers included, from left to right."""
    if isinstance(expression, Literal):
        yield expression
    elif isinstance(expression, Power):
        yield expression.base
    else:
        for item in expression.items:
            yield from literals(item)


class _Term(NamedTuple):
    """A signed product of atoms over a product of atoms, as canonical texts."""

    is_negative: bool
    above: tuple[str, ...]
    below: tuple[str, ...]

    def text(self) -> str:
        below = "".join(f"/{atom}" for atom in sorted(self.below))
        return f"{'-' if self.is_negative else '+'}{'*'.join(sorted(self.above))}{below}"


def canonical_key(expression: Expression) -> str:
    """Returns a text that is equal for expressions which differ in order or grouping alone.

    Sums and products are flattened and sorted, a - b is a + (-b), signs are drawn out of products:
    ``3+4`` and ``4+3``, ``a-(b-c)`` and ``c+a-b``, ``(a×b)÷c`` and ``b÷c×a`` share a key. The literals
    themselves are kept as written (``0.5`` and ``1/2`` differ), so no arithmetic is done.
    """
    return _sum_text(_terms(expression))


def _sum_text(terms: list[_Term]) -> str:
    return "".join(sorted(term.text() for term in terms))


def _terms(expression: Expression) -> list[_Term]:
    if isinstance(expression, Literal):
        return [_Term(expression.text[0] == "-", (_atom(expression.text.removeprefix("-")),), ())]
    if isinstance(expression, Power):
        return [_Term(False, (f"({expression.base.text})^{expression.exponent}",), ())]
    terms: list[_Term] = []
    factors: list[tuple[str, Expression]] = [("+", expression.items[0])]
    for operator, item in zip(expression.operators, expression.items[1:], strict=True):
        if operator in "+-":
            terms += _product_terms(factors)
            factors = []
        factors.append((operator, item))
    return terms + _product_terms(factors)


def _product_terms(factors: list[tuple[str, Expression]]) -> list[_Term]:
    """Returns the terms of one product; its first operator is the sign before it."""
    is_negative = factors[0][0] == "-"
    if len(factors) == 1:
        terms = _terms(factors[0][1])
        return [_Term(not term[0], term[1], term[2]) for term in terms] if is_negative else terms
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    for operator, item in factors:
        terms = _terms(item)
        term = terms[0] if len(terms) == 1 else _Term(False, (f"({_sum_text(terms)})",), ())
        is_negative ^= term.is_negative
        above += term.below if operator == "÷" else term.above
        below += term.above if operator == "÷" else term.below
    return [_Term(is_negative, above, below)]


def _atom(text: str) -> str:
    return f"[{text}]" if "/" in text else text


def reduce_powers(expression: Expression, max_decimals: int) -> Expression:
    """Returns ``expression`` with every power worked out."""
    if isinstance(expression, Power):
        return make_literal(simplify(expression.base.value**expression.exponent), max_decimals)
    if isinstance(expression, Chain):
        items = tuple(reduce_powers(item, max_decimals) for item in expression.items)
        return Chain(items, expression.operators)
    return expression


def reduce_once(chain: Chain, max_decimals: int) -> Expression:
    """Returns ``chain``, which is free of powers, after its next operation.

    That is in the leftmost of its parentheses first, there × and ÷ before + and -, from left to right.
    """
    for place, item in enumerate(chain.items):
        if isinstance(item, Chain):
            inner = reduce_once(item, max_decimals)
            return Chain((*chain.items[:place], inner, *chain.items[place + 1 :]), chain.operators)
    place = next((at for at, operator in enumerate(chain.operators) if operator in "×÷"), 0)
    left, right = chain.items[place], chain.items[place + 1]
    assert isinstance(left, Literal) and isinstance(right, Literal), chain
    value = combine(left.value, chain.operators[place], right.value)
    assert value is not None, chain
    literal = make_literal(value, max_decimals)
    if len(chain.items) == 2:
        return literal
    return Chain(
        (*chain.items[:place], literal, *chain.items[place + 2 :]),
        chain.operators[:place] + chain.operators[place + 1 :],
    )


def make_literal(value: Number, max_decimals: int = 0) -> Literal:
    """Returns the literal whose text is the canonical one of ``value``."""
    return Literal(number_text(value, max_decimals=max_decimals), value)
