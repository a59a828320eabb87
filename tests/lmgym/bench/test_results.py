"""Results: reading, writing, merging, and what is done to files that somebody else wrote."""

from __future__ import annotations

import json
import os

import pytest

from lmgym.bench import results
from lmgym.bench.fields import MAX_DEPTH, check_plain, read_json
from lmgym.bench.result_record import OF_THE_RUN, CurvePoint, Score
from lmgym.bench.results import (
    merge_results,
    parse_result,
    read_results,
    result_schema,
    same_numbers,
    sort_results,
    to_json_line,
    write_results,
)
from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from tests.lmgym.bench.made_results import make_curve, make_failure, make_result

FULL = make_result(
    "ppo?epochs=2", "echo", 3, curve=make_curve((0, 0.1), (500, 0.4)), options={"a": [1, {"b": None}]}
)


def plain(**changes):
    return {**FULL.to_dict(), **changes}


def score(**changes):
    return {"test": {"mean": 1, "low": 0, "high": 2, "num_problems": 4, "num_failed": 0, **changes}}


def points(*tokens):
    return [{"num_tokens": each, "num_gradient_steps": 0, "flops": None, "score": 0.0} for each in tokens]


UNKNOWN = make_result("a", "b", 0, flops=None, weights_hash=None, commit=None)


@pytest.mark.parametrize("result", [FULL, make_failure("q", "echo", 0, "ünïcode\n<script>"), UNKNOWN])
def test_a_line_comes_back_as_it_was(result):
    assert parse_result(read_json(to_json_line(result), "line")) == result


def test_a_file_comes_back_as_it_was(tmp_path):
    results = (FULL, make_failure("q", "echo", 0))
    write_results(tmp_path / "new" / "results.jsonl", results)
    assert read_results(tmp_path / "new" / "results.jsonl") == results
    assert read_results(tmp_path / "new") == results, "the folder stands for its results.jsonl"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["results.jsonl"]
    write_results(tmp_path / "again.jsonl", results)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "new" / "results.jsonl").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.jsonl"
    write_results(path, [FULL])
    before = path.read_bytes()

    def broken():
        yield FULL
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_results(path, broken())
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_files_can_be_read_by_others(tmp_path):
    old = os.umask(0o022)
    try:
        write_results(tmp_path / "results.jsonl", [FULL])
    finally:
        os.umask(old)
    assert (tmp_path / "results.jsonl").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "result.schema must be an integer in [1, 1], got 2"),
        ({"suite": ""}, "result.suite is empty"),
        ({"suite_hash": "xyz"}, "result.suite_hash must be 8 to 128 hexadecimal digits"),
        ({"seed": -1}, "result.seed must be an integer in [0, "),
        ({"seed": True}, "result.seed must be an integer"),
        ({"seed": 1.0}, "result.seed must be an integer"),
        ({"status": "fine"}, "unknown value of result.status 'fine'"),
        ({"status": "failed"}, "result.failure must be given"),
        ({"scores": {}}, "result.scores must be given"),
        ({"scores": {"test": {"mean": 1}}}, "result.scores.test lacks the field 'low'"),
        ({"scores": score(mean=3)}, "low <= mean <= high"),
        ({"scores": score(num_failed=4)}, "must be below num_problems=4"),
        ({"scores": score(mean=float("nan"))}, "result.scores.test.mean must be a number"),
        ({"scores": score(mean=10**400)}, "result.scores.test.mean must be a number"),
        ({"curve": points(5, 4)}, "result.curve[1].num_tokens is less"),
        ({"curve": [0] * 10_001}, "result.curve must be a list of at most 10000"),
        ({"curve": {}}, "result.curve must be a list"),
        ({"flops": -1.0}, "result.flops must be a number in [0, "),
        ({"flops": "many"}, "result.flops must be a number"),
        ({"options": []}, "result.options must be an object"),
        ({"config": {"a": float("inf")}}, "result.config.a is inf"),
        ({"config": {"a": {1: 2}}}, "result.config.a must be a string"),
        ({"config": {"a": object}}, "result.config.a is <class 'object'>"),
        ({"config": {"a": list(range(30_000))}}, "result.config holds too much"),
        ({"agent": "x" * 3000}, "result.agent must be a string of at most 2000"),
        ({"agent": "\ud800"}, "result.agent holds half a character"),
        ({"date": "yesterday"}, "result.date must be a time"),
        ({"timing": {"wall_s": -1}}, "result.timing.wall_s must be a number in [0, "),
        ({"timing": {"wall_s": None}}, "result.timing.wall_s must be a number"),
        (
            {"suite": "/home/any.json"},
            "result.suite must be an id such as lmgym-quick-1, got '/home/any.json'",
        ),
        ({"suite": "lmgym-x-1.json"}, "result.suite must be an id"),
        ({"colour": "red"}, "unknown field of result 'colour'"),
        ({"failure": {"kind": "raised", "message": "", "where": "x"}}, "failure.message is empty"),
        (
            {"failure": {"kind": "bored", "message": "m", "where": "x"}},
            "unknown value of result.failure.kind",
        ),
    ],
)
def test_a_bad_field_is_named(changes, message):
    with pytest.raises(LmgymError) as caught:
        parse_result(plain(**changes))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", list(FULL.to_dict()))
def test_every_field_must_be_there(name):
    value = plain()
    del value[name]
    with pytest.raises(InvalidValueError, match=f"result lacks the field '{name}'"):
        parse_result(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1, NaN]", "NaN is no finite number"),
        ("-Infinity", "no finite number"),
        ("1e999", "1e999 is no finite number"),
        ('{"a": 1, "a": 2}', "same name twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 10_000, "no JSON"),
    ],
)
def test_hostile_json_is_a_typed_error(text, message):
    with pytest.raises(InvalidValueError, match=message):
        read_json(text, "file")


def test_hostile_files_are_typed_errors(tmp_path):
    path = tmp_path / "foreign.jsonl"
    for data, message in (
        (b"\xff\xfe\n", "no text in UTF-8"),
        (to_json_line(FULL).encode() + b"\n\nnull\n", r"foreign.jsonl:3 must be an object"),
        (b'{"schema": 1}\n', r"foreign.jsonl:1 lacks the field"),
        (b" " * 16_000_001, "is no file of results"),
    ):
        path.write_bytes(data)
        with pytest.raises(InvalidValueError, match=message):
            read_results(path)
    with pytest.raises(InvalidValueError, match="can't be read: No such file"):
        read_results(tmp_path / "none.jsonl")


def test_a_file_is_read_up_to_a_size(tmp_path, monkeypatch):
    write_results(tmp_path / "big.jsonl", [FULL] * 3)
    size = (tmp_path / "big.jsonl").stat().st_size
    monkeypatch.setattr(results, "MAX_FILE_BYTES", size)
    assert len(read_results(tmp_path / "big.jsonl")) == 3
    monkeypatch.setattr(results, "MAX_FILE_BYTES", size - 1)
    with pytest.raises(InvalidValueError, match=r"big.jsonl:3: allowed .* in all"):
        read_results(tmp_path / "big.jsonl")


def test_a_deep_configuration_is_refused_before_it_is_written():
    deep: object = 0
    for _ in range(MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(InvalidValueError, match="levels deep"):
        check_plain({"a": deep}, "config")


def test_same_numbers_ignore_where_and_when_alone():
    other = make_result(
        "ppo?epochs=2", "echo", 3, curve=FULL.curve, options=FULL.options, versions={"torch": "9"},
        commit=None, command="again", machine="another", date="2027-01-01T00:00:00+00:00", timing={},
    )  # fmt: skip
    assert same_numbers(FULL, other)
    for name in FULL.to_dict():
        if name not in OF_THE_RUN:
            assert not same_numbers(FULL, _changed(name)), name


def _changed(name):
    score = Score(mean=0.25, low=0.0, high=1.0, num_problems=3, num_failed=1)
    point = CurvePoint(num_tokens=0, num_gradient_steps=0, flops=None, score=0.0)
    others = dict(
        schema=2, status="failed", failure=make_failure("a", "b", 0).failure, scores={"test": score},
        start_scores={"test": score}, curve=(point,), options={}, config={}, seed=4, num_tokens=1, flops=1.0,
        num_read_tokens=1, num_gradient_steps=1,
    )  # fmt: skip
    value = {**{key: getattr(FULL, key) for key in FULL.to_dict()}, name: others.get(name, "ffffffff")}
    return type(FULL)(**value)


def test_merging_keeps_each_job_once_and_in_order():
    mine = [make_result("b", "echo", 1), make_result("a", "echo", 0)]
    theirs = [make_result("a", "echo", 0, machine="another"), make_result("c", "echo", 0)]
    merged = merge_results(mine, theirs)
    assert [result.key[3:] for result in merged] == [("a", 0), ("b", 1), ("c", 0)]
    assert merged[0].machine == "a computer", "of equal results the first is kept"
    assert merge_results(theirs, mine)[0].machine == "another"
    assert sort_results(reversed(merged)) == merged


def test_merging_refuses_two_outcomes_of_one_job():
    with pytest.raises(InvalidValueError, match="agent 'a', seed 0 differ"):
        merge_results([make_result("a", "echo", 0, 0.5)], [make_result("a", "echo", 0, 0.6)])


def test_merging_refuses_other_problems_unless_told_otherwise():
    one, other = make_result("a", "echo", 0), make_result("a", "echo", 0, suite_hash="cd" * 32)
    with pytest.raises(InvalidValueError, match="of different problems"):
        merge_results([one], [other])
    assert merge_results([other], [one], allow_other_hashes=True) == (one, other)


def test_the_schema_has_the_fields_of_the_record():
    schema = result_schema()
    names = set(FULL.to_dict())
    assert set(schema["properties"]) == set(schema["required"]) == names
    for part, value in (("score", FULL.scores["test"]), ("point", FULL.curve[0])):
        assert set(schema["$defs"][part]["properties"]) == set(vars(value))
    failure = make_failure("a", "b", 0).failure
    assert set(schema["$defs"]["failure"]["properties"]) == set(vars(failure))


def test_the_schema_accepts_what_is_written_and_refuses_what_is_not():
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(result_schema())
    assert check.is_valid(json.loads(to_json_line(FULL)))
    assert check.is_valid(json.loads(to_json_line(make_failure("a", "b", 0))))
    for changes in ({"seed": -1}, {"status": "fine"}, {"colour": 1}, {"suite_hash": "x"}, {"flops": "many"}):
        assert not check.is_valid(plain(**changes))


def test_an_unknown_field_gets_the_nearest_name():
    value = plain()
    value["sede"] = value.pop("seed")
    with pytest.raises((UnknownNameError, InvalidValueError), match="seed"):
        parse_result(value)
