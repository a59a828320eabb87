"""``lmgym watch``."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym_agents.commands.watch import Watch, find_metrics
from tests.agents.watch.test_live import record


def write(path, count):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record(step)) + "\n" for step in range(1, count + 1)))
    return path


def test_one_frame_is_printed_of_a_folder_or_a_file(tmp_path, capsys):
    path = write(tmp_path / "run" / "metrics.jsonl", 20)
    texts = []
    for given in (path.parent, path):
        assert main(["watch", str(given), "--once"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] and "20/100" in texts[0] and "asked: 12+20=" in texts[0]
    assert "\x1b" not in texts[0]


def test_a_run_that_is_still_to_come_is_no_error(tmp_path, capsys):
    assert main(["watch", str(tmp_path / "later"), "--once"]) == 0
    text = capsys.readouterr().out
    assert "its metrics file is not there yet" in text and "waiting" not in text  # it does not wait


def test_a_hundred_thousand_records_are_fine(tmp_path, capsys):
    with open(tmp_path / "metrics.jsonl", "w") as file:
        for step in range(100_000):
            file.write(f'{{"step":{step},"success":0.5,"timing":{{"total_s":1.0}}}}\n')
    assert main(["watch", str(tmp_path), "--once"]) == 0
    assert "step 99,999" in capsys.readouterr().out


def test_the_folder_of_a_benchmark_is_answered_with_its_jobs(tmp_path):
    job = write(tmp_path / "jobs" / "math" / "ppo" / "seed0" / "metrics.jsonl", 1).parent
    assert find_metrics(job) == job / "metrics.jsonl"
    with pytest.raises(InvalidValueError, match=r"give one of its jobs, such as .*seed0"):
        find_metrics(tmp_path)


def test_bad_options_are_refused(tmp_path, capsys):
    with pytest.raises(InvalidValueError, match="--every-s is 0"):
        Watch(run=tmp_path, every_s=0.0)
    (tmp_path / "metrics.jsonl").mkdir()
    assert main(["watch", str(tmp_path), "--once"]) == 2
    assert "can't be read" in " ".join(capsys.readouterr().err.split())


def test_q_leaves_a_terminal_as_it_was(tmp_path):
    """In a real terminal: the frame is shown on its second screen, and q gives the first one back."""
    write(tmp_path / "metrics.jsonl", 20)
    program = (
        "import sys\nfrom pathlib import Path\nfrom lmgym_agents.commands.watch import Watch, run_watch\n"
        f"sys.exit(run_watch(Watch(run=Path({str(tmp_path)!r}), every_s=60)))"
    )
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    while b"12+20=" not in shown:  # ends with OSError if the process dies
        assert select.select([master], [], [], 60)[0], shown
        shown += os.read(master, 65536)
    os.write(master, b"q")
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        if not data:
            break
        shown += data
    os.close(master)
    assert process.wait(timeout=60) == 0, shown
    assert b"\x1b[?1049h" in shown and shown.rindex(b"\x1b[?1049l") > shown.rindex(b"\x1b[?1049h")
