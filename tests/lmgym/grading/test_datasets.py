"""The golds of MATH-500, GSM8K and SVAMP: right against themselves, rewritten too, wrong against others."""

from __future__ import annotations

import json
import random
import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise

import pytest

from lmgym.grading import Gold, grade, read_gold
from tests.real_data import real_file

EQUAL_PAIRS = {
    ("-2,1", "1,-2"), ("10,\\!080", "10080"), ("120", "120^\\circ"), ("15", "15\\mbox{ cm}^2"),
    ("2 \\sqrt{5}", "2\\sqrt{5}"), ("30", "30^\\circ"), ("36", "36^\\circ"), ("36", "\\$36"), ("5", "x=5"),
    ("90", "90^\\circ"), ("\\frac14", "\\frac{1}{4}"),
}  # fmt: skip
"""All golds of MATH-500 that are the same answer in two writings, reviewed by eye: lists in any order, and
units and the name of the unknown, which may be left out."""


def read_lines(name: str) -> list[dict]:
    return [json.loads(line) for line in real_file(name).read_text("utf-8").splitlines()]


@cache
def math_golds() -> list[str]:
    return sorted({row["answer"] for row in read_lines("math500/test500.jsonl")})


def gsm8k_golds(split: str) -> list[tuple[str, str]]:
    """Every (gold, worked answer)."""
    rows = [row["answer"] for row in read_lines(f"gsm8k/{split}.jsonl")]
    return [(answer.rpartition("####")[2].strip(), answer) for answer in rows]


@cache
def svamp_golds() -> list[str]:
    rows = json.loads(real_file("svamp/SVAMP.json").read_text("utf-8"))
    return [str(row["Answer"]) for row in rows]


def writings(gold: str) -> list[str]:
    """Other writings of the same answer, by rules that look at the text alone."""
    found = [f" {gold} ", f"${gold}$", f"\\displaystyle {gold}"]
    if "," not in gold:
        found.append(f"{{{gold}}}")
    found.append(gold.replace("\\left", "").replace("\\right", ""))
    found.append(re.sub(r"\\[dt]?frac(?![a-z])", r"\\tfrac", gold))
    found.append(re.sub(r"(?<!\d)(?<!\d )\\frac\{(\d+)\}\{(\d+)\}", r"{\1}/{\2}", gold))
    found.append(re.sub(r"(\\cup|\\pm|\\in(?![a-z])|[-+=<>,])", r" \1 ", gold) if "\\!" not in gold else gold)
    found.append(gold.replace("\\mbox", "\\text").replace("pmatrix", "bmatrix"))
    found.append(
        gold.replace("\\pi", "{\\pi}").replace(" ", "~")
        if "\\text" not in gold and "\\!" not in gold
        else gold
    )
    number = re.fullmatch(r"(-?)\\d?frac\{(\d+)\}\{(\d+)\}", gold)
    if number:
        value = Fraction(int(number[2]), int(number[3]))
        if 10**12 % value.denominator == 0:
            found.append(f"{number[1]}{Decimal(value.numerator) / value.denominator}")
    if re.fullmatch(r"-?\d*\.\d+", gold):
        value = Fraction(gold)
        found += [f"\\frac{{{value.numerator}}}{{{value.denominator}}}", gold + "0"]
    if re.fullmatch(r"-?\d+", gold):
        found += [f"{gold}.0", f"{int(gold):,}", f"x={gold}"]
    without_digits_apart = re.search(r"\d,\d{3}(?!\d)|\d\s", gold)
    return [text for text in found if text == gold or not (without_digits_apart and " , " in text)]


def is_correct(gold: str | Gold, response: str) -> bool:
    verdict = grade(gold, response, timeout_s=10.0)
    assert verdict.status != "error", (gold, response, verdict)
    return verdict.status == "correct"


def test_math_golds_are_right_against_themselves_in_every_frame():
    for gold in math_golds():
        is_words = "\\text" in gold
        frames = ["\\boxed{@}", "$$\\boxed{@}$$\nDone.", "The answer is $@$.", "#### @", "so\n\n@"]
        for frame in frames[: 2 if is_words else None]:
            assert is_correct(gold, frame.replace("@", gold)), (gold, frame)


def test_math_golds_are_right_in_other_writings():
    for gold in math_golds():
        for text in writings(gold):
            assert is_correct(gold, f"\\boxed{{{text}}}"), (gold, text)


def test_worked_solutions_of_math_are_right():
    rows = read_lines("math500/test500.jsonl")
    refused = [row["unique_id"] for row in rows if not is_correct(row["answer"], row["solution"])]
    assert not refused


def test_different_math_golds_are_wrong_against_one_another():
    golds = math_golds()
    ready = {gold: read_gold(gold) for gold in golds}
    pairs = combinations(golds, 2)
    equal = {(one, other) for one, other in pairs if is_correct(ready[one], f"\\boxed{{{other}}}")}
    assert equal == EQUAL_PAIRS
    assert all(is_correct(ready[other], f"\\boxed{{{one}}}") for one, other in equal)


@pytest.mark.slow
def test_different_math_golds_are_wrong_in_the_other_direction():
    ready = {gold: read_gold(gold) for gold in math_golds()}
    pairs = combinations(math_golds(), 2)
    equal = {(one, other) for one, other in pairs if is_correct(ready[other], f"\\boxed{{{one}}}")}
    assert equal == EQUAL_PAIRS


def check_gsm8k(split: str) -> None:
    rows = gsm8k_golds(split)
    for gold, worked in rows:
        assert grade(gold, worked, policy="marker").status == "correct", worked
        plain = gold.replace(",", "")
        for text in (plain, f"{int(plain):,}", f"${plain}", f"{plain}.00", f"\\boxed{{{plain}}}"):
            assert is_correct(gold, text), (gold, text)
    rng = random.Random(0)
    for (gold, _), (_, other) in zip(rng.sample(rows, len(rows)), rng.sample(rows, len(rows)), strict=True):
        expected = int(gold.replace(",", "")) == int(other.rpartition("####")[2].replace(",", ""))
        assert (grade(gold, other, policy="marker").status == "correct") == expected, (gold, other)


def test_golds_of_gsm8k():
    check_gsm8k("test")


@pytest.mark.slow
def test_golds_of_gsm8k_train():
    check_gsm8k("train")


def test_golds_of_svamp():
    golds = svamp_golds()
    for gold in golds:
        value = Fraction(gold)
        size = f"{abs(value.numerator)}" + (f"/{value.denominator}" if value.denominator > 1 else "")
        for text in (gold, gold + "0", ("-" if value < 0 else "") + size, f"\\boxed{{{gold}}}"):
            assert is_correct(gold, text), (gold, text)
    values = sorted(set(golds), key=Fraction)
    for one, other in pairwise(values):
        assert is_correct(one, other) == is_correct(other, one) == (Fraction(one) == Fraction(other))
