"""Expressions against a reader of their text that was written apart from them."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.draw import draw_entry, longest_run
from lmgym.tasks.arithmetic.expressions import (
    WORD_SIGNS,
    Chain,
    Literal,
    Power,
    canonical_key,
    evaluate,
    literals,
    make_literal,
    render,
)
from lmgym.tasks.arithmetic.knobs import Knobs, make_knobs
from lmgym.tasks.arithmetic.worked import worked_lines
from lmgym.tasks.stream import Words


class Reader:
    """A recursive reader of arithmetic: sums of products of signed powers of atoms."""

    def __init__(self, text: str) -> None:
        self.tokens = re.findall(r"[0-9]+(?:\.[0-9]+)?|[-+×÷/^()]", text)
        assert "".join(self.tokens) == text, text
        self.at = 0

    def take(self, *signs: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at] in signs:
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def sum(self) -> Fraction:
        total = self.product()
        while sign := self.take("+", "-"):
            total += self.product() * (1 if sign == "+" else -1)
        return total

    def product(self) -> Fraction:
        if self.take("-"):
            return -self.product()
        total = self.power()
        while sign := self.take("×", "÷", "/"):
            total = total * self.power() if sign == "×" else total / self.power()
        return total

    def power(self) -> Fraction:
        base = self.atom()
        return base ** int(self.atom()) if self.take("^") else base

    def atom(self) -> Fraction:
        if self.take("("):
            value = self.sum()
            assert self.take(")")
            return value
        self.at += 1
        return Fraction(self.tokens[self.at - 1])


def read(text: str) -> Fraction:
    reader = Reader(text)
    value = reader.sum()
    assert reader.at == len(reader.tokens), text
    return value


def lit(text: str) -> Literal:
    return Literal(text, Fraction(text)) if re.search(r"[./]", text) else Literal(text, int(text))


def chain(*parts: str | Literal | Power | Chain) -> Chain:
    items = tuple(lit(part) if isinstance(part, str) else part for part in parts[::2])
    return Chain(items, tuple(str(part) for part in parts[1::2]))


A, B, C = "3", "14", "25"


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        (chain("12", "+", "34"), "12+34", 46),
        (chain("-5", "-", "-7"), "-5-(-7)", 2),
        (chain("3", "×", chain("4", "-", "-6")), "3×(4-(-6))", 30),
        (chain("1/2", "+", "1/3"), "1/2+1/3", Fraction(5, 6)),
        (chain("1/2", "÷", "3/4", "-", "-1/6"), "(1/2)÷(3/4)-(-1/6)", Fraction(5, 6)),
        (chain("2", "+", Power(lit("-3"), 3), "×", "2"), "2+(-3)^3×2", -52),
        (chain("20", "-", "3", "-", "2"), "20-3-2", 15),
        (chain("20", "÷", "5", "×", "2"), "20÷5×2", 8),
        (chain("2.5", "×", "0.4"), "2.5×0.4", 1),
    ],
)
def test_text_and_value_by_hand(expression: Chain, text: str, value: int | Fraction) -> None:
    assert render(expression) == text
    found = evaluate(expression, 1000)
    assert found == value and type(found) is type(value)


def test_words_keep_numbers_and_parentheses() -> None:
    expression = chain("-3", "×", chain(Power(lit("2"), 4), "÷", "8"))
    assert render(expression, WORD_SIGNS) == "-3 times (2 to the power of 4 divided by 8)"


@pytest.mark.parametrize(
    "expression",
    [
        chain("1", "÷", "0"),
        chain("1", "÷", chain("2", "-", "2")),
        chain("1000", "-", "999"),
        chain("50", "×", "20", "÷", "20"),
        chain("0", "×", Power(lit("10"), 3)),
        chain("1/500", "÷", "2"),
    ],
)
def test_undefined_or_big_results_on_the_way_have_no_value(expression: Chain) -> None:
    assert evaluate(expression, 1000) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chain(A, "+", B), chain(B, "+", A)),
        (chain(A, "×", B), chain(B, "×", A)),
        (chain(A, "-", B), chain("-14", "+", A)),
        (chain(A, "+", B, "-", C), chain(A, "-", chain(C, "-", B))),
        (chain(chain(A, "×", B), "÷", C), chain(B, "÷", C, "×", A)),
        (chain(A, "÷", chain(B, "÷", C)), chain(A, "×", C, "÷", B)),
        (chain("-3", "×", B), chain("3", "×", "-14")),
        (chain(A, "-", chain("-14", "×", C)), chain(chain(C, "×", B), "+", A)),
        (chain(chain(A, "+", B), "×", C), chain(C, "×", chain(B, "+", A))),
    ],
)
def test_order_and_grouping_do_not_change_the_key(one: Chain, other: Chain) -> None:
    assert canonical_key(one) == canonical_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chain(A, "-", B), chain(B, "-", A)),
        (chain(A, "÷", B), chain(B, "÷", A)),
        (chain(A, "×", B), chain(A, "+", B)),
        (chain(A, "×", chain(B, "+", C)), chain(A, "×", B, "+", C)),
        (chain("1/2", "+", A), chain("1", "÷", "2", "+", A)),
        (chain(Power(lit("-3"), 2), "+", B), chain(Power(lit("3"), 2), "+", B)),
        (chain("1", "+", "23"), chain("12", "+", "3")),
        (chain("12", "+", "3"), chain("12", "+", "30")),
    ],
)
def test_other_problems_have_other_keys(one: Chain, other: Chain) -> None:
    assert canonical_key(one) != canonical_key(other)


def drawn(knobs: Knobs, count: int, split: str = "train") -> list[Chain]:
    words = Words(make_generator(3, "test", knobs.name, split))
    entries = (draw_entry(knobs, split, words) for _ in range(20 * count))
    return [entry.expression for entry in entries if entry is not None][:count]


@pytest.mark.parametrize("level", range(1, 11))
def test_drawn_expressions_have_the_value_that_their_text_has(level: int) -> None:
    knobs = make_knobs(level, {})
    for expression in drawn(knobs, 150):
        value = evaluate(expression, 10**knobs.max_answer_digits)
        assert value == read(render(expression))
        assert longest_run(expression) <= knobs.num_digits
        for literal in literals(expression):
            assert Fraction(literal.text) == literal.value
            if "/" in literal.text:  # in lowest terms, so that a fraction is written in one way
                assert str(literal.value) == literal.text
            assert not re.search(r"\.\d*0$", literal.text)


@pytest.mark.parametrize("level", range(1, 11))
def test_every_line_of_the_working_has_the_value_of_the_problem(level: int) -> None:
    knobs = make_knobs(level, {})
    for expression in drawn(knobs, 100):
        value = evaluate(expression, 10**knobs.max_answer_digits)
        assert value is not None
        lines = worked_lines(expression, knobs.max_decimals)
        assert lines[-1] == make_literal(value, knobs.max_decimals).text
        for line in lines:
            if "=" in line:
                left, _, right = line.partition("=")
                assert read(left) == read(right)
            else:
                assert read(line) == value


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        (chain("12", "+", "34"), ["10+30=40", "2+4=6", "40+6=46", "46"]),
        (chain("3", "+", "4"), ["7"]),
        (chain("305", "+", "7"), ["300+0=300", "5+7=12", "300+12=312", "312"]),
        (chain("82", "-", "37"), ["82-30=52", "52-7=45", "45"]),
        (chain("37", "-", "82"), ["37-80=-43", "-43-2=-45", "-45"]),
        (chain("12", "×", "34"), ["12×30=360", "12×4=48", "360+48=408", "408"]),
        (chain("12", "×", "0"), ["0"]),
        (chain("0", "+", "0"), ["0"]),
        (chain("2", "+", "3", "×", "4"), ["2+12", "14"]),
        (chain("7", "-", chain(Power(lit("2"), 3), "-", "-1")), ["7-(8-(-1))", "7-9", "-2"]),
        (chain("1/2", "÷", "3"), ["1/6"]),
    ],
)
def test_working_by_hand(expression: Chain, lines: list[str]) -> None:
    assert worked_lines(expression, 0) == lines
