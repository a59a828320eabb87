from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.grading.budgets import Refusal
from lmgym.grading.notation.characters import normalise
from lmgym.grading.notation.parser import parse

REFUSED = {
    "NUL": "7\x00",
    "escape": "\x1b[31m7\x1b[0m",
    "form feed": "\x0crac{1}{2}",
    "zero-width space": "1\u200b2",
    "zero-width joiner": "1\u200d2",
    "word joiner": "1\u20602",
    "byte order mark": "\ufeff7",
    "right-to-left override": "\u202e21",
    "isolate": "\u206621\u2069",
    "soft hyphen": "1\u00ad2",
    "lone surrogate": "7\ud800",
    "private use": "7\ue000",
    "two scripts": "1\u0663",
    "fullwidth among ASCII": "1\uff12",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_character_that_is_no_part_of_answers_refuses_the_text(name):
    for read in (normalise, parse):
        with pytest.raises(Refusal) as caught:
            read(REFUSED[name])
        assert caught.value.reason == "unparsed"


SAME = {
    "\uff11\uff12": "12",
    "\u0661\u0662": "12",
    "\u0967\u0968": "12",
    "\u0663\u066b\u0661\u0664": "3.14",
    "\U0001d7d9\U0001d7da": "12",
    "\u22125": "-5",
    "\u20115": "-5",
    "7\u00b2": "7^2",
    "x\u207b\u00b9\u2070": "x^{-10}",
    "x\u2081\u2082": "x_{12}",
    "\u00be": "\\frac{3}{4}",
    "\u00b9\u2044\u2082": "\\frac{1}{2}",
    "1\u20442": "1/2",
    "2\u00d73": "2*3",
    "2\u00b73": "2*3",
    "6\u00f72": "6/2",
    "\u221a2": "\\sqrt{2}",
    "2\u03c0": "2\\pi",
    "\u221e": "\\infty",
    "x\u22642": "x\\le 2",
    "x\u22652": "x\\ge 2",
    "x\u22602": "x\\ne 2",
    "x=\u0338 2": "x\\ne 2",
    "\u00b12": "\\pm 2",
    "[1,2]\u222a[3,4]": "[1,2]\\cup[3,4]",
    "[1,2]\u2229[3,4]": "[1,2]\\cap[3,4]",
    "\u2205": "\\emptyset",
    "\u211d": "\\mathbb{R}",
    "90\u00b0": "90^\\circ",
    "\U0001d465+1": "x+1",
    "\uff08\uff11\uff0c\uff12\uff09": "(1,2)",
    "1\u00a0+\u20032": "1+2",
    "1\u202f234": "1\\,234",
    "\u03b8": "\\theta",
    "\u03f5": "\\varepsilon",
    "\u2126": "\\Omega",
}


@pytest.mark.parametrize("text", SAME)
def test_a_sign_is_read_as_its_plain_writing(text):
    assert parse(text) == parse(SAME[text])


@pytest.mark.parametrize("letter", ["\u0430", "\u0445", "\u0435", "\u0391", "\u03bf", "\u0410", "\u0421"])
def test_a_letter_of_another_script_is_never_a_latin_one(letter):
    assert parse(letter).head == "text"
    assert parse(letter).value == letter
    with pytest.raises(Refusal):
        parse(f"2{letter}+1")


def test_words_of_other_scripts_stay_words():
    assert parse("чай").value == "чай"
    assert parse("\\text{café}").value == "café"
    assert parse("cafe\u0301") == parse("caf\u00e9")


def test_plain_text_is_left_alone():
    text = "\\frac{1}{2} \t\n x"
    assert normalise(text) == text


@given(st.text(st.characters(), max_size=30))
def test_what_is_normal_stays_so(text):
    try:
        once = normalise(text)
    except Refusal:
        return
    assert normalise(once) == once
