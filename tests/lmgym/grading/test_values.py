from __future__ import annotations

import math
from fractions import Fraction

import pytest

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.values import exact_value, factorize, root
from lmgym.grading.notation.parser import parse
from lmgym.grading.tree import Node

BUDGETS = Budgets()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", 14),
        ("-7", -7),
        ("10/4", Fraction(5, 2)),
        ("8/4", 2),
        ("0.125", Fraction(1, 8)),
        (r"2\frac{1}{3}", Fraction(7, 3)),
        ("70%", Fraction(7, 10)),
        ("110_2", 6),
        ("2^{-3}", Fraction(1, 8)),
        ("(2/3)^{-2}", Fraction(9, 4)),
        ("1^{10^9}", 1),
        ("(-1)^{10^9+1}", -1),
        ("0^5", 0),
        (r"\sqrt{16/9}", Fraction(4, 3)),
        (r"\sqrt[3]{-27}", -3),
        ("8^{2/3}", 4),
        ("5!", 120),
        ("0!", 1),
        (r"\binom{10}{3}", 120),
        (r"\binom{3}{10}", 0),
        (r"\gcd(12,18)", 6),
        (r"\lfloor -7/2 \rfloor", -4),
        (r"\lceil -7/2 \rceil", -3),
        ("|-3/4|", Fraction(3, 4)),
    ],
)
def test_exact_values(text, value):
    found = exact_value(parse(text), BUDGETS)
    assert found == value
    assert type(found) is type(value), "a Fraction is never integral"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        r"\sqrt{2}",
        r"\sqrt{-4}",
        r"\pi",
        r"\infty",
        "1/0",
        "0/0",
        "0^0",
        "0^{-1}",
        "(1/2)!",
        "(-1)!",
        "(1,2)",
        "2^{1/2}",
    ],
)
def test_what_has_no_rational_value(text):
    assert exact_value(parse(text), BUDGETS) is None


@pytest.mark.parametrize(
    "text",
    [
        "10^{1001}",
        "10^{-1001}",
        "7^{7^{7^7}}",
        "(10^8)!",
        "450!",
        r"\binom{10^8}{5*10^7}",
        "10^{600}*10^{600}",
        "2^{10001}",
    ],
)
def test_beyond_the_budgets(text):
    with pytest.raises(Refusal) as refusal:
        exact_value(parse(text), BUDGETS)
    assert refusal.value.reason == "limit"


def test_within_the_budgets():
    assert exact_value(parse("10^{999}"), BUDGETS) == 10**999
    assert exact_value(parse("449!"), BUDGETS) == math.factorial(449)
    assert exact_value(parse(r"\binom{10^8}{2}"), BUDGETS) == (10**8) * (10**8 - 1) // 2
    assert exact_value(parse("2^{20}"), Budgets(max_digits=7)) == 1048576
    with pytest.raises(Refusal):
        exact_value(parse("2^{30}"), Budgets(max_digits=7))


def test_a_digit_that_the_base_lacks():
    assert exact_value(Node("based", (), ("19", 8)), BUDGETS) is None


def test_integer_roots_and_factors_against_slow_ones():
    for value in range(1, 400):
        for index in (2, 3, 5):
            exact = next((k for k in range(1, 21) if k**index == value), None)
            if exact is not None:
                assert root(value, index) == exact
        factors = factorize(value)
        assert math.prod(prime**count for prime, count in factors) == value
        assert all(all(prime % k for k in range(2, prime)) for prime, _ in factors)
    assert root(10**300, 100) == 1000
    assert factorize(10007 * 10009) is None, "beyond trial division"
    assert factorize(99999989) == ((99999989, 1),)
