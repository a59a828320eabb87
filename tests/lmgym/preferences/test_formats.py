"""Foreign formats: real files byte for byte, small rows by hand, and counts of what gets lost."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections import Counter

import numpy as np
import pytest

from lmgym.conversation import AGENT, END, SYSTEM, USER, Message, read_conversation, write_conversation
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.preferences import Preference, PreferenceLogError
from lmgym.preferences.biases import first_wins
from lmgym.preferences.formats import (
    FORMATS,
    iterate_preferences_as,
    make_rows,
    read_preferences_as,
    read_rows,
    write_preferences,
)
from lmgym.preferences.hub_datasets import from_dataset, to_dataset
from lmgym.preferences.sources import UNKNOWN_TIME, Source
from tests.real_data import real_file

TIME = "2026-01-31T12:00:00Z"
AS_SHOWN = ("llmbar", "qa_feedback", "trl-unpaired")
CHAT = write_conversation([Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Why?")])


def make(prompt="Why?", responses=("a", "b"), ranks=(0, 1), **fields):
    return Preference(prompt, responses, "ann", ranks, None, TIME, **fields)


def rows_of(format, *preferences):
    left_out = Counter()
    found = [row for _, rows in make_rows(format, preferences, left_out) for row in rows]
    return found, dict(+left_out)


def better_first(records):
    """The records with their responses in the order of the ranks, which a format of pairs doesn't say."""
    for record in records:
        order = sorted(range(len(record.responses)), key=record.ranks.__getitem__)
        texts = tuple(record.responses[place] for place in order)
        yield dataclasses.replace(record, responses=texts, ranks=tuple(sorted(record.ranks)))


def read(format, *rows):
    source = Source(annotator="ann", time=TIME)
    found = list(read_rows(format, rows, source))
    return found if format in AS_SHOWN else list(better_first(found)), dict(source.skipped)


# HH-RLHF

HH = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: a",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: b",
}


def test_an_hh_row_by_hand():
    assert read("hh-rlhf", HH) == ([make(CHAT)], {})
    assert rows_of("hh-rlhf", make(CHAT)) == ([HH], {})
    assert rows_of("hh-rlhf", make(CHAT, ("b", "a"), (1, 0))) == ([HH], {})
    plain = {name: f"\n\nHuman: Why?\n\nAssistant: {text}" for name, text in zip(HH, "ab", strict=True)}
    assert rows_of("hh-rlhf", make()) == ([plain], {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (None, "not an object"),
        ({"chosen": "x"}, "no field 'rejected'"),
        ({"chosen": "x", "rejected": None}, "no dialogue"),
        ({"chosen": None, "rejected": "x"}, "'chosen' is no text"),
        (HH | {"chosen": "x" + HH["chosen"]}, "no dialogue"),
        (HH | {"chosen": ""}, "no dialogue"),
        (HH | {"chosen": HH["chosen"] + "\n\nHuman:and"}, "no dialogue"),
        (HH | {"chosen": "\n\nHuman: Hi"}, "a dialogue without an answer at its end"),
        (HH | {"chosen": HH["chosen"] + "\n\nHuman: Oh"}, "a dialogue without an answer at its end"),
        (HH | {"chosen": HH["chosen"] + AGENT}, "marks of a conversation in a dialogue"),
        (
            HH | {"chosen": HH["chosen"].replace("Hi", "Ho")},
            "dialogues that differ before the last answer",
        ),
    ],
)
def test_odd_hh_rows_are_counted(row, reason):
    assert read("hh-rlhf", row, HH) == ([make(CHAT)], {reason: 1})


@pytest.mark.parametrize(
    ("record", "left_out"),
    [
        (make(ranks=None), {"no verdict": 1}),
        (make(ranks=(0, 0)), {"tie": 1}),
        (make(SYSTEM + "Be brief." + END + CHAT), {"system message": 1}),
        (
            make(responses=("a" + END + USER + "and?" + END + AGENT + "b", "b")),
            {"answer of several turns": 1},
        ),
        (make(responses=("a\n\nHuman: b", "b")), {"text that looks like a turn": 1}),
        (make(prompt="a\n\nAssistant: b"), {"text that looks like a turn": 1}),
        (make(CHAT + "so"), {"conversation that is no list of messages": 1}),
    ],
)
def test_what_hh_can_not_hold_is_counted(record, left_out):
    assert rows_of("hh-rlhf", record) == ([], left_out)


def test_several_responses_become_pairs():
    rows, left_out = rows_of("hh-rlhf", make(responses=("a", "b", "c"), ranks=(1, 0, 1)))
    assert [(row["chosen"][-1], row["rejected"][-1]) for row in rows] == [("b", "a"), ("b", "c")]
    assert left_out == {"tie": 1}


def test_blanks_around_what_was_said_are_kept():
    said = {
        "chosen": "\n\nHuman:  Hi \n\n\nAssistant: a\n",
        "rejected": "\n\nHuman:  Hi \n\n\nAssistant:   b",
    }
    (record,), skipped = read("hh-rlhf", said)
    assert (record.responses, skipped) == (("a\n", "  b"), {})
    assert read_conversation(record.prompt) == [Message("user", " Hi \n")]
    assert rows_of("hh-rlhf", record) == ([said], {})


def test_no_place_gives_the_better_response_of_imported_pairs_away():
    rows = ({"prompt": f"{number}?", "chosen": "a", "rejected": "b"} for number in range(200))
    found = list(read_rows("trl", rows, Source(annotator="ann", time=TIME)))
    assert {record.responses[record.winner] for record in found} == {"a"}
    assert 70 <= sum(record.winner == 0 for record in found) <= 130


def test_the_real_hh_file_byte_for_byte(tmp_path):
    path = real_file("hh_rlhf_harmless/test.jsonl.gz")
    found = read_preferences_as("hh-rlhf", path)
    assert len(found) == 2307
    assert found.skipped == {"dialogues that differ before the last answer": 5}
    assert {(record.annotator, record.time) for record in found} == {("hh-rlhf", UNKNOWN_TIME)}
    assert first_wins(found).p_value > 0.01  # no place gives the better one away
    written = write_preferences(found, "hh-rlhf", tmp_path / "out.jsonl")
    assert written == (2307, 2307, {})
    before = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    after = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    odd = [line for line in before if line not in set(after)]
    assert len(odd) == 5 and [line for line in before if line not in odd] == after


def test_the_real_hh_file_survives_all_other_formats(tmp_path):
    found = read_preferences_as("hh-rlhf", real_file("hh_rlhf_harmless/test.jsonl.gz"), annotator="a")[:200]
    for format in ("trl", "lmgym"):
        write_preferences(found, format, tmp_path / f"{format}.jsonl.gz")
        assert read_preferences_as(format, tmp_path / f"{format}.jsonl.gz", annotator="a") == found


# TRL

MESSAGES = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Why?"},
]


def say(text):
    return [{"role": "assistant", "content": text}]


EXPLICIT = {"prompt": "Why?", "chosen": "a", "rejected": "b"}
EXPLICIT_CHAT = {"prompt": MESSAGES, "chosen": say("a"), "rejected": say("b")}
IMPLICIT_CHAT = {"chosen": [*MESSAGES, *say("a")], "rejected": [*MESSAGES, *say("b")]}


@pytest.mark.parametrize(
    ("format", "row", "prompt"),
    [
        ("trl", EXPLICIT, "Why?"),
        ("trl", EXPLICIT_CHAT, CHAT),
        ("trl-explicit", EXPLICIT_CHAT, CHAT),
        ("trl-implicit", IMPLICIT_CHAT, CHAT),
        ("trl-implicit", {"chosen": "Why?a", "rejected": "Why?b"}, "Why?"),
    ],
)
def test_trl_rows_by_hand(format, row, prompt):
    assert read(format, row) == ([make(prompt)], {})
    assert rows_of(format, make(prompt)) == ([row], {})


def test_an_implicit_prompt_ends_where_the_answers_differ():
    found, _ = read("trl", {"chosen": "The sky is blue.", "rejected": "The sky is green."})
    assert (found[0].prompt, found[0].responses) == ("The sky is", (" blue.", " green."))
    found, _ = read("trl", {"chosen": "Yes", "rejected": "Yes."})
    assert (found[0].prompt, found[0].responses) == ("Yes", ("", "."))

    found, _ = read("trl", {"chosen": " a  x", "rejected": " a  y"})
    assert (found[0].prompt, found[0].responses) == (" a ", (" x", " y"))
    found, _ = read("trl", IMPLICIT_CHAT | {"rejected": IMPLICIT_CHAT["chosen"]})
    assert (found[0].prompt, found[0].responses) == (CHAT, ("a", "a"))


def test_more_columns_are_kept():
    assert read("trl", EXPLICIT | {"margin": 2.5}) == ([make(extra={"margin": 2.5})], {})


def test_the_first_prompt_decides_between_texts_and_messages():
    rows, left_out = rows_of("trl", make(CHAT), make())
    assert rows == [EXPLICIT_CHAT, EXPLICIT_CHAT | {"prompt": MESSAGES[2:]}] and left_out == {}
    rows, left_out = rows_of("trl", make(), make(CHAT))
    assert rows == [EXPLICIT] and left_out == {"conversation among plain texts": 1}


def test_answers_of_several_turns_are_messages():
    long = "a" + END + USER + "and?" + END + AGENT + "c"
    rows, left_out = rows_of("trl", make(CHAT, (long, "b")))
    assert rows[0]["chosen"] == [*say("a"), {"role": "user", "content": "and?"}, *say("c")]
    assert left_out == {} and read("trl", *rows)[0] == [make(CHAT, (long, "b"))]


@pytest.mark.parametrize("prompt", [CHAT + "so", CHAT[:-1], "x" + USER])
def test_conversations_that_are_no_messages(prompt):
    assert rows_of("trl", make(CHAT), make(prompt))[1] == {"conversation that is no list of messages": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([], "not an object"),
        ({"prompt": "x", "chosen": "y"}, "no field 'rejected'"),
        (EXPLICIT | {"prompt": None}, "'chosen' is no text"),
        (EXPLICIT | {"prompt": None, "chosen": 1}, "'chosen' is no text"),
        (EXPLICIT_CHAT | {"chosen": "a"}, "neither texts nor messages throughout"),
        (EXPLICIT | {"chosen": say("a")}, "'chosen' is no text"),
        (EXPLICIT_CHAT | {"chosen": []}, "an answer that does not begin with the assistant"),
        (EXPLICIT_CHAT | {"chosen": MESSAGES}, "an answer that does not begin with the assistant"),
        (
            EXPLICIT_CHAT | {"chosen": [{"role": "tool", "content": "x"}]},
            "a message of another role, or without text",
        ),
        (
            EXPLICIT_CHAT | {"chosen": [{"role": ["user"], "content": "x"}]},
            "a message of another role, or without text",
        ),
        (EXPLICIT_CHAT | {"chosen": [{"role": "user"}]}, "no field 'content'"),
        (IMPLICIT_CHAT | {"chosen": "a"}, "neither texts nor messages throughout"),
    ],
)
def test_odd_trl_rows_are_counted(row, reason):
    found, skipped = read("trl", row)
    assert found == [] and sum(skipped.values()) == 1
    assert skipped == {reason: 1} or row["prompt"] is None


def test_unpaired_rows_by_hand():
    rows = [{"prompt": "Why?", "completion": text, "label": text == "a"} for text in "ab"]
    assert rows_of("trl-unpaired", make()) == (rows, {})
    assert read("trl-unpaired", *rows) == ([make()], {})
    chat = [{"prompt": MESSAGES, "completion": say(text), "label": text == "a"} for text in "ab"]
    assert rows_of("trl-unpaired", make(CHAT)) == (chat, {})
    assert read("trl-unpaired", *chat) == ([make(CHAT)], {})


def test_unpaired_rows_need_not_stand_together():
    rows = [
        {"prompt": prompt, "completion": text, "label": label}
        for prompt, text, label in (("p", "a", True), ("q", "a", True), ("p", "b", False), ("p", "c", True))
    ]
    found, skipped = read("trl-unpaired", *rows)
    assert found == [make("p", ("a", "b", "c"), (0, 1, 0))]
    assert skipped == {"a completion without one of the other label": 1}
    more = [rows[0] | {"label": False}, rows[0] | {"label": 1}, {}]
    assert read("trl-unpaired", *rows, *more)[1] == skipped | {
        "a completion labelled good and bad": 1,
        "'label' is neither true nor false": 1,
        "no field 'prompt'": 1,
    }
    many = [{"prompt": "p", "completion": str(n), "label": n > 0} for n in range(257)]
    assert read("trl-unpaired", *many) == ([], {"more than 256 completions of a prompt": 257})


def test_unpaired_rows_lose_ties_and_orders():
    three = make(responses=("a", "b", "c"), ranks=(2, 0, 1))
    rows, left_out = rows_of("trl-unpaired", three, make(ranks=(0, 0)), make(ranks=None))
    assert [row["label"] for row in rows] == [False, True, False]
    assert left_out == {"order among the worse": 1, "tie": 1, "no verdict": 1}


# The sets for judging judges


def test_an_llmbar_row_by_hand():
    row = {"input": "Why?", "output_1": "a", "output_2": "b", "label": 2}
    assert read("llmbar", row) == ([make(ranks=(1, 0))], {})
    assert read("llmbar", row | {"label": "1"}) == ([make()], {})
    assert rows_of("llmbar", make(ranks=(1, 0)), make(ranks=(0, 0))) == ([row], {"tie": 1})
    assert read("llmbar", row | {"label": 0})[1] == {"'label' is neither 1 nor 2": 1}


def test_the_real_llmbar_file(tmp_path):
    path = real_file("llmbar/Natural.json")
    found = read_preferences_as("llmbar", path)
    assert len(found) == 100 and not found.skipped
    assert Counter(record.winner for record in found) == {0: 42, 1: 58}
    assert write_preferences(found, "llmbar", tmp_path / "out.json") == (100, 100, {})
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == json.loads(path.read_text("utf-8"))


def test_a_qa_feedback_row_by_hand():
    row = {"question": "Why?", "preference": [0, 1, 2, 1, 0, 2]} | {
        f"prediction {n}": f"p{n}" for n in range(1, 5)
    }
    found, skipped = read("qa_feedback", row)
    verdicts = [(*record.responses, record.ranks) for record in found]
    assert verdicts == [
        ("p1", "p2", (0, 0)),
        ("p1", "p3", (0, 1)),
        ("p1", "p4", (1, 0)),
        ("p2", "p3", (0, 1)),
        ("p2", "p4", (0, 0)),
        ("p3", "p4", (1, 0)),
    ]
    assert skipped == {} and found[1].extra == {"pair": [1, 3]}
    assert read("qa_feedback", row | {"preference": [0] * 5})[1] == {"'preference' is not six verdicts": 1}
    assert read("qa_feedback", row | {"preference": [3] * 6})[1] == {"a verdict that is none of 0, 1, 2": 1}


def test_the_real_qa_feedback_file():
    found = read_preferences_as("qa_feedback", real_file("qa_feedback/dev_feedback.json"))
    assert len(found) == 3000 and not found.skipped
    assert Counter(record.ranks for record in found) == {(0, 1): 1577, (1, 0): 1039, (0, 0): 384}


# Files


@pytest.mark.parametrize("format", sorted(FORMATS.keys() - {"qa_feedback"}))
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_of_every_format(tmp_path, format, suffix):
    path = tmp_path / f"p{suffix}"
    records = [make(CHAT, responses=(f"a{n}", "é\u2028"), ranks=(0, 1)) for n in range(5)]
    assert write_preferences(iter(records), format, path) == (5, 5 + 5 * (format == "trl-unpaired"), {})
    found = read_preferences_as(format, path, annotator="ann", time=TIME)
    if format == "trl-unpaired":  # five rows of each prompt become one record
        assert found == [make(CHAT, ("a0", "é\u2028", "a1", "a2", "a3", "a4"), (0, 1, 0, 0, 0, 0))]
    else:
        assert list(better_first(found)) == records
    assert not found.skipped
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_half_a_surrogate_pair_survives_in_a_file(tmp_path):
    records = [make(responses=("\ud800", "b")), make("q", responses=("é", "b"))]
    write_preferences(records, "trl", tmp_path / "p.jsonl")
    found = read_preferences_as("trl", tmp_path / "p.jsonl", annotator="ann", time=TIME)
    assert list(better_first(found)) == records


def test_random_texts_survive_every_pair_format(tmp_path):
    rng = np.random.default_rng(5)
    records = []
    for _ in range(300):
        texts = ["".join(chr(n) for n in rng.integers(0, 0x3000, 5)) for _ in range(3)]
        records.append(make(write_conversation([Message("user", texts[0])]), (texts[1], texts[2])))
    for format in ("hh-rlhf", "trl", "llmbar"):
        write_preferences(records, format, tmp_path / format)
        found = read_preferences_as(format, tmp_path / format, annotator="ann", time=TIME)
        assert list(better_first(found)) == records


def test_lines_that_are_not_json_are_counted(tmp_path):
    path = tmp_path / "p.jsonl"
    good = json.dumps(EXPLICIT).encode()
    path.write_bytes(good + b"\n\nnot\n" + b"\xff\n" + b"[" * 9999 + b"\n" + good)  # no newline at the end
    skipped = Counter()
    found = iterate_preferences_as("trl", path, annotator="ann", time=TIME, skipped=skipped)
    assert list(better_first(found)) == [make(), make()] and skipped == {"not JSON": 3}


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(PreferenceLogError, match="none"):
        read_preferences_as("trl", tmp_path / "none")
    with pytest.raises(PreferenceLogError, match="none"):
        read_preferences_as("llmbar", tmp_path / "none")
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"{}\n" * 1000)[:-9])
    with pytest.raises(InvalidValueError, match="gzip"):
        read_preferences_as("trl", tmp_path / "half.gz")
    (tmp_path / "object").write_bytes(b"{}")
    with pytest.raises(InvalidValueError, match="no JSON list"):
        read_preferences_as("llmbar", tmp_path / "object")
    with pytest.raises(UnknownNameError, match="hh-rlhf"):
        read_preferences_as("hh-rlfh", tmp_path / "object")


def test_files_that_can_not_be_written(tmp_path):
    path = tmp_path / "p.jsonl"
    with pytest.raises(InvalidValueError, match="only be read"):
        write_preferences([make()], "qa_feedback", path)
    with pytest.raises(UnknownNameError):
        write_preferences([make()], "hh", path)

    def broken():
        yield make()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_preferences(broken(), "trl", path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("mine")
    with pytest.raises(InvalidValueError, match="exists"):
        write_preferences([make()], "trl", path)
    assert path.read_text() == "mine"


# datasets


@pytest.mark.parametrize("format", ["trl", "trl-implicit", "hh-rlhf", "lmgym"])
def test_data_sets(format):
    pytest.importorskip("datasets")
    records = [make(CHAT, extra={}), make(CHAT, ("x", "é"))]
    data = to_dataset(records, format)
    assert list(better_first(from_dataset(data, format, annotator="ann", time=TIME))) == records
    assert len(data) == 2


def test_a_data_set_of_every_field():
    pytest.importorskip("datasets")
    records = [
        make(extra={"a": [1]}, reason="r"),
        make(ranks=None),
        make(responses=("a", "b", "c"), ranks=(1, 0, 0)),
    ]
    assert from_dataset(to_dataset(records, "lmgym"), "lmgym") == records


def test_what_a_data_set_can_not_hold_is_counted():
    pytest.importorskip("datasets")
    left_out = Counter()
    records = [make(), make(responses=("\ud800", "b")), make(ranks=(0, 0))]
    assert len(to_dataset(records, left_out=left_out)) == 1
    assert left_out == {"half a surrogate pair": 1, "tie": 1}
    with pytest.raises(InvalidValueError, match="tie"):
        to_dataset(records[2:])
    found = from_dataset([{"extra": "{}"}, {}, {"extra": 1}, None], "lmgym")
    assert found == [] and found.skipped == {"no record": 4}
