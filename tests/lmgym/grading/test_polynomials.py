from __future__ import annotations

import random
from fractions import Fraction

import pytest

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.canonical import canonical, is_decided
from lmgym.grading.equality.polynomials import (
    Ratio,
    Work,
    add,
    difference,
    invert_ratio,
    make_monomial,
    multiply,
    raise_to,
    rational_value,
)
from lmgym.grading.equality.univariate import divide, greatest_common_divisor, is_irreducible, rational_roots
from lmgym.grading.equality.univariate import multiply as convolve
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.notation.parser import parse

X, Y = ("v", "x"), ("v", "y")


def work():
    return Work(Budgets())


def form(text):
    return canonical(parse(text), work())


def value_of(poly, point):
    """A slow reference: the value at a point."""
    total = Fraction(0)
    for monomial, coefficient in poly.items():
        term = Fraction(coefficient)
        for (_, name), exponent in monomial:
            term *= point[name] ** exponent
        total += term
    return total


def random_polynomial(rng):
    poly = {}
    for _ in range(rng.randrange(1, 5)):
        monomial, _ = make_monomial({X: rng.randrange(3), Y: rng.randrange(3)})
        poly[monomial] = rng.choice([-3, -1, 2, Fraction(1, 2)])
    return poly


@pytest.mark.parametrize("seed", range(20))
def test_arithmetic_against_values_at_points(seed):
    rng = random.Random(seed)
    a, b = random_polynomial(rng), random_polynomial(rng)
    for point in ({"x": Fraction(2, 3), "y": Fraction(-5)}, {"x": Fraction(7), "y": Fraction(1, 4)}):
        left, right = value_of(a, point), value_of(b, point)
        assert value_of(add(a, b, work()), point) == left + right
        assert value_of(multiply(a, b, work()), point) == left * right
        assert value_of(raise_to(a, 3, work()), point) == left**3
        crossed = difference(Ratio(a, b), Ratio(b, a), work())
        assert value_of(crossed, point) == left * left - right * right


def test_the_canonical_form():
    assert form("(x+1)^2").top == {((X, 2),): 1, ((X, 1),): 2, (): 1}
    assert form("x - x").top == {}
    assert form(r"\sqrt{12}").top == {((("p", 3), Fraction(1, 2)),): 2}
    assert form("(1+i)^2").top == {((("c", "i"), 1),): 2}
    assert form(r"\frac{1}{\sqrt{2}}") == Ratio({((("p", 2), Fraction(1, 2)),): Fraction(1, 2)}, {(): 1})
    assert form(r"\frac{1}{i}") == Ratio({((("c", "i"), 1),): -1}, {(): 1})
    assert form(r"\ln 12").top == {((("l", 2), 1),): 2, ((("l", 3), 1),): 1}
    assert rational_value(form(r"\frac{2x+2}{x+1}")) == 2
    assert rational_value(form(r"\frac{2x+2}{x+2}")) is None


def test_zero_has_no_inverse():
    with pytest.raises(UndefinedError):
        invert_ratio(form("x-x"), work())
    with pytest.raises(UndefinedError):
        form("(x-x)^0")


def test_doubts_are_noted():
    for text, is_suspect in (
        (r"1/\sin(x)", False),
        (r"1/(\sin(1)+2)", True),
        (r"1/(x+1)", False),
        (r"\ln(\sin 1)", True),
    ):
        spent = work()
        canonical(parse(text), spent)
        assert spent.is_suspect is is_suspect, text


def test_what_is_decided_by_the_form_alone():
    assert is_decided(form(r"\sqrt2 + \pi x"), form("i"))
    assert not is_decided(form(r"\pi"), form("e"))
    assert not is_decided(form(r"\sin(1)"))


@pytest.mark.parametrize(
    "text", ["(x+y+z)^{300}", "(x+1)^{61}", "(x+y+z+w)^{30}", "(99999999x+1)^{60}(88888888x+3)^{60}"]
)
def test_beyond_the_budgets(text):
    with pytest.raises(Refusal):
        canonical(parse(text), Work(Budgets(max_digits=100)))


def test_powers_of_one_term_are_free():
    assert form("x^{5000}").top == {((X, 5000),): 1}


def fractions(*values):
    return [Fraction(value) for value in values]


def test_division_and_gcd():
    product = convolve(fractions(-1, 1), fractions(2, 0, 3))
    assert product == fractions(-2, 2, -3, 3)
    assert divide(product, fractions(-1, 1)) == (fractions(2, 0, 3), [])
    assert divide(fractions(1, 0, 1), fractions(1, 1))[1] == fractions(2)
    assert greatest_common_divisor(product, fractions(1, -2, 1)) == fractions(-1, 1)


@pytest.mark.parametrize("seed", range(20))
def test_rational_roots_are_found(seed):
    rng = random.Random(seed)
    roots = {Fraction(rng.randrange(-9, 10), rng.randrange(1, 4)) for _ in range(3)}
    poly = fractions(2, 0, 1)  # without real roots
    for root in roots:
        poly = convolve(poly, [-root, Fraction(1)])
    assert rational_roots(poly) == sorted(roots)


@pytest.mark.parametrize(
    ("coefficients", "is_prime"),
    [
        ((1, 0, 1), True),
        ((-1, 0, 1), False),
        ((-2, 0, 1), True),
        ((-2, 0, 0, 1), True),
        ((-8, 0, 0, 1), False),
        ((4, 0, 0, 0, 1), False),  # (x^2 + 2x + 2)(x^2 - 2x + 2)
        ((1, 0, 0, 0, 1), True),
        ((1, 1, 1, 1, 1), True),
        ((1, 0, 1, 0, 1), False),  # (x^2 + x + 1)(x^2 - x + 1)
        ((5, 3), True),
    ],
)
def test_irreducible_polynomials(coefficients, is_prime):
    assert is_irreducible(fractions(*coefficients)) is is_prime
