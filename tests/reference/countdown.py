"""The slow truth about Countdown: every expression there is, one by one. Shares no code with the package."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

PRIME = 2**61 - 1


def arrangements(count: int, use_all: bool) -> Iterator[tuple[int, ...]]:
    """Yields every order of every choice of the places 0 ... count - 1."""
    for size in range(count if use_all else 1, count + 1):
        yield from itertools.permutations(range(count), size)


def expressions(places: tuple[int, ...]) -> Iterator[object]:
    """Yields every expression with the places in this order: a place, or (left, sign, right)."""
    if len(places) == 1:
        yield places[0]
    for cut in range(1, len(places)):
        for left in expressions(places[:cut]):
            for right in expressions(places[cut:]):
                for sign in "+-*/":
                    yield (left, sign, right)


def value_of(expression: object, numbers: tuple[int, ...], fractions: bool) -> Fraction | None:
    """Returns the exact value, None where it divides by zero or a result breaks the rule."""
    if isinstance(expression, int):
        return Fraction(numbers[expression])
    left, sign, right = expression
    one, other = value_of(left, numbers, fractions), value_of(right, numbers, fractions)
    if one is None or other is None:
        return None
    if sign == "/":
        value = one / other if other else None
    else:
        value = {"+": one + other, "-": one - other, "*": one * other}[sign]
    return None if value is None or (value.denominator != 1 and not fractions) else value


def text_of(expression: object, numbers: tuple[int, ...]) -> str:
    """Returns the expression with every pair of parentheses."""
    if isinstance(expression, int):
        return str(numbers[expression])
    left, sign, right = expression
    return f"({text_of(left, numbers)}{sign}{text_of(right, numbers)})"


def fingerprint(expression: object, points: tuple[int, ...]) -> int:
    """Returns the expression's value modulo a prime at random points: equal for equal functions."""
    if isinstance(expression, int):
        return points[expression]
    left, sign, right = expression
    one, other = fingerprint(left, points), fingerprint(right, points)
    if sign == "/":
        return one * pow(other, -1, PRIME) % PRIME
    return {"+": one + other, "-": one - other, "*": one * other}[sign] % PRIME


def solutions(numbers: tuple[int, ...], target: int, use_all: bool, fractions: bool) -> list[object]:
    """Returns every expression worth ``target``."""
    return [
        expression
        for places in arrangements(len(numbers), use_all)
        for expression in expressions(places)
        if value_of(expression, numbers, fractions) == target
    ]


def count_different(found: list[object], numbers: tuple[int, ...], points: tuple[int, ...]) -> int:
    """Returns how many of ``found`` differ as functions when equal numbers may change places."""
    orders = [
        order
        for order in itertools.permutations(range(len(numbers)))
        if all(numbers[place] == numbers[other] for place, other in enumerate(order))
    ]
    shuffled = [tuple(points[place] for place in order) for order in orders]
    return len({min(fingerprint(expression, row) for row in shuffled) for expression in found})


def token_strings(
    numbers: tuple[str, ...],
    pairs: int,
    tokens: tuple[str, ...] = (),
    depth: int = 0,
    needs_piece: bool = True,
) -> Iterator[tuple[str, ...]]:
    """Yields every well-formed expression of some of ``numbers`` with at most ``pairs`` of parentheses."""
    if needs_piece:
        for number in sorted(set(numbers)):
            rest = list(numbers)
            rest.remove(number)
            yield from token_strings(tuple(rest), pairs, (*tokens, number), depth, False)
        if pairs and numbers:
            yield from token_strings(numbers, pairs - 1, (*tokens, "("), depth + 1, True)
        return
    if depth == 0:
        yield tokens
    else:
        yield from token_strings(numbers, pairs, (*tokens, ")"), depth - 1, False)
    if numbers:
        for sign in "+-*/":
            yield from token_strings(numbers, pairs, (*tokens, sign), depth, True)


def value_of_tokens(tokens: tuple[str, ...], fractions: bool) -> Fraction | None:
    """Returns the exact value by recursive descent, operations of one rank from left to right."""
    value, place = _sum(tokens, 0, fractions)
    assert place == len(tokens)
    return value


def _sum(tokens: tuple[str, ...], place: int, fractions: bool) -> tuple[Fraction | None, int]:
    value, place = _product(tokens, place, fractions)
    while place < len(tokens) and tokens[place] in "+-":
        sign = tokens[place]
        other, place = _product(tokens, place + 1, fractions)
        if value is None or other is None:
            value = None
        else:
            value = value + other if sign == "+" else value - other
    return value, place


def _product(tokens: tuple[str, ...], place: int, fractions: bool) -> tuple[Fraction | None, int]:
    value, place = _piece(tokens, place, fractions)
    while place < len(tokens) and tokens[place] in "*/":
        sign = tokens[place]
        other, place = _piece(tokens, place + 1, fractions)
        if value is None or other is None or (sign == "/" and other == 0):
            value = None
        else:
            value = value * other if sign == "*" else value / other
            value = None if value.denominator != 1 and not fractions else value
    return value, place


def _piece(tokens: tuple[str, ...], place: int, fractions: bool) -> tuple[Fraction | None, int]:
    if tokens[place] != "(":
        return Fraction(tokens[place]), place + 1
    value, place = _sum(tokens, place + 1, fractions)
    return value, place + 1
