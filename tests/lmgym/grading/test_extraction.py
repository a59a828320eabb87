"""Which answer a response gives, and when it gives none or several."""

from __future__ import annotations

import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.grading import POLICIES, Budgets, Policy
from lmgym.grading.boxes import find_boxes
from lmgym.grading.extraction import Extraction, clean, extract, is_hedged
from lmgym.grading.policies import find_policy


def answer_of(response, policy="final", prompt=None):
    """The answer, or the reason that there is none in angle brackets."""
    found = extract(response, find_policy(policy), prompt)
    assert (found.answer is None) == bool(found.reason)
    return f"<{found.reason}>" if found.answer is None else found.answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"\boxed{7}", "7"),
        (r"So it is $\boxed{7}$.", "7"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{$7$}", "7"),
        (r"\boxed{\left\{ x \right\}}", r"\left\{ x \right\}"),
        (r"\boxed{7} and again \boxed{ 7 }", "7"),
        (r"\boxed{}", "<no_answer>"),
        (r"\boxed{ }", "<no_answer>"),
        (r"\boxed{7} hence \boxed{}", "<no_answer>"),
        (r"\boxed{7", "<no_answer>"),
        (r"\boxed{7} hence \boxed{8", "<no_answer>"),
        (r"\boxed{{7}", "<no_answer>"),
        (r"\boxed{6 and then \boxed{7}", "7"),
        ("\\boxed{7}\nanything at all", "7"),
        (r"\boxed{7} % \boxed{8}", "7"),
        ("% \\boxed{8}\n\\boxed{7}", "7"),
        (r"50% of it, 3 % more, 17 % 5, 10\% less: \boxed{7}", "7"),
        (r"It is not \boxed{7}", "<hedged>"),
        (r"It isn't equal to \boxed{7}", "<hedged>"),
        (r"\boxed{7}. Or \boxed{7}", "7"),
        (r"maybe \boxed{7}", "<hedged>"),
        (r"It is not 8, so it is \boxed{7}", "7"),
        (r"\boxed{7} or 8", "<hedged>"),
        (r"\boxed{7} (or 8)", "<hedged>"),
        (r"\boxed{0.5}, or equivalently one half", "0.5"),
        ("```\n\\boxed{8}\n```\nso \\boxed{7}", "7"),
        ("\\boxed{7}\n```\n\\boxed{8}\n", "7"),
        (r"\begin{verbatim}\boxed{8}\end{verbatim} \boxed{7}", "7"),
        (r"\boxed{7}\begin{lstlisting}\boxed{8}", "7"),
        ("#### 8\n\\boxed{7}", "7"),
    ],
)
def test_boxes(response, answer):
    assert answer_of(response) == answer
    assert answer_of(response, "boxed") == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"<think>\boxed{8}</think>\boxed{7}", "7"),
        (r"<thinking>\boxed{8}</thinking>\boxed{7}", "7"),
        (r"<THINK >\boxed{8}</Think>\boxed{7}", "7"),
        (r"\boxed{8}</think>\boxed{7}", "7"),
        (r"\boxed{7}<think>\boxed{8}", "7"),
        (r"<think>\boxed{7}", "<no_answer>"),
        (r"<think>\boxed{7}</think>", "<no_answer>"),
        (r"<think>a</think>\boxed{6}<think>b</think>\boxed{7}", "7"),
        (r"<think>a<think>b</think>\boxed{7}", "7"),
        (r"x < 3 and y > <b>2</b>: \boxed{7}", "7"),
    ],
)
def test_thinking_is_cut(response, answer):
    assert answer_of(response, "boxed") == answer


def test_the_tags_of_thinking_can_be_chosen():
    policy = Policy(where="boxed", thinking=("scratch_pad",))
    assert answer_of(r"<scratch_pad>\boxed{8}</scratch_pad>\boxed{7}", policy) == "7"
    assert extract(r"<think>\boxed{8}</think>\boxed{7}", policy) == Extraction("7", ("8",))


def test_different_answers_are_listed_until_they_are_too_many():
    boxes = [f"\\boxed{{{number}}}" for number in range(20)]
    policy = POLICIES["boxed"]
    assert extract("".join(boxes[:3]), policy) == Extraction("2", ("0", "1"))
    assert extract("".join(boxes[:9]), policy).others == tuple("01234567")
    assert extract("".join(boxes[:10]), policy) == Extraction(None, (), "several_answers")


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("9*2=18\n#### 18", "18"),
        ("####18\n", "18"),
        ("So #### $18$.", "18"),
        ("#### 18\nand more text\n", "18"),
        ("#### 18\n#### 18", "18"),
        ("18", "<no_answer>"),
        ("####", "<no_answer>"),
        ("#### ", "<no_answer>"),
        ("##### 18", "<no_answer>"),
        ("<think>#### 8</think>\n#### 7", "7"),
        ("<think>#### 7", "<no_answer>"),
        ("#### 18\r\nmore", "18"),
    ],
)
def test_markers(response, answer):
    assert answer_of(response, "marker") == answer


def test_a_marker_of_one_s_own():
    policy = Policy(where="marker", marker="ANSWER:")
    assert answer_of("ANSWER: 7", policy) == "7"
    assert extract("#### 8\nANSWER: 7\nANSWER: 9", policy) == Extraction("9", ("7",))


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("#### Step 1\nbla\n#### Final answer\n42", "42"),
        ("#### Step 1\nbla\n#### 42\nThat was it.", "42"),
        ("#### Evelyn", "Evelyn"),
        ("#### x = 3", "x = 3"),
    ],
)
def test_headings_are_no_answers_where_anything_may_be_one(response, answer):
    assert answer_of(response) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("7", "7"),
        ("  7  \n\n \t\n", "7"),
        ("abc\n7.", "7"),
        ("The final answer is 7.", "7"),
        ("The answer is $7$.", "7"),
        ("So, the answer is: 7", "7"),
        ("Therefore, the final answer is \\(7\\).", "7"),
        ("Answer: 7", "7"),
        ("**Answer:** 7", "7"),
        ("**7**", "7"),
        ("ANSWER: \\[7\\]", "7"),
        ("= 7", "7"),
        ("The answer is \\boxed{7}.", "7"),
        ("7.5", "7.5"),
        ("$5$ and $6$", "$5$ and $6$"),
        ("2**3", "2**3"),
        ("and so on ...", "and so on ..."),
        ("6\n7\n8", "8"),
        ("7\rx", "x"),
        ("", "<no_answer>"),
        (" \n\t ", "<no_answer>"),
        ("The answer is", "<no_answer>"),
        ("The answer is: ", "<no_answer>"),
        ("```\n7\n```", "<no_answer>"),
    ],
)
def test_the_last_line(response, answer):
    assert answer_of(response, "last_line") == answer
    if "boxed" not in response:
        assert answer_of(response) == answer


def test_all_of_it():
    assert answer_of("  7 \n8 ", "whole") == "7 \n8"
    assert answer_of("<think>6</think>7.", "whole") == "7"
    assert answer_of(" ", "whole") == "<no_answer>"


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(B)", "B"),
        ("(b)", "B"),
        ("B.", "B"),
        ("B)", "B"),
        ('"B"', "B"),
        ("**B**", "B"),
        ("B. Paris", "B"),
        ("(B) Paris", "B"),
        (r"\boxed{C}", "C"),
        (r"\boxed{(C)}", "C"),
        (r"\boxed{\text{(A)}}", "A"),
        (r"\text{(A)}", "A"),
        ("#### D", "D"),
        ("Long reasoning.\nThe answer is (B).", "B"),
        ("The answer is B", "B"),
        ("Answer: B", "B"),
        ("The answer is (B).\nThat was easy.", "B"),
        ("The answer is (B) because Paris is in France.", "B"),
        ("<think>(A)</think>(B)", "B"),
        ("The answer is (A).\nNo. The answer is (B).", "several"),
        (r"\boxed{A} \boxed{B}", "several"),
        ("(A) (B)", "<several_answers>"),
        ("A. yes B. no", "<several_answers>"),
        ("A or B", "<hedged>"),
        ("(A) or (B)", "<hedged>"),
        ("not A", "<hedged>"),
        ("A man walks", "<no_answer>"),
        ("I think so", "<no_answer>"),
        ("K", "<no_answer>"),
        ("AB", "<no_answer>"),
        ("", "<no_answer>"),
        (r"\boxed{}", "<no_answer>"),
        ("\u0410", "<no_answer>"),  # a Cyrillic letter
    ],
)
def test_choices(response, answer):
    found = extract(response, POLICIES["choice"])
    if answer == "several":
        assert (found.answer, found.others) == ("B", ("A",))
    else:
        assert answer_of(response, "choice") == answer


PROMPT = "What is 3+4?\nWrite the answer like \\boxed{7}.\nThe answer is \\boxed{4}."


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (PROMPT, "<echo>"),
        (f"You asked: {PROMPT}", "<echo>"),
        ("Write the answer like \\boxed{7}.", "<echo>"),
        ("As told: Write the answer like \\boxed{7}. I did.", "<echo>"),
        (f"{PROMPT} \\boxed{{7}}", "7"),
        ("\\boxed{7}", "7"),
        ("The answer is \\boxed{4}.", "4"),  # an example's answer may be ours
        ("nothing", "<no_answer>"),
    ],
)
def test_copies_of_the_prompt_do_not_count(response, answer):
    assert answer_of(response, "boxed", PROMPT) == answer


def test_a_choice_may_repeat_its_text():
    prompt = "Which?\n(A) the set of integers\n(B) the set of reals"
    assert answer_of("(B) the set of reals", "choice", prompt) == "B"
    assert answer_of(prompt, "choice", prompt) == "<echo>"


def test_only_the_end_of_a_long_response_is_looked_at():
    policy = Policy(budgets=Budgets(max_chars=100))
    lines = "bla bla bla\n" * 100
    assert answer_of("\\boxed{6}\n" + lines + "\\boxed{7}", policy) == "7"
    assert answer_of("\\boxed{6}\n" + lines, policy) == "bla bla bla"
    assert answer_of("1" * 101, policy) == "<limit>"  # never a part of a number
    assert answer_of("\\boxed{" + "1" * 100 + "}", policy) == "<limit>"
    assert answer_of("\n".join(["1" * 99, "2" * 99]), policy) == "2" * 99
    heading = "##### 5\n" + "b" * 93  # cut to 100 characters it would begin with a marker
    assert answer_of(heading, Policy(where="marker", budgets=Budgets(max_chars=100))) == "<no_answer>"
    assert answer_of("x" * 101, Policy(where="whole", budgets=Budgets(max_chars=100))) == "<limit>"
    assert answer_of(lines * 5, policy) == "<limit>"
    assert answer_of("<think>" + lines * 5 + "</think>7", policy) == "7"


HOSTILE = {
    "braces": "{" * 100_000,
    "closing": "}" * 100_000,
    "dollars": "$" * 10_000,
    "open boxes": "\\boxed{" * 10_000,
    "nested boxes": "\\boxed{" * 10_000 + "}" * 10_000,
    "many boxes": "\\boxed{1}" * 10_000,
    "ones": "1 " * 100_000,
    "backslashes": "\\" * 100_001,
    "lines": "\n" * 100_000,
    "markers": "####" * 25_000,
    "marked lines": "#### 1\n" * 14_000,
    "percents": "x % " * 25_000,
    "spaced percents": " %" * 50_000,
    "tags": "<think>" * 14_000,
    "closing tags": "</think>" * 14_000,
    "open tag": "<think" + " " * 100_000,
    "fences": "```" * 33_000,
    "verbatims": "\\begin{verbatim}" * 6_000,
    "box and space": ("\\boxed" + " " * 9) * 6_000,
    "bold": "**" * 50_000,
    "answers": "The answer is (A" * 6_000,
    "letters": "a" * 100_000,
    "quotes": "'" * 100_000,
    "surrogates": "\ud800" * 1_000 + "\\boxed{\udfff}",
    "controls": "\x00\x1b[31m\u202e\ufeff\u2028" * 1_000,
    "parentheses": "(" * 100_000,
    "or": "\\boxed{7}" + " " * 100_000 + "or 8",
    "periods": "." * 100_000,
}


@pytest.mark.timeout(60)  # takes milliseconds; what is quadratic takes minutes
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("policy", POLICIES)
def test_no_text_is_too_much(name, policy):
    prompt = "a" * 50 + "\n" + HOSTILE[name][:5_000]
    for text in (HOSTILE[name], "x" + HOSTILE[name] + "\n7", HOSTILE[name][:15_000]):
        extract(text, POLICIES[policy])
        extract(text, POLICIES[policy], prompt)


def test_boxes_know_where_they_stand():
    text = r"a \boxed{1} \boxed{\fbox{2}}"
    found = find_boxes(text)
    assert [text[box.begin : box.end] for box in found.closed] == [r"\boxed{1}", r"\boxed{\fbox{2}}"]
    assert [box.content for box in found.closed] == ["1", r"\fbox{2}"]


def test_cleaning_keeps_what_belongs_to_an_answer():
    for text in ("$5", "5$", "...", "$a$ or $b$", "**a** and **b**", r"\(a\), \(b\)", "a..", "-5", "**"):
        assert clean(text) == text


@pytest.mark.parametrize("text", ["7 or 8", "not 7", "maybe 7", "7 (or 8)", "Either 7", "isn't 7"])
def test_hedges(text):
    assert is_hedged(text)


@pytest.mark.parametrize("text", ["7", "for", "North", "x \\not= 3", "\\operatorname{note}", "knot"])
def test_no_hedges(text):
    assert not is_hedged(text)


@pytest.mark.parametrize(
    "options",
    [
        {"marker": ""}, {"marker": "a\nb"}, {"choices": "abc"}, {"choices": ""}, {"thinking": "think"},
        {"thinking": ("<think>",)}, {"rules": None}, {"budgets": 3},
    ],
)  # fmt: skip
def test_policies_that_make_no_sense(options):
    with pytest.raises(InvalidValueError, match=f"Policy.{next(iter(options))} must be"):
        Policy(**options)


def test_unknown_policies_have_a_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'boxed'"):
        Policy(where="boxd")
    with pytest.raises(UnknownNameError, match="Did you mean 'last_line'"):
        find_policy("lastline")
    with pytest.raises(InvalidValueError, match="must be a name or a Policy"):
        find_policy(3)
