"""The preference record: validation, canonical form, the way to JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.preferences.record import (
    MAX_LINE_BYTES,
    Preference,
    format_time,
    make_question_key,
    parse_preference,
    read_json,
)

TIME = "2026-01-31T12:00:00Z"


def make(**changes):
    values = {
        "prompt": "Which?",
        "responses": ("a", "b", "c"),
        "annotator": "ann",
        "ranks": (1, 0, 0),
        "confidence": 0.5,
        "time": TIME,
    }
    return Preference(**(values | changes))


def test_a_record_has_this_line():
    line = make(extra={"z": 1, "é": [None]}, reason="shorter").to_json()
    assert line == (
        '{"annotator":"ann","confidence":0.5,"extra":{"z":1,"\\u00e9":[null]},"prompt":"Which?",'
        '"ranks":[1,0,0],"reason":"shorter","responses":["a","b","c"],"time":"2026-01-31T12:00:00Z"}'
    )


@pytest.mark.parametrize(
    ("given", "dense"),
    [((5, 2, 2), (1, 0, 0)), ((-1, 7, 3), (0, 2, 1)), ((4, 4, 4), (0, 0, 0)), ([2, 1, 0], (2, 1, 0))],
)
def test_ranks_are_made_dense(given, dense):
    assert make(ranks=given).ranks == dense


def test_pairs_and_winner_by_hand():
    assert make(ranks=(1, 0, 0)).pairs() == [(1, 0, False), (2, 0, False), (1, 2, True)]
    assert make(ranks=(0, 1, 2)).pairs() == [(0, 1, False), (0, 2, False), (1, 2, False)]
    assert make(ranks=None).pairs() == []
    assert make(ranks=(1, 0, 0)).winner is None
    assert make(ranks=(2, 1, 0)).winner == 2
    assert make(ranks=None).winner is None


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": 1},
        {"prompt": None},
        {"annotator": ""},
        {"reason": None},
        {"responses": ("a",), "ranks": (0,)},
        {"responses": "ab", "ranks": (0, 1)},
        {"responses": ("a", 2, "c")},
        {"responses": ("a",) * 257, "ranks": None},
        {"ranks": (0, 1)},
        {"ranks": (0, 1, 1.0)},
        {"ranks": (0, 1, True)},
        {"ranks": 0},
        {"confidence": 1.5},
        {"confidence": -0.1},
        {"confidence": float("nan")},
        {"confidence": True},
        {"confidence": "1"},
        {"time": "2026-01-31 12:00:00Z"},
        {"time": "2026-02-30T12:00:00Z"},
        {"time": "2026-01-31T12:00:00+01:00"},
        {"time": "2026-01-31T12:00:00"},
        {"time": "٢٠٢٦-01-31T12:00:00Z"},
        {"time": TIME + "\n"},
        {"time": 0},
        {"extra": [1]},
        {"extra": {1: 2}},
        {"extra": {"a": {2: 3}}},
        {"extra": {"a": float("inf")}},
        {"extra": {"a": 10**5000}},
        {"extra": {"a": {1, 2}}},
        {"extra": {"a": b"bytes"}},
    ],
)
def test_what_a_record_refuses(changes):
    with pytest.raises(InvalidValueError, match=r"Preference|time"):
        make(**changes)


def test_extra_that_nests_too_deep_is_refused():
    nested: list = []
    for _ in range(10_000):
        nested = [nested]
    with pytest.raises(InvalidValueError, match="nested"):
        make(extra={"a": nested})


def test_extra_is_a_copy_of_the_callers_values():
    inner = [1]
    record = make(extra={"a": inner, "b": (1, 2)})
    inner.append(2)
    assert record.extra == {"a": [1], "b": [1, 2]}


HOSTILE = (
    "\ud800", "\udc00\ud800", "\ud83d\ude00", "\x00", "\u2028\u2029\x85\r\n\v\f", "\ufdd0\ufdd1\ufdd2\ufdd3",
    "\u202e\ufeff", "\U0010ffff", "\\u0041", '"}', "\x1b[31m", "é", "",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_survives_the_way_to_json_and_back(text):
    record = make(prompt=text, responses=(text, text + "b", "c"), reason=text, extra={"t": text})
    line = record.to_json()
    assert line.isascii() and "\n" not in line
    assert parse_preference(line) == parse_preference(line.encode()) == record
    assert parse_preference(line).to_json() == line


def test_two_halves_of_a_character_become_it():
    assert make(prompt="\ud83d\ude00").prompt == "😀"


def test_random_texts_survive():
    rng = np.random.default_rng(3)
    for _ in range(200):
        points = rng.integers(0, 0x110000, size=(3, 6))
        texts = tuple("".join(chr(point) for point in row) for row in points)
        record = make(prompt=texts[0], responses=texts, ranks=tuple(int(n) for n in rng.integers(0, 3, 3)))
        assert parse_preference(record.to_json()) == record


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{",
        '{"prompt": "x"}',
        b"\xff",
        "[" * 100_000,
        make().to_json()[:-1] + ',"more":1}',
        make().to_json()[:-1] + ',"time":"2026-01-31T12:00:00Z"}',
        make().to_json().replace("0.5", "NaN"),
        make().to_json().replace("0.5", "1e999"),
        make().to_json().replace("[1,0,0]", "[1,0," + "9" * 5000 + "]"),
    ],
)
def test_lines_that_are_no_record(line):
    with pytest.raises(InvalidValueError):
        parse_preference(line)


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a":-Infinity}', '{"a":1,"a":1}', b'"\x00"', b"\xef\xbb\xbf1"]
)
def test_only_strict_json_is_read(text):
    with pytest.raises(InvalidValueError):
        read_json(text)


def test_the_longest_line():
    spare = MAX_LINE_BYTES - 1 - len(make(prompt="").to_json())
    longest = make(prompt="x" * spare)
    assert parse_preference(longest.to_json()) == longest
    with pytest.raises(InvalidValueError, match="longer"):
        make(prompt="x" * (spare + 1)).to_json()
    with pytest.raises(InvalidValueError, match="longer"):
        parse_preference(" " * MAX_LINE_BYTES + "1")


def test_reason_and_extra_may_be_left_out_of_a_line():
    values = json.loads(make().to_json())
    del values["reason"], values["extra"]
    assert parse_preference(json.dumps(values)) == make()


def test_the_key_names_the_question_in_whatever_order():
    record = make()
    assert record.key == make(responses=("c", "a", "b"), ranks=None, confidence=None).key
    assert record.key == make_question_key("Which?", ("b", "a", "c"), "ann")
    others = [make(prompt="What?"), make(annotator="bob"), make(responses=("a", "b", "b"))]
    assert len({record.key, *(other.key for other in others)}) == 4
    assert len(record.key) == 32


def test_records_can_be_kept_in_a_set():
    assert len({make(), make(), make(ranks=(0, 1, 2))}) == 2


def test_times_are_written_in_utc():
    moment = datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=5)))
    assert format_time(moment) == "2026-01-31T07:00:00.000000Z"
    assert make(time="2026-01-31T12:00:00.5+00:00").time == "2026-01-31T12:00:00.5Z"
    assert format_time(datetime(2026, 1, 1, tzinfo=UTC)) == make(time="2026-01-01T00:00:00.000000Z").time
    with pytest.raises(InvalidValueError, match="zone"):
        format_time(datetime(2026, 1, 31))
