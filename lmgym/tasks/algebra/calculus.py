"""Derivatives and antiderivatives: polynomials first, then products, chains and elementary functions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lmgym.grading.exact import Number, simplify
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct, nonzero, pick
from lmgym.tasks.algebra.polynomials import (
    Polynomial,
    antiderivative,
    derivative,
    in_brackets,
    multiply,
    polynomial,
    polynomial_text,
    product_text,
    sum_text,
    term_text,
)
from lmgym.tasks.algebra.summands import Summand, collect, differentiate, summands_of, summands_text
from lmgym.tasks.stream import Words

CONSTANT = "C"
"""The constant of integration in demonstrations."""

_NUM_TERMS = {1: 1, 2: 2, 3: 3, 4: 4}
_MAX_POWER = {1: 4, 2: 4, 3: 5, 4: 7}


def draw_derivative(shape: Shape, words: Words) -> Exercise | None:
    """Returns a function to be differentiated with respect to x."""
    if shape.level < 5:
        whole = _draw_polynomial(shape, words)
        lines = (_power_rule(whole), polynomial_text(derivative(whole)))
        return _exercise("derivative", polynomial_text(whole), lines)
    if shape.level == 5 and words.below(2):
        return _draw_product_rule(shape, words)
    function = [*_draw_function(shape, words)]
    function += [Summand(nonzero(words, shape.size), 4 + extra) for extra in range(shape.extra)]
    raw = [part for summand in function for part in differentiate(summand)]
    lines = (summands_text(raw), summands_text(collect(raw)))
    return _exercise("derivative", summands_text(function), lines)


def _exercise(family: str, question: str, lines: Sequence[str]) -> Exercise | None:
    if lines[-1] == question:
        return None
    worked = distinct(lines)
    return Exercise(family, question, lines[-1], worked, question, question)


def _draw_polynomial(shape: Shape, words: Words) -> Polynomial:
    """Returns a polynomial with the level's number of terms, no constant one; half have a constant too."""
    count = _NUM_TERMS[shape.level] + shape.extra
    powers = list(range(1, _MAX_POWER[shape.level] + 1))
    coefficients: list[Number] = [0] * (len(powers) + 1)
    for _ in range(count):
        power = powers.pop(words.below(len(powers)))
        is_plain = shape.level == 1
        coefficients[power] = below(words, 1, shape.size) if is_plain else nonzero(words, shape.size)
    if words.below(2):
        coefficients[0] = nonzero(words, shape.size)
    return polynomial(coefficients)


def _power_rule(whole: Polynomial) -> str:
    """Returns the derivative before the products are worked out: ``3*2x+5``."""
    texts = []
    for power in range(len(whole) - 1, 0, -1):
        value = whole[power]
        if value:
            is_product = power > 1 and abs(value) != 1
            inner = term_text(power, power - 1)
            texts.append(f"{value}*{inner}" if is_product else term_text(value * power, power - 1))
    return sum_text(texts)


def _draw_product_rule(shape: Shape, words: Words) -> Exercise | None:
    one: Polynomial = (nonzero(words, shape.size), below(words, 1, 5))
    other: Polynomial = (nonzero(words, shape.size), *([0] * (1 + shape.extra)), below(words, 1, 5))
    question = product_text(1, [(one, 1), (other, 1)])
    left = f"{one[1]}{in_brackets(other)}" if one[1] != 1 else polynomial_text(other)
    right = f"{in_brackets(one)}*{polynomial_text(derivative(other))}"
    whole = derivative(multiply(one, other))
    return _exercise("derivative", question, (f"{left}+{right}", polynomial_text(whole)))


def _draw_function(shape: Shape, words: Words) -> list[Summand]:
    level, size = shape.level, shape.size
    if level == 5:
        return [Summand(1, 0, "power", (nonzero(words, size), below(words, 2, 9)), below(words, 2, 5))]
    name = pick(words, ("sin", "cos", "exp", "ln"))
    if level == 6:
        inner: Polynomial = (0, below(words, 1, size))
        tail = Summand(nonzero(words, size), below(words, 1, 3))
        return [Summand(nonzero(words, size), 0, name, inner), tail]
    if level == 7:
        inner = (pick(words, (0, nonzero(words, size))), below(words, 1, 9))
        return [Summand(nonzero(words, size), below(words, 1, 3), name, inner)]
    inner = (nonzero(words, size), pick(words, (0, nonzero(words, size))), below(words, 1, 5))
    if words.below(3) == 0:
        return [Summand(nonzero(words, size), below(words, 1, 3), "power", inner, below(words, 2, 4))]
    return [Summand(nonzero(words, size), below(words, 0, 2), name, inner)]


def draw_integral(shape: Shape, words: Words) -> Exercise | None:
    """Returns a function whose antiderivative is elementary."""
    if shape.level == 5:
        return _draw_integral_of_product(shape, words)
    if shape.level < 5:
        question, found = _draw_polynomial_pair(shape, words)
        raw = [_raise_power(summand) for summand in question]
        lines = [sum_text(raw), summands_text(found)] if shape.level == 4 else [summands_text(found)]
    else:
        question, found = _draw_pair(shape, words)
        for extra in range(shape.extra):
            value = nonzero(words, shape.size)
            question.append(Summand(value, 2 + extra))
            found.append(Summand(simplify(Fraction(value, 3 + extra)), 3 + extra))
        lines = [summands_text(found)]
    return _exercise("integral", summands_text(question), [f"{line}+{CONSTANT}" for line in lines])


def _draw_polynomial_pair(shape: Shape, words: Words) -> tuple[list[Summand], list[Summand]]:
    """Returns a polynomial and its antiderivative, with integer coefficients below level 4."""
    count = _NUM_TERMS[shape.level] + shape.extra
    powers = list(range(int(shape.level == 1), _MAX_POWER[shape.level] - (shape.level > 2)))
    found = list[Number]([0] * (len(powers) + 2))
    for _ in range(count):
        power = powers.pop(words.below(len(powers))) + 1
        value = below(words, 1, shape.size) if shape.level == 1 else nonzero(words, shape.size)
        found[power] = value if shape.level < 4 else simplify(Fraction(value, power))
    if shape.level == 1 and not found[1] and words.below(2):
        found[1] = below(words, 1, shape.size)
    whole = polynomial(found)
    return summands_of(derivative(whole)), summands_of(whole)


def _raise_power(summand: Summand) -> str:
    """Returns the antiderivative of a term before it is reduced: ``4x^3/3``, ``6x^2/2``."""
    text = term_text(summand.c, summand.n + 1)
    return text if summand.n == 0 else f"{text}/{summand.n + 1}"


def _draw_integral_of_product(shape: Shape, words: Words) -> Exercise | None:
    factors = [(nonzero(words, shape.size), below(words, 1, 3)) for _ in range(2 + shape.extra)]
    whole = multiply(*factors)
    question = product_text(1, [(part, factors.count(part)) for part in dict.fromkeys(factors)])
    raw = sum_text([_raise_power(summand) for summand in summands_of(whole)])
    lines = [f"{text}+{CONSTANT}" for text in (raw, polynomial_text(antiderivative(whole)))]
    return _exercise("integral", question, lines)


def _draw_pair(shape: Shape, words: Words) -> tuple[list[Summand], list[Summand]]:
    """Returns a function and an antiderivative of it, level 6 to 8."""
    level, value = shape.level, nonzero(words, shape.size)
    if level == 8:
        return _draw_by_parts(value, words)
    if level == 7:
        if words.below(2):
            inner, power = (nonzero(words, shape.size), below(words, 1, 5)), below(words, 2, 5)
            c = simplify(Fraction(value, inner[1] * (power + 1)))
            return [Summand(value, 0, "power", inner, power)], [Summand(c, 0, "power", inner, power + 1)]
        inner = (pick(words, (0, nonzero(words, shape.size))), below(words, 1, 5))
        if not inner[0]:
            return [Summand(value, -1)], [Summand(value, 0, "ln", (0, 1))]
        c = simplify(Fraction(value, inner[1]))
        return [Summand(value, 0, "power", inner, -1)], [Summand(c, 0, "ln", inner)]
    name, rate = pick(words, ("sin", "cos", "exp")), below(words, 2, 9)  # exp(x) would be its own answer
    outer = {"sin": "cos", "cos": "sin", "exp": "exp"}[name]
    c = simplify(Fraction(-value if name == "sin" else value, rate))
    return [Summand(value, 0, name, (0, rate))], [Summand(c, 0, outer, (0, rate))]


def _draw_by_parts(value: int, words: Words) -> tuple[list[Summand], list[Summand]]:
    """Returns c·x·f(rx) with its antiderivative, or c·x^n·ln(x)."""
    name, rate = pick(words, ("sin", "cos", "exp", "ln")), below(words, 1, 6)
    if name == "ln":
        c = simplify(Fraction(value, rate + 1))
        minus = simplify(Fraction(-value, (rate + 1) ** 2))
        return [Summand(value, rate, "ln", (0, 1))], [
            Summand(c, rate + 1, "ln", (0, 1)),
            Summand(minus, rate + 1),
        ]
    once, twice = simplify(Fraction(value, rate)), simplify(Fraction(value, rate * rate))
    inner = (0, rate)
    found = {
        "sin": [Summand(-once, 1, "cos", inner), Summand(twice, 0, "sin", inner)],
        "cos": [Summand(once, 1, "sin", inner), Summand(twice, 0, "cos", inner)],
        "exp": [Summand(once, 1, "exp", inner), Summand(-twice, 0, "exp", inner)],
    }
    return [Summand(value, 1, name, inner)], found[name]
