"""Which tasks there are and in which order; what a machine gives; how long the rest takes; what is shown."""

import io

import pytest
from rich.console import Console

from lmgym.bench.result_record import Failure
from lmgym.bench.suites import load_suite
from lmgym.errors import DeviceError, InvalidActionError, InvalidValueError
from lmgym_agents.bench import machine
from lmgym_agents.bench.display import BenchDisplay, describe_failure
from lmgym_agents.bench.machine import choose_device, find_gpus, make_slots
from lmgym_agents.bench.plan import Task, choose_entries, choose_seeds, make_plan, make_slug
from lmgym_agents.bench.time_left import TimeLeft, format_seconds
from tests.agents.bench_setup import write_suite


@pytest.fixture
def suite(tmp_path):
    return load_suite(write_suite(tmp_path / "tiny.json"))


def test_warm_starts_come_right_before_the_first_job_that_needs_them(suite):
    plan = make_plan(suite.entries, ("a", "b"), (0, 4))
    assert [task.folder for task in plan] == [
        "warm/sums/seed0", "jobs/sums/a/seed0", "jobs/sums/b/seed0",
        "warm/sums/seed4", "jobs/sums/a/seed4", "jobs/sums/b/seed4",
        "warm/cold/seed0", "jobs/cold/a/seed0", "jobs/cold/b/seed0",
        "warm/cold/seed4", "jobs/cold/a/seed4", "jobs/cold/b/seed4",
    ]  # fmt: skip
    assert all(task.needs is None or task.needs.startswith("warm/") for task in plan)


def test_long_jobs_come_first_whatever_the_order_of_the_entries(suite):
    assert make_plan(suite.entries, ("a",), (0,)) == make_plan(reversed(suite.entries), ("a",), (0,))
    assert make_plan(reversed(suite.entries), ("a",), (0,))[0].entry.name == "sums"


@pytest.mark.parametrize("agent", ["ppo", "q_learning", "sb3-ppo"])
def test_plain_names_are_folders_as_they_stand(agent):
    assert make_slug(agent) == agent


def test_slugs_are_safe_and_different():
    agents = ["PPO", "ppo", "Ppo", "../../x", "..", ".", "", "a/b", "a\\b", "a b", "a?b", "é", "m:C", "m-C"]
    agents += ["x" * 300, "x" * 301, "\ud800", "a\x00b", "con:1"]
    slugs = [make_slug(agent) for agent in agents]
    assert len({slug.lower() for slug in slugs}) == len(agents)
    for slug in slugs:
        assert 0 < len(slug) < 64 and slug.isascii() and not set(slug) & set("/\\: \x00") and slug[0] != "."


def test_entries_keep_the_suite_s_order(suite):
    assert [entry.name for entry in choose_entries(suite, ("cold", "sums"))] == ["sums", "cold"]
    assert choose_entries(suite, ()) == suite.entries


def test_seeds_are_counted_listed_or_the_suite_s(suite):
    assert choose_seeds(suite, 5) == (0, 1, 2, 3, 4)
    assert choose_seeds(suite, None, (9, 3)) == (9, 3)
    assert choose_seeds(suite, None) == (0, 1)
    for count, listed in ((301, ()), (None, range(301))):
        with pytest.raises(InvalidValueError, match="301 seeds are more than can be compared"):
            choose_seeds(suite, count, listed)


def test_gpus_keep_the_names_that_the_environment_gives_them(monkeypatch):
    monkeypatch.setattr(machine.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-ab")
    assert find_gpus() == ("5", "GPU-ab")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert find_gpus() == ("0", "1")


def test_slots_take_the_gpus_in_turn():
    names = [slot["CUDA_VISIBLE_DEVICES"] for slot in make_slots(5, "cuda", ("3", "7"))]
    assert names == ["3", "7", "3", "7", "3"]
    assert len(make_slots(None, "cuda", ("3", "7"))) == 2
    assert make_slots(3, "cpu", ("3",)) == ({"CUDA_VISIBLE_DEVICES": ""},) * 3
    assert len(make_slots(None, "cpu", ())) == machine.count_cores()
    with pytest.raises(InvalidValueError, match="at least 1; got 0"):
        make_slots(0, "cpu", ())


def test_cuda_without_a_gpu_is_refused():
    assert (choose_device("auto", ()), choose_device("auto", ("0",))) == ("cpu", "cuda")
    with pytest.raises(DeviceError, match="no GPU"):
        choose_device("cuda", ())


def test_the_time_left_is_that_of_tasks_alike(suite):
    sums, cold = suite.entries
    task = lambda agent, entry, kind="job": Task(kind=kind, entry=entry, seed=0, agent=agent)  # noqa: E731
    left = TimeLeft()
    assert left.estimate([task("a", sums)], [], 1) is None
    left.learn(task("a", sums), 10.0)
    left.learn(task("a", sums), 20.0)
    left.learn(task("b", sums), 100.0)
    assert left.expect(task("a", sums)) == 15.0
    assert left.expect(task("a", cold)) == 15.0
    assert left.expect(task("c", sums)) == pytest.approx(130 / 3)
    # By hand: a (15) and b (100) wait, c is a quarter done after 30 s, so 90 are left; 205 on two slots.
    running = [(task("c", cold), 0.25, 30.0)]
    assert left.estimate([task("a", sums), task("b", sums)], running, 2) == pytest.approx(205 / 2)
    assert left.estimate([task("b", sums)], [], 8) == 100.0, "no job is faster for more slots"
    assert left.estimate([task("", cold, "warm")], [], 1) == 0.0
    assert left.estimate([], [], 2) == 0.0


def test_seconds_are_said_as_people_do():
    said = {0.4: "0 s", 89: "89 s", 90: "2 min", 3570: "1 h 00 min", 3599: "1 h 00 min", 7500: "2 h 05 min"}
    assert {seconds: format_seconds(seconds) for seconds in said} == said


FAILURE = Failure(kind="bad_action", message="\x1b[31mred\nsecond", where="mine.py:3 in a\x07ct")


def make_display(is_terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100, markup=False, highlight=False)
    return BenchDisplay(console, num_jobs=4, num_done=1, num_slots=2), file


def test_a_log_gets_a_line_for_each_job(suite):
    display, file = make_display(False)
    first, second, warm = (
        Task(kind=kind, entry=suite.entries[0], seed=seed, agent="m:[bold]C")
        for kind, seed in (("job", 0), ("job", 1), ("warm", 0))
    )
    with display:
        display.begun(first)
        display.progressed(first, "train", 0.5)
        display.tick([second])
        display.finished(warm, None, 3.0)
        display.finished(first, None, 100.0)
        display.lost(second)
        display.finished(second, FAILURE, 10.0)
    assert file.getvalue().splitlines() == [
        "done    warm start · sums · seed 0  3 s  (1 of 4 jobs)",
        "done    m:[bold]C · sums · seed 0  2 min  (2 of 4 jobs)",
        "killed  m:[bold]C · sums · seed 1: by somebody else; it begins again",
        "failed  m:[bold]C · sums · seed 1: bad action: ␛[31mred (mine.py:3 in a␇ct)",
    ]


def test_a_terminal_shows_what_runs_and_how_far_it_is(suite):
    display, file = make_display(True)
    task = Task(kind="job", entry=suite.entries[0], seed=0, agent="m:C")
    with display:
        display.begun(task)
        display.progressed(task, "train", 0.34)
        display.console.print(display._render())
        display.finished(task, FAILURE, 10.0)
        display.console.print(display._render())
    text = file.getvalue()
    assert "m:C · sums · seed 0" in text and "training 34%" in text and "1 of 4 jobs" in text
    assert "2 of 4 jobs, 1 failed" in text and "\x1b[31mred" not in text


def test_a_failure_is_one_line():
    assert describe_failure(FAILURE) == "bad action: ␛[31mred (mine.py:3 in a␇ct)"
    assert "\n" not in describe_failure(Failure(kind="raised", message="x" * 10**6, where="\n" * 1000))


def test_what_a_job_can_t_tell_is_a_failure_of_its_own(tmp_path, suite):
    """``do_order`` with functions that raise what foreign code may."""
    from lmgym.bench.results import read_results
    from lmgym_agents.bench.plan import make_order
    from lmgym_agents.bench.work import do_order, is_warm

    def run_order(task, run):
        folder = tmp_path / task.folder
        folder.mkdir(parents=True, exist_ok=True)
        order = make_order(task, suite, tmp_path, device="cpu", threads=1)
        do_order(order, folder, lambda what, share: None, run=run, warm_up=run)
        return folder

    def raising(error):
        def run(*arguments):
            raise error

        return run

    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    job, warm = make_plan(suite.entries, ("m:C",), (0,))[1::-1]
    kinds = {
        SystemExit(3): "raised", KeyboardInterrupt(): "raised", Silent(): "raised", MemoryError(): "memory",
        InvalidActionError("no"): "bad_action",
    }  # fmt: skip
    for error, kind in kinds.items():
        (result,) = read_results(run_order(job, raising(error)) / "result.json")
        assert (result.status, result.failure.kind) == ("failed", kind)
        assert result.failure.where.startswith("test_bench_planning.py:")
    (result,) = read_results(run_order(job, lambda *arguments: 7) / "result.json")
    assert result.failure.kind == "raised"
    folder = run_order(warm, raising(ValueError("bad data")))
    assert "bad data" in (folder / "failure.json").read_text() and not is_warm(folder)
