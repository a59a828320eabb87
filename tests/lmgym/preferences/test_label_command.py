"""The command `lmgym label`, and that what it confirmed survives a kill."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import MissingDependencyError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label import label
from lmgym.preferences.log import PreferenceLog, PreferenceLogError, read_preferences
from tests.lmgym.preferences.label_server import Client, make_saying

pytest.importorskip("starlette", reason='needs pip install "lmgym[label]"')
pytest.importorskip("uvicorn", reason='needs pip install "lmgym[label]"')

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(40)]
MANY = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(500)]


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_web_framework_the_extra_is_named(package, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf'needs {package}: pip install "lmgym\[label\]"'):
        label(QUESTIONS, out=tmp_path / "log.jsonl", rater="anna")


def start(folder: Path, *options: str) -> tuple[subprocess.Popen[str], Client]:
    """Starts the command as a person does, and returns it with a client that has entered."""
    questions = folder / "questions.jsonl"
    if not questions.exists():
        lines = [json.dumps({"prompt": item.prompt, "responses": item.responses}) for item in MANY]
        questions.write_text("\n".join(lines))
    command = [
        sys.executable,
        "-m",
        "lmgym",
        "label",
        questions,
        "--out",
        folder / "log.jsonl",
        "--rater",
        "anna",
    ]
    process = subprocess.Popen(
        [str(part) for part in (*command, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("http://"):
            client = Client(line.strip())
            client.enter()
            return process, client
    raise AssertionError("the command ended")


def judge_until_it_dies(client, confirmed, number, reached):
    """Judges, and says when so many verdicts were confirmed."""
    while True:
        if len(confirmed) == number:
            reached.set()
        try:
            state = client.state()
            if state["question"] is None:
                return
            saying = make_saying(state, "left")
            if client.post(saying).status == 200:
                confirmed.append(saying["request"])
        except (OSError, http.client.HTTPException):
            return


def run_and_kill(folder, number, after_s):
    """Kills the server a moment after it has confirmed ``number`` verdicts; returns all it had confirmed."""
    process, client = start(folder)
    confirmed, reached = [], threading.Event()
    judge = threading.Thread(target=judge_until_it_dies, args=(client, confirmed, number, reached))
    judge.start()
    assert reached.wait(60)
    killer = threading.Timer(after_s, process.send_signal, [signal.SIGKILL])
    killer.start()
    judge.join(60)
    killer.join(60)
    process.wait(20)
    process.stdout.close()
    assert len(confirmed) >= number
    return confirmed


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("number_of_kills", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_what_was_confirmed_survives_a_kill(tmp_path, number_of_kills):
    generator = np.random.default_rng(number_of_kills)
    for number in range(number_of_kills):
        folder = tmp_path / f"{number // 8}"  # a few kills to one log, which goes on
        folder.mkdir(exist_ok=True)
        before = [item.extra["request"] for item in read_log_or_nothing(folder)]
        confirmed = run_and_kill(folder, generator.integers(0, 6), generator.uniform(0.0, 0.03))
        after = [item.extra["request"] for item in read_log_or_nothing(folder)]
        assert after[: len(before)] == before
        assert set(confirmed) <= set(after)
        assert len(after) <= len(before) + len(confirmed) + 1  # what was written, but not yet confirmed
        with PreferenceLog(folder / "log.jsonl") as log:
            assert len({item.prompt for item in log.preferences}) == len(log)


def read_log_or_nothing(folder):
    path = folder / "log.jsonl"
    return read_preferences(path) if path.exists() else []


def test_ctrl_c_ends_with_a_summary_and_nothing_that_was_printed_later_holds_the_token(tmp_path):
    process, client = start(tmp_path, "--second-opinion", "0.5")
    client.get("/nothing")
    client.get(client.entry)
    client.say(client.state(), "left")
    client.say(client.state(), "skip")
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    assert process.wait(20) == 0
    process.stdout.close()
    assert re.search(r"judged +1 *\n", printed) and re.search(r"skipped +1 *\n", printed)
    assert "Traceback" not in printed and client.entry.rpartition("/")[2] not in printed


def test_a_log_that_is_being_written_is_refused(tmp_path):
    process, client = start(tmp_path)
    try:
        with pytest.raises(PreferenceLogError, match="is being written"):
            PreferenceLog(tmp_path / "log.jsonl")
        client.say(client.state(), "left")
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()
