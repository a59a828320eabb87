"""Jobs in processes of their own: how they end, what is left of them, and what the bench hears."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lmgym_agents.bench.bounded_log import BoundedLog
from lmgym_agents.bench.outcomes import describe_end, place_in_log
from lmgym_agents.bench.processes import Ended, ForkServerError, Processes, Progress
from tests.agents.bench_setup import WORK, lines_of, make_order, wait_until_gone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="jobs are started by fork")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def processes():
    with Processes(work=WORK) as started:
        yield started


def run(processes, agent, folder, **options):
    """Returns how a job has ended, and its last progress."""
    processes.start(1, make_order(agent, folder), folder, **{"timeout_s": 120.0, **options})
    shares = []
    while True:
        for event in processes.wait(60.0):
            if isinstance(event, Ended):
                return event, shares
            shares.append(event.share)


def describe(ended, folder):
    return describe_end(ended, folder / "log.txt", timeout_s=60.0, memory_bytes=2**30)


def test_a_job_that_does_well_leaves_its_result(processes, tmp_path):
    ended, shares = run(processes, "good", tmp_path)
    assert (ended.exit_code, ended.cause) == (0, None)
    assert json.loads((tmp_path / "result.json").read_text())["num_tokens"] == 20
    assert shares and all(0 < share <= 1 for share in shares)


def test_threads_and_devices_are_set_before_the_job_begins(processes, tmp_path):
    run(processes, "environment", tmp_path, environment={"CUDA_VISIBLE_DEVICES": "5"})
    found = json.loads((tmp_path / "environment.txt").read_text())
    assert found == {"CUDA_VISIBLE_DEVICES": "5", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def test_a_job_may_end_by_an_exit_code(processes, tmp_path):
    ended, _ = run(processes, "exits", tmp_path)
    failure = describe(ended, tmp_path)
    assert (failure.kind, failure.message) == (
        "died",
        "the process ended with exit code 3 and left no result",
    )


def test_a_crash_is_named_with_the_line_that_crashed(processes, tmp_path):
    ended, _ = run(processes, "segfaults", tmp_path)
    failure = describe(ended, tmp_path)
    assert (failure.kind, failure.message) == ("died", "the process was killed by SIGSEGV")
    assert failure.where.startswith("bench_fakes.py:") and failure.where.endswith("in segfaults")


@pytest.mark.parametrize("agent", ["hangs", "hangs_in_c"])
def test_a_job_that_hangs_is_killed_and_the_place_is_known(processes, tmp_path, agent):
    ended, _ = run(processes, agent, tmp_path, timeout_s=2.0)
    failure = describe(ended, tmp_path)
    assert (failure.kind, failure.message) == ("timeout", "was not done after 1 minutes and was killed")
    assert failure.where.startswith("bench_fakes.py:") and "hang" in failure.where


@pytest.mark.skipif(sys.platform != "linux", reason="nothing else tells how much memory a process has")
def test_a_job_that_takes_too_much_memory_is_killed(processes, tmp_path):
    ended, _ = run(processes, "eats", tmp_path, memory_bytes=300e6)
    failure = describe(ended, tmp_path)
    assert failure.kind == "memory" and "1.0 GiB" in failure.message and failure.where.endswith("in eats")
    assert 300e6 < ended.peak_bytes < 3e9


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_job_has_started_ends_with_it(processes, tmp_path):
    processes.start(1, make_order("has_children", tmp_path), tmp_path, timeout_s=120.0)
    while not any(isinstance(event, Progress) for event in processes.wait(60.0)):
        pass
    processes.stop()
    pids = [int(pid) for pid in (tmp_path / "pid.txt").read_text().split()]
    assert len(pids) == 2
    wait_until_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_job_leaves_behind_ends_too(processes, tmp_path):
    assert run(processes, "leaves_a_child", tmp_path)[0].exit_code == 0
    wait_until_gone([int((tmp_path / "pid.txt").read_text())])


def test_output_goes_to_a_log_of_bounded_size(processes, tmp_path):
    run(processes, "talks", tmp_path)
    text = (tmp_path / "log.txt").read_text()
    assert 300_000 < len(text) < 400_000 and "bytes left out]" in text
    assert text.startswith("0 xxx") and text.endswith("the end\n")


def test_nonsense_in_the_pipes_disturbs_nobody(processes, tmp_path):
    _, shares = run(processes, "nonsense", tmp_path)
    assert set(shares) == {0.0}
    (tmp_path / "next").mkdir()
    assert run(processes, "good", tmp_path / "next")[0].exit_code == 0


def test_stopping_ends_all_jobs(processes, tmp_path):
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        processes.start(number, make_order("hangs", folder), folder, timeout_s=120.0)
    while not any(isinstance(event, Progress) for event in processes.wait(60.0)):
        pass
    processes.stop()
    assert processes.wait(0.0) == []
    assert run(processes, "good", tmp_path / "1")[0].exit_code == 0


def test_jobs_that_are_lost_with_the_fork_server_are_told_and_others_can_follow(processes, tmp_path):
    ended, _ = run(processes, "kills_the_server", tmp_path)
    assert ended.exit_code is None and ended.cause is None
    assert describe(ended, tmp_path).kind == "died"
    (tmp_path / "next").mkdir()
    assert run(processes, "good", tmp_path / "next")[0].exit_code == 0


def test_work_that_can_t_be_imported_is_said(capfd):
    with (
        Processes(work="tests.agents.no_such_module:work") as broken,
        pytest.raises(ForkServerError, match="before it could begin"),
    ):
        while True:
            broken.wait(60.0)
    assert "No module named 'tests.agents.no_such_module'" in capfd.readouterr().err


DRIVER = """
import sys
from pathlib import Path
from tests.agents.bench_setup import make_order
from lmgym_agents.bench.processes import Processes
with Processes(work="tests.agents.bench_fakes:work") as processes:
    for number, agent in enumerate(("hangs_in_c", "has_children")):
        folder = Path(sys.argv[1], agent)
        folder.mkdir()
        processes.start(number, make_order(agent, folder), folder, timeout_s=600.0)
    while True:
        processes.wait(1.0)
"""


@pytest.fixture
def driver(tmp_path):
    """A process that runs two jobs, and the processes of each: itself and what it has started."""
    started = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], cwd=ROOT)
    files = [tmp_path / agent / "pid.txt" for agent in ("hangs_in_c", "has_children")]
    pause = threading.Event()
    while not all(map(lines_of, files)):
        assert started.poll() is None
        pause.wait(0.02)
    yield started, [[int(pid) for pid in file.read_text().split()] for file in files]
    for pid in [int(pid) for file in files for pid in file.read_text().split()]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_survives_the_bench(driver):
    started, (one, other) = driver
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert len(one) == len(other) == 2
    wait_until_gone([*one, *other])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_job_survives_the_bench_and_the_fork_server(driver):
    started, jobs = driver
    (server,) = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    started.send_signal(signal.SIGSTOP)  # so that it can't help
    os.kill(int(server), signal.SIGKILL)
    started.send_signal(signal.SIGKILL)
    started.wait()
    wait_until_gone([pids[0] for pids in jobs])


def test_the_beginning_and_the_end_of_a_log_stay(tmp_path):
    log = BoundedLog(tmp_path / "log.txt", first_bytes=10, last_bytes=6)
    for data in (b"abcdefgh", b"ijklm", b"nopqrst", b"uvwxyz"):
        log.write(data)
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"abcdefghij\n[10 bytes left out]\nuvwxyz"
    log = BoundedLog(tmp_path / "log.txt", first_bytes=10, last_bytes=6)
    log.write(b"0123456789AB")
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"0123456789AB"


def test_a_log_that_can_not_be_written_ends_nobody(processes, tmp_path):
    (tmp_path / "log.txt").mkdir()
    assert run(processes, "good", tmp_path)[0].exit_code == 0


def test_the_place_in_a_log_is_that_of_foreign_code(tmp_path):
    library, installed = json.__file__, np.__file__
    stack = f"""Current thread 0x1 (most recent call first):
  File "{library}", line 1 in loads
  File "{installed}", line 2 in dot
  File "/home/me/mine.py", line 12 in act
  File "/home/me/main.py", line 13 in run
"""
    (tmp_path / "log.txt").write_text(stack)
    assert place_in_log(tmp_path / "log.txt") == "mine.py:12 in act"
    assert place_in_log(tmp_path / "none.txt") == "none.txt"
