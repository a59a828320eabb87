"""Following a metrics file that is being written, torn, cut and replaced."""

from __future__ import annotations

import json

import pytest

from lmgym_agents.runs import metrics_tail
from lmgym_agents.runs.metrics import MetricsWriter
from lmgym_agents.runs.metrics_tail import MetricsTail


def line(step, **more):
    return json.dumps({"step": step, **more, "timing": {}}).encode() + b"\n"


def steps(news):
    return [record["step"] for record in news.records]


def test_a_file_that_comes_later_is_read_from_where_it_was_left(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = MetricsTail(path)
    assert tail.read() == ([], False, True)
    assert tail.age_s(0.0) is None
    with MetricsWriter(path) as writer:
        writer.write(1, {"reward": 0.5})
        assert steps(tail.read()) == [1]
        assert steps(tail.read()) == []
        writer.write(2, {})
        writer.write(3, {})
    news = tail.read()
    assert steps(news) == [2, 3] and not news.is_new_file
    assert tail.age_s(path.stat().st_mtime + 5) == pytest.approx(5)


def test_a_torn_line_waits_for_its_end_wherever_it_is_torn(tmp_path):
    whole = line(1, text="ü\U0001f600") + line(2)
    for cut in range(len(whole)):
        path = tmp_path / f"{cut}.jsonl"
        tail = MetricsTail(path)
        path.write_bytes(whole[:cut])
        first = steps(tail.read())
        with open(path, "ab") as file:
            file.write(whole[cut:])
        assert [*first, *steps(tail.read())] == [1, 2]


def test_what_is_no_record_is_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    bad = [b"{", b"[1]", b'{"step": "1"}', b"\xff\xfe", b"[" * 10_000, b'{"step": ' + b"9" * 5000 + b"}", b""]
    path.write_bytes(b"\n".join(bad) + b"\n" + line(7))
    assert steps(MetricsTail(path).read()) == [7]


def test_a_run_that_was_resumed_is_told_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = MetricsTail(path)
    path.write_bytes(b"".join(line(step) for step in range(1, 6)))
    assert steps(tail.read()) == [1, 2, 3, 4, 5]
    with MetricsWriter(path, resume_step=3) as writer:
        news = tail.read()
        assert news.is_new_file and steps(news) == [1, 2, 3]
        writer.write(4, {})
        assert steps(tail.read()) == [4]


def test_a_file_that_was_cut_and_has_grown_beyond_where_it_was_left_is_told_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = MetricsTail(path)
    path.write_bytes(line(1) + line(2, seconds=1))
    tail.read()
    path.write_bytes(line(1) + line(2, seconds=2) + line(3) + line(4))
    news = tail.read()
    assert news.is_new_file and steps(news) == [1, 2, 3, 4]
    path.unlink()
    assert tail.read() == ([], True, True)
    assert tail.read() == ([], False, True)


def test_a_line_without_an_end_takes_no_memory_and_swallows_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_tail, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(metrics_tail, "MAX_LINE_BYTES", 3000)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line(1) + b"x" * 50_000 + b"\n" + line(2) + b"y" * 2000 + b"\n" + line(3))
    tail = MetricsTail(path)
    found, is_end, reads = [], False, 0
    while not is_end:
        news = tail.read()
        found += steps(news)
        is_end, reads = news.is_end, reads + 1
        assert len(tail._torn) <= 4000
    assert found == [1, 2, 3] and reads > 50
