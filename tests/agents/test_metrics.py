"""Metrics: exact records, torn ends, resumption, failing disks, TensorBoard."""

import errno
import json
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from lmgym_agents.errors import MetricsError
from lmgym_agents.runs.durable_files import Files
from lmgym_agents.runs.metrics import MetricsWriter, read_metrics
from tests.agents.faulty_files import Crash, FaultyFiles, PowerLossFiles


class UnsyncedFiles(Files):
    """For tests of content only: ten thousand syncs take too long."""

    def sync(self, path):
        pass

    sync_folder = sync


def write_run(path, steps, files=None, **options):
    with MetricsWriter(path, files=files or UnsyncedFiles(), **options) as writer:
        for step in steps:
            writer.write(step, {"reward": step / 3, "name": f"{step}\n"}, {"seconds": 0.1 * step})
        return writer.problems


def test_a_record_is_one_line_with_timing_apart(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(1, {"reward": 0.1, "count": 3, "ok": True, "text": "é\n", "none": None}, {"rate": 2.5})
    assert path.read_bytes().count(b"\n") == 1
    assert json.loads(path.read_text()) == {
        "step": 1, "reward": 0.1, "count": 3, "ok": True, "text": "é\n", "none": None, "timing": {"rate": 2.5}
    }  # fmt: skip


def test_scalars_of_numpy_and_torch_keep_their_value(tmp_path):
    path = tmp_path / "metrics.jsonl"
    values = {"a": np.float32(0.1), "b": np.int64(3), "c": torch.tensor(0.1), "d": torch.tensor(True)}
    with MetricsWriter(path) as writer:
        writer.write(1, values)
    (record,) = read_metrics(path).records
    assert record["a"] == float(np.float32(0.1)) == record["c"] and record["b"] == 3 and record["d"] is True


def test_what_is_not_finite_is_null_and_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(1, {"kl": math.nan, "loss": -math.inf, "ok": 1.0}, {"rate": math.inf})
    raw = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert raw["kl"] is None and raw["not_finite"] == {"kl": "nan", "loss": "-inf"}
    assert raw["timing"] == {"rate": None}
    (record,) = read_metrics(path).records
    assert math.isnan(record["kl"]) and record["loss"] == -math.inf and record["ok"] == 1.0


BAD = [
    ({"step": 1}, "step"),
    ({"timing": 1}, "timing"),
    ({"x": [1]}, "'x' is a list"),
    ({"x": np.zeros(2)}, "'x' is a ndarray"),
    ({"x": {"a": 1}}, "'x' is a dict"),
]


@pytest.mark.parametrize(("metrics", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_records_are_refused_before_anything_is_written(metrics, message, tmp_path):
    with MetricsWriter(tmp_path / "m") as writer:
        with pytest.raises(MetricsError, match=message):
            writer.write(1, metrics)
        writer.write(5, {})
        for step in (4, -1, 1.5, True):
            with pytest.raises(MetricsError, match="step must be an integer of at least 5"):
                writer.write(step, {})
    assert len(read_metrics(tmp_path / "m").records) == 1


@pytest.fixture
def fast_folder():
    """In memory where the system has such a folder: ten thousand files take long on a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def test_a_cut_at_every_byte_loses_one_record_at_most_and_swallows_none(fast_folder):
    path = fast_folder / "metrics.jsonl"
    with MetricsWriter(path, files=UnsyncedFiles()) as writer:
        for step in range(1, 11):
            writer.write(step, {"text": f'"{step}}}' * 260, "reward": step / 3})
    data = path.read_bytes()
    assert len(data) >= 10_000
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    complete = 0
    for cut in range(len(data) + 1):
        complete += cut in ends[complete : complete + 1]
        path.write_bytes(data[:cut])
        with MetricsWriter(path, files=UnsyncedFiles()) as writer:
            torn = cut - (ends[complete - 1] if complete else 0)
            assert [f"{torn} bytes" in problem for problem in writer.problems] == [True] * (torn > 0)
            writer.write(1000, {"new": True})
        log = read_metrics(path)
        assert [record["step"] for record in log.records] == [*range(1, complete + 1), 1000]
        assert log.problems == []


def test_the_reader_names_a_torn_end_and_damage_in_the_middle(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_run(path, [1, 2, 3])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * 20 + b"\n" + lines[1] + lines[2][:-5])
    log = read_metrics(path)
    assert [record["step"] for record in log.records] == [1, 2]
    assert len(log.problems) == 2 and "line 2" in log.problems[0] and "line 4" in log.problems[1]
    assert len(write_run(path, [9])) == 1
    assert [record["step"] for record in read_metrics(path).records] == [1, 2, 9]


GARBAGE = [b"\0" * 100, b"null\n", b"[]\n", b'{"step": "1"}\n', b'{"step": true}\n', b"[" * 10**5 + b"\n",
           b'{"step": 1, "not_finite": 5}\n', b"\xff\xfe\n", b"\r\r", b"9" * 5000 + b"\n"]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=[repr(g[:12]) for g in GARBAGE])
def test_a_garbage_end_is_cut(garbage, tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_run(path, [1])
    with open(path, "ab") as file:
        file.write(garbage)
    assert len(read_metrics(path).problems) >= 1
    assert len(write_run(path, [])) == 1  # cut when it is opened, not only when something is written
    assert write_run(path, [2]) == []
    assert [record["step"] for record in read_metrics(path).records] == [1, 2]


@pytest.mark.parametrize("resume_step", [0, 1, 3, 5, 9])
@pytest.mark.parametrize("torn", [b"", b'{"step": 6, "rew'])
def test_a_resumed_run_has_the_metrics_of_an_unbroken_one(resume_step, torn, tmp_path):
    write_run(tmp_path / "unbroken", range(1, 9))
    path = tmp_path / "resumed"
    write_run(path, range(1, 6))
    with open(path, "ab") as file:
        file.write(torn)
    problems = write_run(path, range(min(resume_step, 5) + 1, 9), resume_step=resume_step)
    assert path.read_bytes() == (tmp_path / "unbroken").read_bytes()
    assert len(problems) == (resume_step < 5 or bool(torn))


def test_several_records_of_one_step_are_kept_or_cut_together(tmp_path):
    write_run(tmp_path / "m", [1, 1, 2, 2, 3])
    write_run(tmp_path / "m", [4], resume_step=2)
    assert [record["step"] for record in read_metrics(tmp_path / "m").records] == [1, 1, 2, 2, 4]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_any_failing_operation_leaves_whole_records_and_can_be_tried_again(code, tmp_path):
    counting = FaultyFiles()
    write_run(tmp_path / "count", [1, 2, 3], files=counting)
    for number in range(counting.count):
        path = tmp_path / str(number)
        files = FaultyFiles(number, "error", code)
        try:
            writer = MetricsWriter(path, files=files)
        except MetricsError as error:
            assert os.strerror(code) in str(error)
            writer = MetricsWriter(path, files=files)
        for step in (1, 2, 3):
            try:
                writer.write(step, {"reward": 0.5})
            except MetricsError as error:
                assert os.strerror(code) in str(error)
                writer.write(step, {"reward": 0.5})
        assert files.reached
        log = read_metrics(path)
        assert [record["step"] for record in log.records] == [1, 2, 3] and not log.problems


@pytest.mark.parametrize("kind", ["crash", "power", "power, names undone"])
def test_a_crash_in_any_operation_loses_no_reported_record(kind, tmp_path):
    make = (lambda number: FaultyFiles(number, "crash")) if kind == "crash" else PowerLossFiles
    counting = make(None)
    write_run(tmp_path / "count", [1, 2, 3], files=counting)
    for number in range(counting.count + (kind != "crash")):
        path, files, reported = tmp_path / str(number), make(number), []
        try:
            writer = MetricsWriter(path, files=files)
            for step in (1, 2, 3):
                writer.write(step, {"reward": 0.5})
                reported.append(step)
        except Crash:
            pass
        if kind != "crash":
            files.lose_power(kind.endswith("undone"))
        write_run(path, [9])
        found = [record["step"] for record in read_metrics(path).records]
        assert found[: len(reported)] == reported and found[-1] == 9 and len(found) <= len(reported) + 2


def test_a_link_is_refused_and_its_target_untouched(tmp_path):
    (tmp_path / "precious").write_text("x")
    (tmp_path / "m").symlink_to(tmp_path / "precious")
    with pytest.raises(MetricsError, match="is a link"):
        MetricsWriter(tmp_path / "m")
    assert (tmp_path / "precious").read_text() == "x"


def test_missing_files_are_named(tmp_path):
    with pytest.raises(MetricsError, match="no metrics can be read"):
        read_metrics(tmp_path / "none")
    with pytest.raises(MetricsError, match="cannot be opened"):
        MetricsWriter(tmp_path / "none" / "m")


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = tmp_path / "tensorboard"
    write_run(tmp_path / "m", range(1, 6), tensorboard=board)
    write_run(tmp_path / "m", range(4, 8), resume_step=3, tensorboard=board)
    events = EventAccumulator(str(board)).Reload()
    assert sorted(events.Tags()["scalars"]) == ["reward", "timing/seconds"]
    assert [(event.step, event.value) for event in events.Scalars("reward")] == [
        (step, pytest.approx(step / 3)) for step in range(1, 8)
    ]
