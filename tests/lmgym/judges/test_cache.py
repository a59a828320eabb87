from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from lmgym.errors import InvalidValueError
from lmgym.judges.cache import JudgeCache, cache_key


def test_what_was_put_is_found_again_and_the_first_stays(tmp_path):
    cache = JudgeCache(tmp_path / "judge.sqlite")
    key = cache_key({"b": 1, "a": "ä\ud800"})
    assert cache.get(key) is None and key == cache_key({"a": "ä\ud800", "b": 1})
    cache.put(key, {"content": "x\ud800", "finish": ""})
    cache.put(key, {"content": "y"})
    cache.close()
    again = JudgeCache(tmp_path / "judge.sqlite")
    assert again.get(key) == {"content": "x\ud800", "finish": ""} and len(again) == 1
    assert again.failures == 0
    again.close()


def test_the_file_is_durable(tmp_path):
    path = tmp_path / "judge.sqlite"
    cache = JudgeCache(path)
    connection = cache._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    cache.close()


@pytest.mark.parametrize("content", [b"x", b"my notes\n" * 100, b"SQLite format 2\0", b"\0" * 4096])
def test_a_file_that_is_something_else_is_refused_and_left_alone(content, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidValueError, match=r"notes\.txt' is no cache of answers"):
        JudgeCache(path)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, value TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InvalidValueError, match="another program's database"):
        JudgeCache(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "program",
    [
        "CREATE VIEW answers AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
        "SELECT 'k' AS key, '{}' AS value FROM c WHERE x < 0",
        "CREATE TABLE answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, CHECK (length(value) < 0))",
        "CREATE TABLE answers (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END",
    ],
)
def test_a_cache_that_holds_a_program_is_refused(program, tmp_path):
    path = tmp_path / "judge.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA application_id = {0x6C6D6A31}; {program};")
    connection.close()
    with pytest.raises(InvalidValueError, match="another program's database"):
        JudgeCache(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="can't be opened"):
        JudgeCache(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "middle", "page"])
def test_a_damaged_cache_is_put_aside_and_a_new_one_begun(damage, tmp_path):
    path = tmp_path / "judge.sqlite"
    cache = JudgeCache(path)
    for number in range(40):
        cache.put(cache_key({"n": number}), {"content": "x" * 2000, "finish": ""})
    cache.close()
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "middle":
        data[5000:60000] = os.urandom(55000)
    else:
        data[100:4000] = b"\xff" * 3900
    path.write_bytes(data)
    with pytest.warns(RuntimeWarning, match=r"was damaged .* is now .*damaged-1"):
        cache = JudgeCache(path)
    assert (tmp_path / "judge.sqlite.damaged-1").read_bytes() == data
    cache.put("k", {"content": "new"})
    assert cache.get("k") == {"content": "new"} and len(cache) == 1
    cache.close()


@pytest.mark.parametrize("value", ["nonsense", "[1]", "{", "[" * 100_000, ""])
def test_a_row_that_can_not_be_read_is_a_miss(value, tmp_path):
    cache = JudgeCache(tmp_path / "judge.sqlite")
    cache._connection.execute("INSERT INTO answers VALUES ('k', ?)", (value,))
    assert cache.get("k") is None
    cache.close()


def test_a_disk_that_fails_costs_the_cache_and_not_the_run(tmp_path):
    cache = JudgeCache(tmp_path / "judge.sqlite")
    cache._connection.execute("DROP TABLE answers")
    cache.put("k", {"content": "x"})
    assert cache.get("k") is None and cache.failures == 2
    cache.close()


def test_threads_share_a_cache(tmp_path):
    cache = JudgeCache(tmp_path / "judge.sqlite")

    def work(start: int) -> None:
        for number in range(20):
            cache.put(f"{start + number}", {"content": str(number)})
            assert cache.get(f"{start + number}") is not None

    threads = [threading.Thread(target=work, args=(10 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(cache) == 70 and cache.failures == 0
    cache.close()


_WRITE = """
import sys
from lmgym.judges.cache import JudgeCache
cache = JudgeCache(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    cache.put(str(number), {"content": "x" * 500})
    print(number, flush=True)
assert cache.failures == 0
"""


def start_writer(path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITE, str(path), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_a_cache(tmp_path):
    path = tmp_path / "judge.sqlite"
    writers = [start_writer(path, 30 * i, 30 * i + 40) for i in range(2)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    cache = JudgeCache(path)
    assert len(cache) == 70 and all(cache.get(str(number)) for number in range(70))
    cache.close()


def test_what_was_stored_survives_a_kill(tmp_path):
    path = tmp_path / "judge.sqlite"
    writer = start_writer(path, 0, 1_000_000)
    assert writer.stdout is not None
    for _ in range(25):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    said = writer.communicate(timeout=60)[0].split()
    last = int(said[-1]) if said else last
    cache = JudgeCache(path)
    assert all(cache.get(str(number)) == {"content": "x" * 500} for number in range(last + 1))
    cache.close()
