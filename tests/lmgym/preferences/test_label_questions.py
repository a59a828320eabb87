"""Reading questions, drawing their schedule, and making text visible."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest

from lmgym.conversation import AGENT, END, SYSTEM, USER
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label.questions import make_pairs, read_questions
from lmgym.preferences.label.schedule import MIN_DISTANCE, make_schedule
from lmgym.preferences.label.visible import MAX_SHOWN, MAX_SIGNS, make_visible
from lmgym.preferences.record import Preference


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def make_questions(number):
    return [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(number)]


class TestQuestions:
    def test_prompts_messages_and_records_are_read(self, tmp_path):
        record = Preference("p", ("x", "y"), "bob", (1, 0), 0.5, "2026-01-31T12:00:00Z")
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Hi{END}!"}]
        path = write(
            tmp_path / "q.jsonl",
            {"prompt": "Why?", "responses": ["a", "b"], "key": "why"},
            "",
            {"messages": messages, "responses": ["c", "d"]},
            record.to_json(),
        )
        assert read_questions(path) == [
            Comparison("Why?", ("a", "b"), key="why"),
            Comparison(f"{SYSTEM}Be brief.{END}{USER}Hi\ufffd!{END}{AGENT}", ("c", "d")),
            Comparison("p", ("x", "y")),
        ]

    def test_more_responses_are_asked_in_pairs(self, tmp_path):
        path = write(tmp_path / "q.jsonl", {"prompt": "p", "responses": ["a", "b", "c"], "key": "k"})
        assert [(item.key, item.responses) for item in read_questions(path)] == [
            ("k/0-1", ("a", "b")),
            ("k/0-2", ("a", "c")),
            ("k/1-2", ("b", "c")),
        ]

    def test_a_question_is_asked_once_however_often_and_in_whatever_order_it_stands_there(self):
        same = Comparison("p", ("a", "b")), Comparison("p", ("b", "a")), Comparison("p", ("a", "c"))
        assert make_pairs(same) == [same[0], same[2]]

    def test_two_questions_of_one_name_are_refused(self):
        with pytest.raises(InvalidValueError, match="two different questions have the key 'k'"):
            make_pairs([Comparison("p", ("a", "b"), key="k"), Comparison("q", ("a", "b"), key="k")])

    @pytest.mark.parametrize(
        "line",
        [
            "{",
            "[]",
            "3",
            '{"prompt": "p"}',
            '{"prompt": "p", "responses": "ab"}',
            '{"prompt": "p", "responses": ["a"]}',
            '{"prompt": "p", "responses": ["a", 3]}',
            '{"prompt": 3, "responses": ["a", "b"]}',
            '{"responses": ["a", "b"]}',
            '{"prompt": "p", "messages": [], "responses": ["a", "b"]}',
            '{"messages": [], "responses": ["a", "b"]}',
            '{"messages": [{"role": "tool", "content": "x"}], "responses": ["a", "b"]}',
            '{"messages": [{"role": ["user"], "content": "x"}], "responses": ["a", "b"]}',
            '{"messages": ["x"], "responses": ["a", "b"]}',
            '{"prompt": "p", "responses": ["a", "b"], "key": 7}',
            '{"prompt": "p", "responses": ["a", "b"], "key": "\\ud800"}',
            '{"prompt": NaN, "responses": ["a", "b"]}',
            '{"prompt": "p", "responses": ' + json.dumps([str(i) for i in range(9)]) + "}",
            "[" * 100_000,
        ],
    )
    def test_what_is_no_question_is_named_by_its_line(self, tmp_path, line):
        path = write(tmp_path / "q.jsonl", {"prompt": "p", "responses": ["a", "b"]}, line)
        with pytest.raises(InvalidValueError, match=r"q\.jsonl, line 2: "):
            read_questions(path)

    def test_a_data_set_is_pointed_to_the_option(self, tmp_path):
        path = write(tmp_path / "q.jsonl", {"prompt": "p", "chosen": "a", "rejected": "b"})
        with pytest.raises(InvalidValueError, match="see --format"):
            read_questions(path)

    def test_a_file_without_questions_is_refused(self, tmp_path):
        with pytest.raises(EmptyProblemSetError, match="there is no question"):
            read_questions(write(tmp_path / "q.jsonl", ""))


class TestSchedule:
    def test_every_question_is_asked_in_order_with_its_responses_as_shown(self):
        questions = make_questions(30)
        schedule = make_schedule(questions, rater="anna")
        assert [item.comparison.prompt for item in schedule] == [item.prompt for item in questions]
        for question, asking in zip(questions, schedule, strict=True):
            assert asking.comparison.responses == tuple(question.responses[i] for i in asking.shown)
        assert {item.shown for item in schedule} == {(0, 1), (1, 0)}

    def test_sides_are_drawn_for_each_rater_and_seed(self):
        questions = make_questions(400)
        draws = [
            [item.shown[0] for item in make_schedule(questions, rater=rater, seed=seed)]
            for rater, seed in (("anna", 0), ("bob", 0), ("anna", 1))
        ]
        for draw in draws:
            assert 150 < sum(draw) < 250  # half of 400, five standard deviations
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert 150 < sum(a == b for a, b in zip(draws[one], draws[other], strict=True)) < 250

    def test_repetitions_come_later_with_the_sides_exchanged(self):
        schedule = make_schedule(make_questions(300), rater="anna", second_opinion=0.2)
        places = {asking.id: place for place, asking in enumerate(schedule)}
        again = [asking for asking in schedule if asking.comparison.repetition]
        assert len(places) == len(schedule) == 300 + len(again)
        assert 25 < len(again) < 95  # 60 and five standard deviations
        for asking in again:
            first = schedule[places[asking.comparison.question_key + ".0"]]
            assert asking.shown == first.shown[::-1]
            assert asking.comparison.responses == first.comparison.responses[::-1]
            assert places[asking.id] - places[first.id] >= MIN_DISTANCE

    def test_all_are_asked_again_but_those_that_would_come_too_soon(self):
        schedule = make_schedule(make_questions(40), rater="anna", second_opinion=1.0)
        counts = Counter(asking.comparison.question_key for asking in schedule)
        assert set(counts.values()) <= {1, 2}
        assert sum(count == 2 for count in counts.values()) >= 40 - MIN_DISTANCE
        assert len(make_schedule(make_questions(5), rater="anna", second_opinion=1.0)) == 5

    @pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
    def test_another_share_is_refused(self, share):
        with pytest.raises(InvalidValueError, match="second_opinion"):
            make_schedule(make_questions(1), rater="anna", second_opinion=share)

    def test_another_process_draws_the_same(self):
        code = (
            "from tests.lmgym.preferences.test_label_questions import *\n"
            "schedule = make_schedule(make_questions(20), rater='é', second_opinion=0.5)\n"
            "print([(asking.id, asking.shown) for asking in schedule])"
        )
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        schedule = make_schedule(make_questions(20), rater="é", second_opinion=0.5)
        assert printed.stdout.strip() == str([(asking.id, asking.shown) for asking in schedule])


class TestVisible:
    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "two\nlines\tand a tab",
            "<script>alert(1)</script>",
            "naïve 日本語 नमस्ते עברית",
            "👩‍👩‍👧 ❤️ 1️⃣ 👍🏽",
            "می‌خواهم",  # Persian needs its zero-width non-joiner
        ],
    )
    def test_what_can_be_seen_stays(self, text):
        assert make_visible(text) == ([(text, False)], 0)

    @pytest.mark.parametrize(
        ("text", "sign"),
        [
            ("a\u202eb", "U+202E right-to-left override"),
            ("a\u2066b", "U+2066 left-to-right isolate"),
            ("a\u200bb", "U+200B zero width space"),
            ("a\u200db", "U+200D zero width joiner"),
            ("a\0b", "U+0000 null"),
            ("a\x1bb", "U+001B escape"),
            ("a\rb", "U+000D carriage return"),
            ("a\ud800b", "U+D800 lone surrogate"),
            ("a\ue000b", "U+E000 private use"),
            ("a\uffffb", "U+FFFF unassigned"),
            ("a\u2028b", "U+2028 line separator"),
            ("a\u3164b", "U+3164 hangul filler"),
            ("a\ufe0fb", "U+FE0F variation selector-16"),
            ("a\U000e0041b", "U+E0041 tag latin capital letter a"),
            ("a\U000e0100b", "U+E0100 variation selector-17"),
            ("a\u00adb", "U+00AD soft hyphen"),
            ("a\ufdd1b", "user says"),
        ],
    )
    def test_what_can_not_be_seen_becomes_a_sign(self, text, sign):
        assert make_visible(text) == ([("a", False), (sign, True), ("b", False)], 0)

    def test_no_character_that_can_not_be_seen_is_shown_as_it_is(self):
        for code in range(0x10000):
            shown = "".join(text for text, is_sign in make_visible(f"a{chr(code)}b").pieces if not is_sign)
            unseen = {sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn")}
            assert shown[0] + shown[-1] == "ab" and unseen <= {"\n", "\t"}, hex(code)

    def test_line_ends_of_windows_are_line_ends(self):
        assert make_visible("é\r\nb") == ([("é\nb", False)], 0)

    def test_nothing_is_nothing(self):
        assert make_visible("") == ([], 0)

    def test_long_texts_are_cut_and_say_so(self):
        (piece,), num_left_out = make_visible("x" * 1_000_000)
        assert (piece, num_left_out) == (("x" * MAX_SHOWN, False), 1_000_000 - MAX_SHOWN)

    def test_many_signs_are_cut_and_counted(self):
        pieces, num_left_out = make_visible("a\u202e" * 50_000)
        assert sum(is_sign for _, is_sign in pieces) == MAX_SIGNS
        assert num_left_out == 100_000 - 2 * MAX_SIGNS
