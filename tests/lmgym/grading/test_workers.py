"""The pool of child processes: it answers or says why not, whatever happens to the children."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from lmgym.grading.worker import MAX_LINE_BYTES
from lmgym.grading.workers import Outcome, Pool, Statistics, make_command

FAKE = Path(__file__).parent / "fake_worker.py"
ROOT = Path(__file__).resolve().parents[3]
SOON_S = 20.0  # an upper bound for what takes milliseconds

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")


@pytest.fixture
def make_pool(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pools = []

    def make(*words, size=1, command=None, cpu_share=0.01):
        command = command or (lambda: [sys.executable, str(FAKE), *words])
        pools.append(Pool(size, command, cpu_share=cpu_share))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def ask(pool, do="reply", timeout_s=SOON_S):
    return pool.run({"do": do}, timeout_s)


def is_gone(pid):
    """Waits until the process has ended; an orphan may stay on as a zombie until somebody reaps it."""
    for _ in range(1000):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            process.wait(SOON_S / 1000)
        except psutil.NoSuchProcess:
            return True
        except psutil.TimeoutExpired:
            continue
    return False


def test_a_child_replies_and_is_used_again(make_pool):
    pool = make_pool(size=2)
    assert pool.pids() == ()
    first, second = ask(pool), ask(pool)
    assert first == second == Outcome("", {"is_equal": False, "reason": "wrong", "pid": pool.pids()[0]})
    assert pool.statistics() == Statistics(jobs=2)


@posix
@pytest.mark.parametrize("do", ["spin", "grind"])
def test_too_dear_is_a_timeout_and_the_child_is_replaced(make_pool, do):
    pool = make_pool()
    before = ask(pool).reply["pid"]
    assert ask(pool, do) == Outcome("timeout", {})
    after = ask(pool).reply["pid"]
    assert before != after and is_gone(before)
    assert pool.statistics() == Statistics(jobs=3, timeouts=1, restarts=1)


@posix
def test_the_pool_is_made_whole_at_once_and_has_one_to_spare_from_then_on(make_pool):
    pool = make_pool(size=3)
    (before,) = (ask(pool), *pool.pids())[1:]
    ask(pool, "spin")
    assert len(pool.pids()) == 2 and before not in pool.pids()


def test_cpu_time_is_watched_where_the_system_has_no_timer(make_pool):
    pool = make_pool("no_timer")
    assert ask(pool, "spin") == Outcome("timeout", {})


def test_no_cpu_time_is_no_fault_of_the_answer(make_pool):
    pool = make_pool()
    assert ask(pool, "wait", 0.2) == Outcome("overloaded", {})
    assert ask(pool).failure == ""
    assert pool.statistics() == Statistics(jobs=2, overloads=1, restarts=1)


def test_no_free_process_in_time_is_an_overload(make_pool):
    pool = make_pool()
    ask(pool)
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(ask, pool, "wait", 1.0)
        while pool.statistics().jobs < 2 or pool._idle:
            pass
        assert ask(pool, "reply", 0.1).failure == "overloaded"
        assert busy.result().failure == "overloaded"


@posix
def test_death_is_tried_once_more(make_pool, tmp_path):
    pool = make_pool()
    assert ask(pool, "die") == Outcome("worker", {})
    assert pool.statistics() == Statistics(jobs=1, deaths=2, restarts=2)
    assert ask(pool, f"die_once {tmp_path / 'died'}").failure == ""
    assert pool.statistics() == Statistics(jobs=2, deaths=3, restarts=3)


@posix
def test_a_child_killed_while_idle_costs_nobody_anything(make_pool):
    pool = make_pool()
    pid = ask(pool).reply["pid"]
    os.kill(pid, signal.SIGKILL)
    assert ask(pool).failure == ""


@linux
def test_eating_memory_is_a_limit(make_pool):
    pool = make_pool()
    before = ask(pool).reply["pid"]
    assert ask(pool, "eat") == Outcome("", {"is_equal": False, "reason": "limit"})
    assert ask(pool).reply["pid"] != before
    assert pool.statistics() == Statistics(jobs=3, restarts=1)


def test_endless_recursion_is_a_limit(make_pool):
    assert ask(make_pool(), "recurse").reply == {"is_equal": False, "reason": "limit"}


def test_a_bug_in_a_comparison_is_ours(make_pool):
    pool = make_pool()
    assert ask(pool, "raise") == Outcome("worker", {})
    assert pool.statistics() == Statistics(jobs=1, bugs=1)


def test_what_is_no_reply_is_a_death(make_pool):
    assert ask(make_pool(), "babble") == Outcome("worker", {})


def test_what_a_library_prints_is_no_reply(make_pool):
    assert ask(make_pool(), "print").reply["is_equal"] is False


def test_a_child_gives_way_to_a_fresh_one_after_its_share(make_pool):
    pool = make_pool("one_request")
    assert ask(pool).reply["pid"] != ask(pool).reply["pid"]


@pytest.mark.parametrize("command", [["no such program"], [sys.executable, str(FAKE), "cannot_start"]])
def test_a_program_that_does_not_start(make_pool, command):
    pool = make_pool(command=lambda: command)
    assert ask(pool) == Outcome("worker", {})
    assert pool.statistics() == Statistics(jobs=1, deaths=2)


def test_a_request_that_is_too_long_for_a_pipe_is_refused(make_pool):
    assert ask(make_pool(), "x" * MAX_LINE_BYTES) == Outcome("limit", {})


def test_many_threads_share_few_children(make_pool):
    pool = make_pool(size=2)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: ask(pool), range(64)))
    assert {outcome.failure for outcome in outcomes} == {""}
    assert 1 <= len(pool.pids()) <= 2


def test_tasks_of_asyncio(make_pool):
    pool = make_pool(size=2)

    async def main():
        return await asyncio.gather(*(asyncio.to_thread(ask, pool) for _ in range(8)))

    assert {outcome.failure for outcome in asyncio.run(main())} == {""}


def test_a_closed_pool_leaves_nothing_and_answers_nothing(make_pool):
    pool = make_pool()
    ask(pool)
    (pid,) = pool.pids()
    pool.close()
    assert is_gone(pid)
    assert ask(pool) == Outcome("worker", {})


def test_the_grader_s_own_program_starts_in_any_surroundings(monkeypatch, tmp_path):
    for name in ("sympy.py", "json.py", "lmgym.py"):  # what stands in the current folder is not imported
        (tmp_path / name).write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setattr(sys, "path", [Path(folder) for folder in sys.path if folder])
    pool = Pool(1)
    request = {"gold": "\\sqrt{2}+\\sqrt{3}", "given": "\\sqrt{5+2\\sqrt{6}}", "rules": {}, "budgets": {}}
    assert pool.run(request, 60.0) == Outcome("", {"is_equal": True, "reason": ""})
    pool.close()


def test_a_python_that_nobody_knows_can_t_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", None)
    assert make_command()[0] == ""
    assert Pool(1).run({}, 1.0) == Outcome("worker", {})


PARENT = f"""\
import os, signal, sys, threading, time
from lmgym.grading import workers
workers._pool = pool = workers.Pool(1, lambda: [sys.executable, {str(FAKE)!r}], cpu_share=0.01)
assert pool.run({{"do": "reply"}}, 20.0).failure == ""
print(*pool.pids(), flush=True)
"""


def start_parent(program, **options):
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PARENT + program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_nothing_is_left_after_the_interpreter():
    with start_parent("") as parent:
        out, err = parent.communicate(timeout=SOON_S)
        assert (err, parent.returncode) == ("", 0)
        assert is_gone(int(out))


@posix
@pytest.mark.parametrize("do", ["reply", "spin"])
def test_no_orphan_after_the_parent_was_killed(do):
    program = f"threading.Thread(target=pool.run, args=({{'do': {do!r}}}, 20.0)).start()\ninput()"
    with start_parent(program) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        assert is_gone(pid)


@posix
def test_an_interrupt_while_waiting_leaves_no_child():
    # A shell starts what runs in its background with this signal ignored, and children inherit that.
    program = "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    program += "pool.run({'do': 'wait'}, 20.0)"
    with start_parent(program) as parent:
        out, err = parent.communicate(timeout=SOON_S)
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert is_gone(int(out))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_children_of_its_own():
    program = """\
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
mine = pool.pids()
child = os.fork()
workers._pool._command = pool._command
outcome = workers.run({"do": "reply"}, 20.0)
assert (outcome.reply["pid"] in mine) == (child != 0), outcome
if child == 0:
    workers.stop()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert workers.run({"do": "reply"}, 20.0).reply["pid"] in mine
"""
    with start_parent(program) as parent:
        out, err = parent.communicate(timeout=SOON_S)
        assert (err, parent.returncode) == ("", 0)
        assert is_gone(int(out.splitlines()[0]))


@posix
def test_a_fork_that_lives_on_keeps_no_worker_alive():
    program = """\
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
threading.Event().wait()
"""
    with start_parent(program) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        assert is_gone(pid)
