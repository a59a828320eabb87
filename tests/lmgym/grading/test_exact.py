from __future__ import annotations

import itertools
import string
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.grading import exact
from lmgym.grading.exact import can_complete, digit_credit, number_text, parse_number

ACCEPTED = [
    ("46", 46),
    (" 46\r\n", 46),
    ("+46", 46),
    ("-46", -46),
    ("\u221246", -46),
    ("0", 0),
    ("-0", 0),
    ("46.0", 46),
    ("46.00", 46),
    ("2.5", Fraction(5, 2)),
    ("5/2", Fraction(5, 2)),
    ("-1/3", Fraction(-1, 3)),
    ("0.125", Fraction(1, 8)),
    ("9007199254740993", 2**53 + 1),
    ("9" * 300, 10**300 - 1),
]
UNPARSED = """
| |12+34|46=|=46|46.|.5|007|00|1e5|1_000|1,000|1 000|2 1/2|5/|/2|5//2|5/2/1|1/-2|--4|- 4|(46)|46%|\
$46|\\boxed{46}|the answer is 46|45 46|46\n47|0x2e|４６|٤٦|4²|¾|⅕|4\u200b6|\
\u202e64|\ufeff46|46\x00|\x1b[0m46|\ud800|46\x0b|\
nan|inf|∞|True|None|46j|4\u00a06|+-4|0/0|5/0|1/02|01/2|1.2/3|-|+|.|−
""".strip("\n").split("|")
UNSOLVED = ["10/4", "92/2", "46/1", "0/5", "2/2", "-6/4"]


@pytest.mark.parametrize(("text", "value"), ACCEPTED)
def test_numbers_are_read_exactly(text: str, value: int | Fraction) -> None:
    parsed = parse_number(text)
    assert parsed == (value, "")
    assert type(parsed.value) is type(value)


@pytest.mark.parametrize("text", UNPARSED)
def test_what_is_no_plain_number_is_unparsed(text: str) -> None:
    assert parse_number(text) == (None, "unparsed")


@pytest.mark.parametrize("text", UNSOLVED)
def test_a_division_still_to_be_done_is_unsolved(text: str) -> None:
    assert parse_number(text) == (None, "unsolved")


@pytest.mark.parametrize("text", ["1" * 301, "9" * 10**5, "1." + "0" * 299, "1/" + "7" * 10**5, "0" * 10**6])
def test_length_is_checked_before_digits_are_converted(text: str) -> None:
    assert parse_number(text) == (None, "unparsed")


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    value, reason = parse_number(text)
    assert (value is None) == (reason in ("unparsed", "unsolved"))


@pytest.mark.parametrize(
    ("value", "max_decimals", "text"),
    [
        (46, 0, "46"),
        (Fraction(46), 0, "46"),
        (Fraction(5, 2), 0, "5/2"),
        (Fraction(5, 2), 1, "2.5"),
        (Fraction(-1, 8), 3, "-0.125"),
        (Fraction(1, 8), 2, "1/8"),
        (Fraction(1, 3), 50, "1/3"),
        (Fraction(-7, 100), 2, "-0.07"),
    ],
)
def test_canonical_texts(value: int | Fraction, max_decimals: int, text: str) -> None:
    assert number_text(value, max_decimals=max_decimals) == text


@given(st.fractions(max_denominator=4000), st.integers(0, 12))
def test_canonical_text_is_read_back(value: Fraction, max_decimals: int) -> None:
    assert parse_number(number_text(value, max_decimals=max_decimals)).value == value


@pytest.mark.parametrize(
    ("given_value", "truth", "credit"),
    [
        (45, 46, 1 / 2),
        (146, 46, 2 / 3),
        (6, 46, 1 / 2),
        (56, 46, 1 / 2),
        (-46, 46, 1 / 2),
        (-45, 46, 1 / 4),
        (12, 46, 0),
        (1234, 1934, 3 / 4),
        (Fraction(1, 4), Fraction(1, 2), 1 / 2),
        (Fraction(-1, 4), Fraction(1, 2), 0),
        (1, Fraction(10**30 + 1, 10**30), 0.99),
    ],
)
def test_digit_credit_by_hand(given_value: int | Fraction, truth: int | Fraction, credit: float) -> None:
    assert digit_credit(given_value, truth) == pytest.approx(credit, abs=1e-12)


@given(st.fractions(), st.fractions())
def test_wrong_answers_never_score_one(given_value: Fraction, truth: Fraction) -> None:
    one, other = exact.simplify(given_value), exact.simplify(truth)
    if one != other:
        assert 0 <= digit_credit(one, other) < 1


@pytest.mark.parametrize(
    "truth", [0, 7, 10, -3, Fraction(1, 2), Fraction(-5, 4), Fraction(1, 3), Fraction(10, 3)]
)
def test_completability_agrees_with_trying_every_completion(
    truth: int | Fraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 5
    monkeypatch.setattr(exact, "MAX_NUMBER_CHARS", limit)
    alphabet = "0123457-+./ "
    # every text of up to 6 characters would be 3 million; the right ones are found and their prefixes kept
    numerals = ["".join(t) for n in range(1, limit + 1) for t in itertools.product("0123457-+./", repeat=n)]
    right = [text for text in numerals if parse_number(text).value == truth]
    prefixes = {
        (before + text + after)[:stop]
        for text in right
        for before in ("", " ", "  ", "   ")
        for after in ("", " ", "  ", "   ")
        for stop in range(len(before + text + after) + 1)
    } | {" " * n for n in range(4)}
    for size in range(4):
        for letters in itertools.product(alphabet, repeat=size):
            partial = "".join(letters)
            assert can_complete(partial, truth) == (partial in prefixes), repr(partial)


@pytest.mark.parametrize(
    ("partial", "truth", "possible"),
    [
        ("", 46, True),
        ("4", 46, True),
        ("46", 46, True),
        ("46.", 46, True),
        ("46.000", 46, True),
        ("46.01", 46, False),
        ("46 ", 46, True),
        ("46 0", 46, False),
        ("4 ", 46, False),
        ("-", 46, False),
        ("\u2212", -46, True),
        ("4", -46, False),
        ("9", 46, False),
        ("2.50", Fraction(5, 2), True),
        ("5/", Fraction(5, 2), True),
        ("5/2 ", Fraction(5, 2), True),
        ("0.3333", Fraction(1, 3), False),
        ("46." + "0" * 297, 46, True),
        ("46." + "0" * 298, 46, False),
        ("1" + "0" * 297 + ".", 10**297, True),
        ("1" + "0" * 298 + ".", 10**298, False),
        ("4" * 10**6, 46, False),
        ("\ud800", 46, False),
    ],
)
def test_completability_by_hand(partial: str, truth: int | Fraction, possible: bool) -> None:
    assert can_complete(partial, truth) is possible


@given(st.text(string.digits + "-+./ \u2212", max_size=12))
def test_a_right_answer_and_all_its_beginnings_can_be_completed(text: str) -> None:
    value = parse_number(text).value
    if value is not None:
        assert all(can_complete(text[:stop], value) for stop in range(len(text) + 1))
