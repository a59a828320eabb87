from __future__ import annotations

import pytest

from lmgym.judges.verdicts import MAX_REPLY_CHARS, read_comparison, read_pass, read_score, without_thinking

A, B = '{"verdict": "A"}', '{"verdict": "B"}'


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (A, 1.0),
        (B, 0.0),
        ('{"verdict": "tie"}', 0.5),
        ("  \n" + A + "\n\n  ", 1.0),
        ('{ "verdict" :"A" }', 1.0),
        ("Answer A is wrong, B is right.\n" + B, 0.0),
        (f"<think>{A}</think>{B}", 0.0),
        (f"<think>\n{A}\n</think>\n\n{B}", 0.0),
        (f"thought without an opening\n{A}</think>\n{B}", 0.0),
        (f"<think><think>{A}</think>{A}</think>\n{B}", 0.0),
        (f"{A}\n{B}", 0.0),
        (f"```json\n{A}\n```", 1.0),
        (f"I say:\n```\n{A}\n```\n", 1.0),
        (f"said\r\n{A}\r\n", 1.0),
    ],
)
def test_the_last_line_behind_the_thinking_is_the_verdict(reply, expected):
    assert read_comparison(reply).value == expected


MALFORMED = [
    "", " ", "\n", "A", "B", "tie", "[[A]]", "Verdict: A", '"A"', "null", "[]", "{}", "0", "true",
    '{"verdict": "a"}', '{"verdict": "C"}', '{"verdict": "A or B"}', '{"verdict": ""}', '{"verdict": null}',
    '{"verdict": 1}', '{"verdict": true}', '{"verdict": ["A"]}', '{"verdict": {"verdict": "A"}}',
    '{"verdict": "Tie"}', '{"verdict": "A", "verdict": "B"}', '{"verdict": "A", "verdict": "A"}',
    '{"verdict": "A", "reason": "better"}', '{"Verdict": "A"}', '{"winner": "A"}', "{'verdict': 'A'}",
    '{verdict: "A"}', '{"verdict": "A"', '"verdict": "A"}', '{"verdict": "A"}.', '{"verdict": "A"} because',
    'So {"verdict": "A"}', '{"verdict": "A"}{"verdict": "A"}', '[{"verdict": "A"}]', '{"verdict":\n"A"}',
    "<think>" + A, "<think>never ends\n" + A, f"<think>x</think><think>\n{A}", f"<thinking>\n{A}",
    A + "\nI hope that helps.", A + "\n```", "I can't judge this.", "I'm sorry, but no.",
    '{"verdict": "A\u200b"}',
    '{"verdict": "Ａ"}', '{"verdict": "А"}', '{"verdict": NaN}', '{"verdict": "A"}' * 100,
    "[" * 100_000, '{"verdict":' * 50_000, "x" * (MAX_REPLY_CHARS + 1) + "\n" + A, '{"verdict": "\\ud800"}',
    A.replace(" ", "\u00a0"), A + "\u2028" + "x", '{"verdict": "A" /* sure */}',
]  # fmt: skip


def test_there_are_enough_malformed_replies():
    assert len(MALFORMED) >= 50


@pytest.mark.parametrize("reply", MALFORMED, ids=lambda reply: ascii(reply[:40]))
@pytest.mark.parametrize("read", [read_comparison, read_pass, lambda reply: read_score(reply, (2, 10))])
def test_a_malformed_reply_is_no_verdict(reply, read):
    reading = read(reply)
    assert reading.value is None
    assert reading.reason.startswith("unparsed") and len(reading.reason) < 300


@pytest.mark.parametrize("reply", [None, 1, b"{}", ["A"], {"verdict": "A"}])
def test_a_reply_that_is_no_text_is_no_verdict(reply):
    assert read_comparison(reply).value is None


@pytest.mark.parametrize(
    ("verdict", "expected"), [("1", 0.0), ("10", 1.0), ("4", 1 / 3), ("0", None), ("11", None), ("5.0", None),
    ('"5"', None), ("true", None), ("1e1", None), ("-1", None), ("5/10", None), ("9" * 150, None),
    ("Infinity", None), ("005", None)],
)  # fmt: skip
def test_a_mark_is_an_integer_of_the_scale(verdict, expected):
    reading = read_score('{"verdict": ' + verdict + "}", (1, 10))
    assert reading.value == (None if expected is None else pytest.approx(expected))


def test_pass_and_fail():
    assert read_pass('{"verdict": "pass"}').value == 1.0
    assert read_pass('{"verdict": "fail"}').value == 0.0
    assert read_pass('{"verdict": "A"}').value is None


def test_thinking_that_does_not_end_leaves_nothing():
    assert without_thinking("a<think>b") is None
    assert without_thinking("<think>a</think>b</think>c") == "c"
    assert without_thinking("<Reasoning effort='high'>a</reasoning >b") == "b"
