"""Benchmarks whose processes are killed with -9 at any moment end with the numbers of an unbroken one."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lmgym.bench.results import read_results, same_numbers
from lmgym.bench.suites import load_suite
from tests.agents.bench_setup import WORK, lines_of, wait_until_gone, write_suite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # torch is imported a dozen times
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]
ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from pathlib import Path
from lmgym_agents.commands.bench import Bench, run_bench
work, options = json.loads(sys.argv[1])
options["out"] = Path(options["out"])
sys.exit(run_bench(Bench(**options), work=work))
"""


def start(work, **options):
    arguments = json.dumps([work, {"jobs": 2, "device": "cpu", **options}])
    environment = os.environ | {"FAKE_STEP_S": "0.03"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )


def children_of(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


def kill(bench, whom):
    """Kills the bench, its fork server, its jobs, or all of them; returns all processes there were."""
    servers = children_of(bench.pid)
    jobs = [pid for server in servers for pid in children_of(server)]
    victims = {"bench": [bench.pid], "server": servers, "jobs": jobs, "all": [bench.pid, *servers, *jobs]}
    for pid in victims[whom]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return [*servers, *jobs]


def run_with_kills(work, progress, kills, seed=0, **options):
    """Runs until done; ``kills`` are pairs of whom and after how much progress."""
    rng, pause = random.Random(seed), threading.Event()
    todo = list(kills)
    while True:
        with start(work, **options) as bench:
            while bench.poll() is None:
                if todo and progress() >= todo[0][1]:
                    for _ in range(rng.randrange(200_000)):  # somewhere inside what comes next; no clock
                        pass
                    whom, _ = todo.pop(0)
                    others = kill(bench, whom)
                    if whom in ("bench", "all"):
                        bench.wait()
                        wait_until_gone(others)
                pause.wait(0.005)
        if bench.returncode != -signal.SIGKILL:
            assert not todo, "it was done too early to be killed"
            return bench.returncode


def count_steps(out):
    return sum(len(lines_of(path)) for path in out.glob("jobs/*/*/*/steps.txt"))


def test_fake_jobs(tmp_path):
    options = {"suite": str(write_suite(tmp_path / "tiny.json")), "agents": "fakes:good,fakes:good?x=2"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(WORK, out=str(whole), **options).wait() == 1
    whom = ("bench", "server", "all", "jobs", "bench", "all", "bench")
    kills = [(each, 18 * number + 7) for number, each in enumerate(whom)]
    assert run_with_kills(WORK, lambda: count_steps(broken), kills, out=str(broken), **options) == 1
    check_equal(whole, broken, num_results=8)
    for path in broken.glob("jobs/*/*/*/steps.txt"):
        steps = [int(line) for line in lines_of(path)]
        # Each step is followed by the next, or by itself where a kill came before its state was kept.
        assert all(later - earlier in (0, 1) for earlier, later in itertools.pairwise(steps))


def test_real_agents(tmp_path):
    plain = load_suite("quick").to_dict()
    entries = [entry for entry in plain["entries"] if entry["name"] == "delayed"]
    for entry in entries:
        entry |= {"budget": 20_000, "curve_points": 4, "curve_problems": 32, "num_problems": 64}
    (tmp_path / "small.json").write_text(json.dumps(plain | {"entries": entries, "name": "small"}))
    options = {"suite": str(tmp_path / "small.json"), "agents": "ppo,random", "seeds": 2}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    work = "lmgym_agents.bench.work:work"
    assert start(work, out=str(whole), **options).wait() == 0

    def progress():
        return sum(len(lines_of(path)) for path in broken.glob("jobs/*/ppo/*/metrics.jsonl"))

    num_updates = sum(len(lines_of(path)) for path in whole.glob("jobs/*/ppo/*/metrics.jsonl"))
    whom = ("bench", "all", "jobs", "bench", "server")
    kills = [(each, number * num_updates // 6) for number, each in enumerate(whom, 1)]
    assert run_with_kills(work, progress, kills, out=str(broken), **options) == 0
    check_equal(whole, broken, num_results=4)


def check_equal(whole, broken, num_results):
    one, other = (read_results(folder / "results.jsonl") for folder in (whole, broken))
    assert len(one) == len(other) == num_results
    for left, right in zip(one, other, strict=True):
        assert same_numbers(left, right), (left, right)
