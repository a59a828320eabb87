"""Laws of the grader over generated golds, answers and texts of any kind."""

from __future__ import annotations

import string
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.grading import Policy, Rules, grade
from lmgym.records import Verdict
from tests.fuzz.grader import SNIPPETS
from tests.lmgym.grading.cases import read_cases

LAWS = settings(max_examples=80, deadline=None, derandomize=True, database=None)
EQUAL_IS_ENOUGH = Policy(rules=Rules(must_be_solved=False))

Tree = int | str | tuple
"""An integer that is not negative, a variable, or (operator, operand, …); of our own, not the grader's."""

fractions = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**4)
leaves = st.integers(0, 12) | st.sampled_from("xyab")
polynomials = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from("+-*"), inner, inner) | st.tuples(st.just("^"), inner, st.integers(1, 3))
    ),
    max_leaves=6,
)


def latex(tree: Tree, gap: str = "") -> str:
    """``tree`` in LaTeX, with ``gap`` around its operators."""
    if not isinstance(tree, tuple):
        return str(tree)
    operator, left, right = tree
    if operator == "^":
        return f"\\left({latex(left, gap)}\\right)^{{{right}}}"
    sign = "\\cdot " if operator == "*" else operator
    return f"\\left({latex(left, gap)}\\right){gap}{sign}{gap}\\left({latex(right, gap)}\\right)"


def plain(tree: Tree) -> str:
    """``tree`` as one types it."""
    if not isinstance(tree, tuple):
        return str(tree)
    operator, left, right = tree
    return f"({plain(left)}){operator}{right if operator == '^' else '(' + plain(right) + ')'}"


def rewritten(tree: Tree) -> Tree:
    """An equal tree that is written differently."""
    if not isinstance(tree, tuple):
        return tree
    operator, left, right = tree
    if operator == "^":
        left = rewritten(left)
        return left if right == 1 else ("*", ("^", left, right - 1), left)
    left, right = rewritten(left), rewritten(right)
    if operator == "-":
        return ("+", ("*", ("-", 0, 1), right), left)
    if operator == "*" and isinstance(right, tuple) and right[0] == "+":
        return ("+", ("*", left, right[2]), ("*", right[1], left))
    return (operator, right, left)


def is_correct(gold: str, answer: str, policy: Policy | str = "final") -> bool:
    verdict = grade(gold, f"\\boxed{{{answer}}}", policy=policy, timeout_s=20.0)
    assert verdict.status != "error", verdict
    return verdict.status == "correct"


def fraction_text(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    size = abs(value)
    return (
        f"{sign}{size.numerator}" if size.denominator == 1 else f"{sign}{size.numerator}/{size.denominator}"
    )


@LAWS
@given(fractions, fractions)
def test_fractions_are_right_exactly_where_they_are_equal(gold, answer):
    assert is_correct(fraction_text(gold), fraction_text(gold))
    assert is_correct(fraction_text(gold), fraction_text(answer)) == (gold == answer)


@LAWS
@given(fractions)
def test_writings_of_a_fraction(value):
    sign, size = "-" if value < 0 else "", abs(value)
    gold = fraction_text(value)
    for command in ("\\frac", "\\dfrac", "\\tfrac", "\\frac "):
        if value.denominator > 1:
            assert is_correct(gold, f"{sign}{command}{{{size.numerator}}}{{{size.denominator}}}")
    whole, rest = divmod(size.numerator, size.denominator)
    if whole and rest:
        assert is_correct(gold, f"{sign}{whole}\\frac{{{rest}}}{{{size.denominator}}}")
    twice = f"{sign}\\frac{{{2 * size.numerator}}}{{{2 * size.denominator}}}"
    assert not is_correct(gold, twice) and is_correct(gold, twice, EQUAL_IS_ENOUGH)


@LAWS
@given(st.integers(-(10**12), 10**12), st.integers(0, 9))
def test_writings_of_a_decimal(digits, places):
    value = Fraction(digits, 10**places)
    text = str(digits)
    if places:
        figures = str(abs(digits)).rjust(places + 1, "0")
        text = ("-" if digits < 0 else "") + figures[:-places] + "." + figures[-places:]
    gold = fraction_text(value)
    assert is_correct(gold, text) and is_correct(text, gold)
    assert is_correct(gold, text + ("0" if places else ".0"))
    assert is_correct(gold, f"{digits} \\times 10^{{-{places}}}", EQUAL_IS_ENOUGH)
    assert not is_correct(gold, text + ("1" if places else ".1"))


@LAWS
@given(st.integers(1000, 10**15))
def test_separators_of_thousands(value):
    text = f"{value:,}"
    for separator in (",", "{,}", ",\\!", "\\,"):
        assert is_correct(str(value), text.replace(",", separator))
    assert not is_correct(str(value), text[:-1])
    assert not is_correct(str(value), text[:-1] + str((value + 1) % 10))


@LAWS
@given(polynomials)
def test_formatting_changes_nothing(tree):
    gold = latex(tree)
    answers = [plain(tree), latex(tree, " "), latex(tree, "\\,"), f"${gold}$", f"{{{gold}}}"]
    answers += [gold.replace("\\left", "").replace("\\right", ""), f"\\left({gold}\\right)", f"  {gold}\n"]
    for answer in answers:
        assert is_correct(gold, answer, EQUAL_IS_ENOUGH), answer


@LAWS
@given(polynomials)
def test_equal_rewritings_are_right_in_both_directions(tree):
    gold, answer = latex(tree), latex(rewritten(tree))
    assert is_correct(gold, answer, EQUAL_IS_ENOUGH) and is_correct(answer, gold, EQUAL_IS_ENOUGH)


@LAWS
@given(polynomials, st.sampled_from([1, "x", ("*", 2, "y"), ("^", "a", 2)]), st.sampled_from("+-"))
def test_something_more_or_less_is_wrong(tree, more, operator):
    gold, answer = latex(tree), latex((operator, tree, more))
    assert not is_correct(gold, answer, EQUAL_IS_ENOUGH) and not is_correct(answer, gold, EQUAL_IS_ENOUGH)


@LAWS
@given(polynomials, polynomials)
def test_equality_is_symmetric(one, other):
    there = is_correct(latex(one), plain(other), EQUAL_IS_ENOUGH)
    assert there == is_correct(plain(other), latex(one), EQUAL_IS_ENOUGH)


@LAWS
@given(st.lists(fractions, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_order_matters_in_tuples_alone(values, rng):
    texts = [fraction_text(value) for value in values]
    shuffled = rng.sample(texts, len(texts))
    assert is_correct("(" + ", ".join(texts) + ")", "(" + ",".join(shuffled) + ")") == (texts == shuffled)
    assert is_correct("\\{" + ", ".join(texts) + "\\}", "\\{" + ",".join(shuffled) + "\\}")
    assert is_correct(", ".join(texts), ", ".join(shuffled))


@LAWS
@given(fractions, fractions, st.sampled_from("[("), st.sampled_from("])"))
def test_intervals_and_inequalities(one, other, left, right):
    if one == other:
        return
    low, high = fraction_text(min(one, other)), fraction_text(max(one, other))
    below, above = "<" if left == "(" else "\\le", "<" if right == ")" else "\\le"
    gold, answer = f"{left}{low},{high}{right}", f"{low} {below} x {above} {high}"
    assert is_correct(gold, answer) and is_correct(gold, f"x \\in {gold}")
    flipped = f"{'[' if left == '(' else '('}{low},{high}{right}"
    assert not is_correct(gold, flipped) and not is_correct(flipped, answer)


@LAWS
@given(st.text(string.ascii_lowercase, min_size=3, max_size=12), st.randoms(use_true_random=False))
def test_words_with_other_letters_are_wrong(word, rng):
    gold = f"\\text{{{word}}}"
    assert is_correct(gold, gold) and is_correct(gold, f"\\text{{{word.upper()}}}")
    shuffled = "".join(rng.sample(word, len(word)))
    assert is_correct(gold, f"\\text{{{shuffled}}}") == (shuffled == word)


FRAMES = [
    "\\boxed{@}", "The answer is $\\boxed{@}$.", "@", "so\n@", "#### @", "The answer is @.",
    "\\[\\boxed{@}\\]\nDone.", "<think>\\boxed{31}</think> \\boxed{@}",
    "**\\boxed{@}**", "\\boxed{@} = \\boxed{@}",
]  # fmt: skip


@LAWS
@given(fractions, st.sampled_from(FRAMES))
def test_the_words_around_an_answer_change_nothing(value, frame):
    text = fraction_text(value)
    assert grade(text, frame.replace("@", text)).status == "correct"
    assert grade(text, frame.replace("@", fraction_text(value + 1))).status == "wrong"


@LAWS
@given(fractions, fractions)
def test_two_different_answers_are_wrong(one, other):
    if one == other:
        return
    one_text, other_text = fraction_text(one), fraction_text(other)
    for joined in ("\\boxed{@} or \\boxed{%}", "\\boxed{@ \\text{ or } %}", "\\boxed{@}\\boxed{%}", "@ or %"):
        response = joined.replace("@", one_text).replace("%", other_text)
        assert grade(one_text, response).status == grade(other_text, response).status == "wrong"


hostile_texts = (
    st.text(max_size=200)
    | st.text(st.characters(), max_size=60).map(lambda text: f"\\boxed{{{text}}}")
    | st.lists(st.sampled_from(SNIPPETS), max_size=40).map("".join)
    | st.lists(st.sampled_from(SNIPPETS), max_size=20).map(lambda parts: f"\\boxed{{{''.join(parts)}}}")
)
GOLDS = [
    "7",
    "\\frac{1}{2}",
    "x^2+1",
    "2\\sqrt{5}",
    "(1,2)",
    "\\{1,2\\}",
    "[0,1)",
    "y=2x",
    "\\text{tea}",
    "90^\\circ",
]


def check_bounded(gold: str, response: str, **options: object) -> Verdict:
    start = time.process_time()
    verdict = grade(gold, response, timeout_s=1.0, **options)  # type: ignore[arg-type]
    assert time.process_time() - start < 1.0  # of this process; workers have their own limit
    assert verdict.status in ("correct", "wrong") or verdict.reason == "overloaded", verdict
    assert (verdict.score == 1.0) == (verdict.status == "correct")
    return verdict


@settings(LAWS, max_examples=300)
@given(
    st.sampled_from(GOLDS), hostile_texts, st.sampled_from(["final", "boxed", "marker", "last_line", "whole"])
)
def test_no_text_raises_or_hangs(gold, response, policy):
    check_bounded(gold, response, policy=policy)


@settings(LAWS, max_examples=100)
@given(st.sampled_from("ABCD"), hostile_texts)
def test_no_text_raises_where_letters_are_asked_for(gold, response):
    check_bounded(gold, response, policy="choice")


@settings(LAWS, max_examples=100)
@given(hostile_texts, hostile_texts)
def test_an_echo_of_the_prompt_is_not_an_answer(prompt, words):
    assert check_bounded("7", prompt, prompt=prompt).status == "wrong"
    check_bounded("7", words, prompt=prompt)


@settings(LAWS, max_examples=100)
@given(hostile_texts)
def test_a_broken_gold_is_an_error_and_not_an_exception(gold):
    assert grade(gold, "\\boxed{7}").status in ("correct", "wrong", "error")


CASES = [case for case in read_cases() if case.kind not in ("dos", "large_but_right")]


@settings(LAWS, max_examples=200)
@given(st.sampled_from(CASES), st.data())
def test_no_damage_to_a_response_raises_or_hangs(case, data):
    text = case.response
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    damaged = text[:start] + data.draw(st.sampled_from(["", *SNIPPETS])) + text[end:]
    check_bounded(case.gold, damaged, policy=case.policy, prompt=case.prompt)


@pytest.mark.parametrize("gold", ["7", "-\\frac{3}{4}", "x+1", "\\text{tea}", "(1,2)"])
def test_no_single_answer_is_right_for_all(gold):
    masters = ["0", "1", "x", "\\text{correct}", ":", "Solution", "gold", "*", "\\mathbb{R}", "\\{\\}", "y=y"]
    assert not [answer for answer in masters if is_correct(gold, answer)]
