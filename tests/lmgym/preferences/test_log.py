"""The append-only file of preferences: kills, full disks, two writers, damage, duplicates, retractions."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys

import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.preferences import Preference, PreferenceLog, PreferenceLogError, read_log, read_preferences
from lmgym.preferences.record import MAX_LINE_BYTES

TIME = "2026-01-31T12:00:00Z"


def make(number, annotator="ann", ranks=(0, 1), text="prompt "):
    return Preference(f"{text}{number}", ("left", "right\n\ud800"), annotator, ranks, None, TIME)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "preferences.jsonl"


@pytest.fixture
def no_sync(monkeypatch):
    """Tests that open a file thousands of times need no disk; those about the disk do without this."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def test_what_is_written_is_read_back(path):
    with PreferenceLog(path) as log:
        assert log.append(make(0)) == make(0)
        assert log.extend([make(1), make(2)]) == [make(1), make(2)]
        assert log.preferences == [make(0), make(1), make(2)] and len(log) == 3
        assert read_preferences(path) == log.preferences  # readers need no lock
    with PreferenceLog(path) as log:
        log.append(make(3))
        assert log.problems == []
    assert read_log(path).preferences == [make(number) for number in range(4)]
    assert path.read_bytes().count(b"\n") == 4


def check_cut(path, records, size):
    """A kill after ``size`` bytes loses nothing but the unfinished line, and the next record is whole."""
    lines = [record.to_json().encode() for record in records]
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(data[:size])
    num_whole = data[:size].count(b"\n")
    end = size - (data[:size].rfind(b"\n") + 1)
    is_complete = num_whole < len(lines) and end == len(lines[num_whole])
    kept = records[: num_whole + is_complete]
    contents = read_log(path)
    assert contents.preferences == kept and len(contents.problems) == (end > 0)
    with PreferenceLog(path) as log:
        assert log.preferences == kept
        assert len(log.problems) == (end > 0)
        assert not end or f"line {num_whole + 1}" in log.problems[0] or "newline" in log.problems[0]
        log.append(make(99))
    assert read_log(path) == ([*kept, make(99)], 0, [])


def size_of(records):
    return sum(len(record.to_json()) + 1 for record in records)


def test_a_kill_at_every_byte(path, no_sync):
    records = [make(number) for number in range(4)]
    for size in range(size_of(records) + 1):
        check_cut(path, records, size)


@pytest.mark.slow
def test_ten_thousand_kills(path, no_sync):
    records = [make(number, text="é" * 250) for number in range(7)]
    assert size_of(records) >= 10_000
    for size in range(size_of(records) + 1):
        check_cut(path, records, size)


def test_a_torn_line_is_named(path):
    path.write_bytes(make(0).to_json().encode() + b'\n{"annotator":"an')
    with PreferenceLog(path) as log:
        assert log.problems == ["preferences.jsonl, line 2: a torn end of 16 bytes."]
    assert path.read_bytes() == make(0).to_json().encode() + b"\n"


def test_a_file_of_zeros_at_its_end(path):
    """What a loss of power leaves on some file systems."""
    path.write_bytes(make(0).to_json().encode() + b"\n" + bytes(4096))
    with PreferenceLog(path) as log:
        log.append(make(1))
    assert read_log(path) == ([make(0), make(1)], 0, [])


WRITER = """
import sys
from lmgym.preferences import Preference, PreferenceLog
with PreferenceLog(sys.argv[1]) as log:
    for number in range(len(log), 10**9):
        log.append(Preference(f"p {number}", ("a", "b" * 500), "x", (0, 1), None, "2026-01-31T12:00:00Z"))
        print(number, flush=True)
"""


def test_what_was_reported_survives_a_killed_process(path):
    total = 0
    for round_ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
        reported = -1
        for line in process.stdout:
            reported = int(line)
            if reported >= total + 20 + round_:
                break
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.stdout.close()
        process.wait()
        reported = max([reported, *(int(line) for line in rest)])
        total = len(read_preferences(path))
        assert reported + 1 <= total <= reported + 2
        assert [record.prompt for record in read_preferences(path)] == [f"p {n}" for n in range(total)]


def test_two_writers_never_meet(path):
    with PreferenceLog(path):
        with pytest.raises(PreferenceLogError, match="being written"):
            PreferenceLog(path)
        code = "import sys; from lmgym.preferences import PreferenceLog; PreferenceLog(sys.argv[1])"
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
        assert other.returncode == 1 and "being written" in other.stderr
    PreferenceLog(path).close()  # given up on leaving


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_neither_holds_the_lock_nor_writes(path):
    log = PreferenceLog(path)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        code = 1
        try:
            log.append(make(1))
        except PreferenceLogError:
            code = 0
        finally:
            os.read(reader, 1)  # lives on until the parent has let go
            os._exit(code)
    log.append(make(0))
    log.close()
    PreferenceLog(path).close()
    os.write(writer, b"x")
    assert os.waitpid(child, 0)[1] == 0
    os.close(reader)
    os.close(writer)
    assert read_preferences(path) == [make(0)]


def test_links_and_other_things_are_refused(path, tmp_path):
    target = tmp_path / "target.jsonl"
    target.write_bytes(b"")
    path.symlink_to(target)
    with pytest.raises(PreferenceLogError, match="link"):
        PreferenceLog(path)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")  # a link to what is not there yet
    with pytest.raises(PreferenceLogError, match="link"):
        PreferenceLog(path)
    with pytest.raises(PreferenceLogError, match="opened"):
        PreferenceLog(tmp_path)
    with pytest.raises(PreferenceLogError, match="opened"):
        PreferenceLog(tmp_path / "none" / "p.jsonl")
    with pytest.raises(PreferenceLogError, match="read"):
        read_preferences(tmp_path / "none.jsonl")
    with pytest.raises(PreferenceLogError, match="read"):
        read_preferences(tmp_path)
    with pytest.raises(PreferenceLogError, match="packed"):
        PreferenceLog(tmp_path / "p.jsonl.gz")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PreferenceLogError, match="regular"):
            PreferenceLog(tmp_path / "pipe")


def test_packed_files_can_be_read(tmp_path):
    path = tmp_path / "p.jsonl.gz"
    packed = gzip.compress(make(0).to_json().encode() + b"\n" + make(1).to_json().encode())
    path.write_bytes(packed)
    assert read_log(path).preferences == [make(0), make(1)]
    for damaged in (packed[:-9], b"x" + packed, packed[:30] + b"xx" + packed[32:]):
        path.write_bytes(damaged)
        with pytest.raises(PreferenceLogError, match=path.name):
            read_log(path)


BAD = b'{"prompt": 1}\n\xff\xfe\n' + b"[" * 5000 + b"\n\n"


def test_bad_lines_in_the_middle(path):
    path.write_bytes(make(0).to_json().encode() + b"\n" + BAD + make(1).to_json().encode() + b"\n")
    before = path.read_bytes()
    with pytest.raises(PreferenceLogError, match=r"4 lines .*choose another.* line 2: .* 3: .* 4: .* 5: "):
        PreferenceLog(path)
    with pytest.raises(PreferenceLogError, match="4 lines"):
        read_preferences(path)
    assert path.read_bytes() == before
    with PreferenceLog(path, bad_lines="skip") as log:
        assert [problem.split(":")[0][-6:] for problem in log.problems] == [f"line {n}" for n in (2, 3, 4, 5)]
        log.append(make(2))
    assert read_preferences(path, bad_lines="skip") == [make(0), make(1), make(2)]
    assert path.read_bytes().startswith(before)
    with pytest.raises(UnknownNameError, match="skip"):
        PreferenceLog(path, bad_lines="skipp")


def test_a_line_that_is_too_long_is_passed_over(path):
    with path.open("wb") as file:
        for _ in range(3):
            file.write(b" " * MAX_LINE_BYTES)
        file.write(b"\n" + make(0).to_json().encode() + b"\n")
    contents = read_log(path)
    assert contents.preferences == [make(0)]
    assert contents.problems == [
        f"preferences.jsonl, line 1: {3 * MAX_LINE_BYTES + 1} bytes are too long for a record."
    ]


def test_duplicates(path):
    other = Preference("prompt 0", ("right\n\ud800", "left"), "ann", (0, 1), 1.0, TIME)
    with PreferenceLog(path) as log:
        log.append(make(0))
        size = path.stat().st_size
        with pytest.raises(PreferenceLogError, match=r"already .key"):
            log.extend([make(1), other])
        with pytest.raises(PreferenceLogError, match="already"):
            log.extend([make(1), make(1)])
        assert log.extend([other, make(0)], duplicates="return") == [make(0), make(0)]
        assert path.stat().st_size == size
        log.append(make(0, annotator="bob"))
        assert log.append(other, duplicates="keep") == other
        assert log.find(make(0).key) == other
        assert log.preferences == [make(0), make(0, annotator="bob"), other]
        with pytest.raises(UnknownNameError, match="keep"):
            log.append(other, duplicates="overwrite")
    assert read_preferences(path) == [make(0), make(0, annotator="bob"), other]


def test_a_retraction_is_appended_and_lasts(path):
    with PreferenceLog(path) as log:
        log.extend([make(0), make(1)])
        before = path.read_bytes()
        assert log.retract(make(0).key, time=TIME) == make(0)
        assert (
            path.read_bytes()
            == before
            + json.dumps({"retract": make(0).key, "time": TIME}, separators=(",", ":")).encode()
            + b"\n"
        )
        assert log.preferences == [make(1)] and log.find(make(0).key) is None
        with pytest.raises(PreferenceLogError, match="to retract"):
            log.retract(make(0).key, time=TIME)
        with pytest.raises(InvalidValueError, match="time"):
            log.retract(make(1).key, time="now")
        log.append(make(0, ranks=(1, 0)))  # a second thought
    assert read_log(path) == ([make(1), make(0, ranks=(1, 0))], 1, [])
    with PreferenceLog(path) as log:
        assert log.preferences == [make(1), make(0, ranks=(1, 0))]
        log.append(make(0, ranks=(0, 0)), duplicates="keep")
        assert log.retract(make(0).key, time=TIME).ranks == (0, 0)  # the latest goes first
        assert log.find(make(0).key).ranks == (1, 0)


@pytest.mark.parametrize("key", ['"nobody"', "1", "[]", "null"])
def test_retractions_of_nothing_are_bad_lines(path, key):
    path.write_text(f'{{"retract":{key},"time":"{TIME}"}}\n')
    assert read_log(path).preferences == [] and len(read_log(path).problems) == 1


def fail(monkeypatch, name, *, code, part=0):
    """Makes the operation fail once, after it has written ``part`` bytes."""
    real = getattr(os, name)

    def failing(handle, *rest):
        monkeypatch.setattr(os, name, real)
        if rest and part:
            real(handle, bytes(rest[0])[:part])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, failing)


@pytest.mark.parametrize(
    ("name", "code", "part"),
    [
        ("write", errno.ENOSPC, 0),
        ("write", errno.ENOSPC, 30),
        ("fsync", errno.EIO, 0),
        ("fstat", errno.EIO, 0),
    ],
)
def test_a_disk_that_refuses_loses_nothing(path, monkeypatch, name, code, part):
    with PreferenceLog(path) as log:
        log.append(make(0))
        fail(monkeypatch, name, code=code, part=part)
        with pytest.raises(PreferenceLogError, match="nothing was written"):
            log.append(make(1))
        assert log.preferences == [make(0)] == read_preferences(path)
        log.append(make(1))
    assert read_log(path) == ([make(0), make(1)], 0, [])


def test_a_write_that_can_not_even_be_taken_back(path, monkeypatch):
    with PreferenceLog(path) as log:
        log.append(make(0))
        fail(monkeypatch, "write", code=errno.ENOSPC, part=30)
        fail(monkeypatch, "ftruncate", code=errno.EIO)
        with pytest.raises(PreferenceLogError, match="nothing was written"):
            log.append(make(1))
        assert read_log(path).preferences == [make(0)] and len(read_log(path).problems) == 1
        log.append(make(2))
    assert read_log(path) == ([make(0), make(2)], 0, [])


def test_short_writes_are_finished(path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:7]))
    with PreferenceLog(path) as log:
        log.append(make(0))
    assert read_preferences(path) == [make(0)]


def test_a_file_that_another_program_touched(path, tmp_path):
    with PreferenceLog(path) as log:
        log.append(make(0))
        with path.open("ab") as file:
            file.write(b"# note\n")
        with pytest.raises(PreferenceLogError, match="another program"):
            log.append(make(1))
    assert path.read_bytes().endswith(b"# note\n")
    path.unlink()
    with PreferenceLog(path) as log:
        path.rename(tmp_path / "moved")
        with pytest.raises(PreferenceLogError, match="another program"):
            log.append(make(1))
        path.write_bytes(b"")
        with pytest.raises(PreferenceLogError, match="another program"):
            log.append(make(1))


def test_a_closed_log_writes_nothing(path):
    log = PreferenceLog(path)
    log.close()
    log.close()
    with pytest.raises(PreferenceLogError, match="closed"):
        log.append(make(0))
