"""``lmgym bench`` with fake agents in real processes: failures, going on, what is refused and written."""

import json
import os
import signal

import pytest

from lmgym.bench.results import read_results, same_numbers, sort_results, write_results
from lmgym.bench.suites import load_suite
from lmgym.errors import InvalidValueError, LmgymError, MissingDependencyError, UnknownNameError
from lmgym_agents.bench.processes import Processes
from lmgym_agents.commands.bench import Bench, run_bench
from lmgym_agents.errors import ResumeError, RunFolderError
from lmgym_agents.runs.folder_lock import FolderLock
from tests.agents.bench_setup import WORK, lines_of, write_suite
from tests.lmgym.bench.made_results import make_result

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="jobs are started by fork")


@pytest.fixture
def bench(tmp_path):
    """Runs a bench of the small suite in one folder; returns the exit code."""
    suite = write_suite(tmp_path / "tiny.json")

    def run(agents="fakes:good", **options):
        given = {"suite": str(suite), "out": tmp_path / "out", "device": "cpu", "jobs": 2, **options}
        return run_bench(Bench(agents=agents, **given), work=WORK)

    run.out = tmp_path / "out"
    run.suite = suite
    return run


def by_name(out):
    return {(r.agent, r.entry, r.seed): r for r in read_results(out / "results.jsonl")}


def starts(out):
    """How often each task was begun."""
    return {str(path.parent.relative_to(out)): len(lines_of(path)) for path in out.rglob("starts.txt")}


def test_all_jobs_are_done_and_their_results_stand_in_order(bench, capsys):
    assert bench("fakes:good,fakes:good?x=2", only=("sums",)) == 0
    results = read_results(bench.out / "results.jsonl")
    assert [(r.entry, r.agent, r.seed) for r in results] == [
        ("sums", "fakes:good", 0), ("sums", "fakes:good", 1),
        ("sums", "fakes:good?x=2", 0), ("sums", "fakes:good?x=2", 1),
    ]  # fmt: skip
    assert results == sort_results(results)
    text = capsys.readouterr().out
    assert "lmgym-tiny-1: 4 jobs; 2 at a time on cpu" in text and "(4 of 4 jobs)" in text
    assert str(bench.out / "results.jsonl") in text.replace("\n", "")


def test_each_warm_start_is_made_once(bench):
    bench("fakes:good,fakes:good?x=2", only=("sums",))
    assert starts(bench.out) == {
        "warm/sums/seed0": 1, "warm/sums/seed1": 1,
        **{f"jobs/sums/{slug}/seed{k}": 1 for slug in slugs(bench.out) for k in (0, 1)},
    }  # fmt: skip
    assert len(slugs(bench.out)) == 2


def slugs(out):
    return sorted(path.name for path in (out / "jobs" / "sums").iterdir())


def test_bad_agents_are_named_with_the_reason_and_the_others_finish(bench, capsys):
    agents = "fakes:good,fakes:fails,fakes:exits,fakes:segfaults,fakes:hangs,fakes:raises"
    assert bench(agents, only=("sums",), seeds=1, timeout_minutes=2 / 60) == 1
    found = by_name(bench.out)
    assert found["fakes:good", "sums", 0].is_ok
    kinds = {agent: r.failure.kind for (agent, _, _), r in found.items() if not r.is_ok}
    assert kinds == {
        "fakes:fails": "raised", "fakes:exits": "died", "fakes:segfaults": "died", "fakes:hangs": "timeout",
        "fakes:raises": "died",
    }  # fmt: skip
    assert "SIGSEGV" in found["fakes:segfaults", "sums", 0].failure.message
    text = capsys.readouterr().out
    for agent in kinds:
        assert agent in text
    assert "--timeout-minutes gives them more time" in text.replace("\n", " ")
    assert "\x1b[31m" not in text, "a message of foreign code reached the terminal as it was"


def test_numbers_do_not_depend_on_how_many_jobs_run_at_a_time(bench, tmp_path):
    bench(jobs=1, only=("sums",))
    bench(jobs=4, only=("sums",), out=tmp_path / "other")
    one, other = (read_results(folder / "results.jsonl") for folder in (bench.out, tmp_path / "other"))
    assert len(one) == len(other) == 2 and all(map(same_numbers, one, other))


def test_finished_jobs_are_not_repeated_and_new_ones_are_added(bench):
    bench(only=("sums",))
    bench("fakes:good?x=2,fakes:good", only=("sums",), seeds=1)
    assert set(starts(bench.out).values()) == {1}
    assert len(by_name(bench.out)) == 3


def test_an_unfinished_job_goes_on_from_its_own_state(bench):
    bench(only=("sums",), seeds=1)
    whole = by_name(bench.out)["fakes:good", "sums", 0]
    (path,) = bench.out.glob("jobs/sums/*/seed0/result.json")
    path.unlink()
    state = json.loads((path.parent / "state.json").read_text())
    half = {"step": 10, "curve": state["curve"][:10], "sum": round(state["curve"][9] * 1000003)}
    (path.parent / "state.json").write_text(json.dumps(half))
    bench(only=("sums",), seeds=1)
    assert [int(n) for n in lines_of(path.parent / "steps.txt")] == [*range(1, 21), *range(11, 21)]
    assert same_numbers(by_name(bench.out)["fakes:good", "sums", 0], whole)


@pytest.mark.parametrize("damage", ["", "{}\n", "no json", '{"schema": 1}\n{"schema": 1}\n'])
def test_a_result_that_is_none_is_made_again(bench, damage):
    bench(only=("sums",), seeds=1)
    (path,) = bench.out.glob("jobs/sums/*/seed0/result.json")
    path.write_text(damage)
    assert bench(only=("sums",), seeds=1) == 0
    assert len(read_results(path)) == 1


def test_a_result_of_another_job_is_not_taken(bench):
    bench(only=("sums",))
    one, other = sorted(bench.out.glob("jobs/sums/*/seed*/result.json"))
    one.write_bytes(other.read_bytes())
    bench(only=("sums",))
    assert read_results(one)[0].seed == 0 and starts(bench.out)[str(one.parent.relative_to(bench.out))] == 2


def test_failed_jobs_are_done_again_only_if_that_is_asked_for(bench):
    agents = "fakes:exits,fakes:hangs,fakes:good"
    options = {"only": ("sums",), "seeds": 1, "timeout_minutes": 1 / 60}
    assert bench(agents, **options) == 1
    first = starts(bench.out)
    assert bench(agents, **options) == 1
    assert starts(bench.out) == first
    assert bench(agents, retry_failed=True, **options) == 1
    again = {path.split("/")[2].split("-")[1]: n for path, n in starts(bench.out).items() if "jobs/" in path}
    # What only lacked time goes on in its folder; what broke begins in a new one.
    assert again == {"exits": 1, "hangs": 2, "good": 1}
    assert not (bench.out / ".removing").exists()


def test_forgotten_failures_are_in_no_file_any_more(bench, monkeypatch):
    bench("fakes:exits", only=("sums",), seeds=1)
    assert len(by_name(bench.out)) == 1

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("lmgym_agents.bench.scheduler.Scheduler.run", interrupted)
    assert bench("fakes:exits", only=("sums",), seeds=1, retry_failed=True) == 130
    assert by_name(bench.out) == {}


def test_a_failed_warm_start_fails_the_jobs_that_need_it_and_no_others(bench, capsys):
    assert bench("fakes:good,fakes:good?x=2") == 1
    failed = {name: r.failure for name, r in by_name(bench.out).items() if not r.is_ok}
    assert set(failed) == {("fakes:good", "cold", 1), ("fakes:good?x=2", "cold", 1)}
    for failure in failed.values():
        assert failure.message == "the warm start that it begins from failed: no"
        assert (failure.kind, failure.where) == ("raised", "here")
    assert starts(bench.out)["warm/cold/seed1"] == 1
    assert bench("fakes:good", retry_failed=True) == 1
    assert len(by_name(bench.out)) == 8


def test_jobs_lost_with_the_fork_server_are_begun_again_but_not_for_ever(bench):
    assert bench("fakes:kills_the_server,fakes:good", only=("sums",), seeds=1, jobs=1) == 1
    found = by_name(bench.out)
    assert found["fakes:good", "sums", 0].is_ok
    assert "lost again and again" in found["fakes:kills_the_server", "sums", 0].failure.message
    (path,) = bench.out.glob("jobs/sums/fakes-kills*/seed0/starts.txt")
    assert len(lines_of(path)) == 3


def test_each_slot_has_its_gpu(bench, monkeypatch):
    monkeypatch.setattr("lmgym_agents.bench.running.find_gpus", lambda: ("3", "7"))
    agents = ",".join(f"fakes:environment?x={k}" for k in range(6))
    assert bench(agents, only=("sums",), seeds=1, device="auto", jobs=4) == 0
    files = list(bench.out.rglob("environment.txt"))
    used = {json.loads(path.read_text())["CUDA_VISIBLE_DEVICES"] for path in files}
    assert len(files) == 6 and used <= {"3", "7"}
    orders = [json.loads(path.read_text()) for path in bench.out.glob("jobs/**/job.json")]
    assert {order["device"] for order in orders} == {"cuda"}


def test_another_suite_or_other_options_are_refused_with_what_differs(bench, tmp_path):
    bench(only=("sums",), seeds=1)
    with pytest.raises(ResumeError, match="threads: 1 → 2"):
        bench(threads=2)
    plain = json.loads(bench.suite.read_text())
    plain["entries"][0]["budget"] += 1
    (tmp_path / "changed.json").write_text(json.dumps(plain))
    with pytest.raises(ResumeError, match=r"entries\.sums\.budget: \d+ → \d+"):
        bench(suite=str(tmp_path / "changed.json"))
    with pytest.raises(
        ResumeError, match=r"given\):\n  suite: 'lmgym-tiny-1' → 'lmgym-quick-1'\nIts results"
    ):
        bench(suite="quick")
    assert len(by_name(bench.out)) == 1


def test_a_folder_of_something_else_or_in_use_is_refused(bench, tmp_path):
    bench.out.mkdir()
    lock = FolderLock(bench.out / ".lock")
    with pytest.raises(RunFolderError, match="in use by another process"):
        bench()
    lock.release()
    (bench.out / "precious.txt").touch()
    with pytest.raises(RunFolderError, match=r"no benchmark \(precious.txt\)"):
        bench()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"agents": ""}, InvalidValueError, "--agents is missing"),
        ({"agents": "rnadom"}, UnknownNameError, "Did you mean 'random'"),
        ({"only": ("sum",)}, UnknownNameError, "Did you mean 'sums'"),
        ({"suite": "quik"}, UnknownNameError, "Did you mean 'quick'"),
        ({"seeds": 0}, InvalidValueError, "at least 1; got 0"),
        ({"seeds": 1, "seed_list": (1,)}, InvalidValueError, "exclude each other"),
        ({"seed_list": (1, 1)}, InvalidValueError, "different integers"),
        ({"jobs": 0}, InvalidValueError, "--jobs"),
        ({"out": None}, InvalidValueError, "--out is missing"),
    ],
)
def test_mistakes_are_found_before_anything_runs(bench, options, error, message, monkeypatch):
    monkeypatch.setattr("lmgym_agents.bench.running.Processes", None)
    with pytest.raises(error, match=message):
        bench(**options)
    assert not bench.out.exists()


def test_a_module_that_is_nowhere_is_found_before_a_warm_start_is_made(tmp_path):
    with pytest.raises(InvalidValueError, match="there is no module 'no_such_module_at_all'"):
        run_bench(Bench(agents="random,no_such_module_at_all.deep:Agent", out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [{"timeout_minutes": 0.0}, {"threads": 0}, {"memory_gb": float("nan")}])
def test_limits_are_positive(options):
    with pytest.raises(InvalidValueError, match="must be positive"):
        Bench(**options)


def test_seeds_may_be_listed(bench):
    bench(only=("sums",), seed_list=(5, 2))
    assert [seed for _, _, seed in by_name(bench.out)] == [2, 5]


def test_results_of_others_are_merged_and_not_run(bench, tmp_path, capsys):
    bench("fakes:good?x=9", only=("sums",), out=tmp_path / "theirs")
    theirs = tmp_path / "theirs" / "results.jsonl"
    capsys.readouterr()
    assert bench(only=("sums",), merge=(theirs,)) == 0
    assert len(read_results(bench.out / "merged.jsonl")) == 4 and len(by_name(bench.out)) == 2
    assert "fakes:good?x=9" in capsys.readouterr().out
    changed = [json.loads(line) for line in lines_of(theirs)]
    for line in changed:
        line["agent"], line["num_tokens"] = "fakes:good", 1
    theirs.write_text("".join(json.dumps(line) + "\n" for line in changed))
    with pytest.raises(InvalidValueError, match="differ"):
        bench(only=("sums",), merge=(theirs,))


def test_results_of_others_can_be_shown_alone(bench, tmp_path, capsys):
    bench("fakes:good?x=9", only=("sums",), out=tmp_path / "theirs")
    capsys.readouterr()
    assert bench("", merge=(tmp_path / "theirs",)) == 0
    assert len(read_results(bench.out / "merged.jsonl")) == 2
    assert "fakes:good?x=9" in capsys.readouterr().out
    assert bench("", merge=(tmp_path / "theirs",), out=None) == 0
    assert "fakes:good?x=9" in capsys.readouterr().out


def test_unreadable_files_of_others_are_found_before_anything_runs(bench, tmp_path):
    write_results(tmp_path / "empty.jsonl", [])
    with pytest.raises(InvalidValueError, match="can't be read"):
        bench(merge=(tmp_path / "empty.jsonl", tmp_path / "none.jsonl"))
    assert not bench.out.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suite_hash": "ab" * 32}, "under the hash abababababab"),
        ({"suite": "lmgym-core-1"}, "the results are of lmgym-core-1"),
        ({"entry": "sum"}, "Did you mean 'sums'"),
        ({"score": 1.5}, "allowed: numbers in"),
    ],
)
def test_results_that_can_not_be_compared_are_found_before_anything_runs(bench, tmp_path, changes, message):
    suite = load_suite(str(bench.suite))
    given = {"entry": "sums", "seed": 0, "suite": suite.id, "suite_hash": suite.hash, **changes}
    write_results(tmp_path / "theirs.jsonl", [make_result("theirs", **given)])
    with pytest.raises(LmgymError, match=message):
        bench(merge=(tmp_path / "theirs.jsonl",))
    assert not (bench.out / "jobs").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_jobs_and_says_how_to_go_on(bench, capsys, monkeypatch, number):
    stopped = []
    stop, wait = Processes.stop, Processes.wait

    def interrupted(self, timeout_s):
        events = wait(self, timeout_s)
        if events and not stopped:
            os.kill(os.getpid(), number)
        return events

    def noted(self):
        stopped.append(len(self._running))
        stop(self)

    monkeypatch.setattr(Processes, "wait", interrupted)
    monkeypatch.setattr(Processes, "stop", noted)
    assert bench("fakes:hangs,fakes:good", only=("sums",), seeds=1, jobs=3) == 130
    assert "The same command goes on" in capsys.readouterr().out
    assert stopped
    monkeypatch.undo()
    assert bench("fakes:good", only=("sums",), seeds=1) == 0


def test_a_system_without_fork_is_told_what_to_use(bench, monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(MissingDependencyError, match="Subsystem for Linux"):
        bench()


def test_the_lists_name_suites_and_agents(capsys):
    assert run_bench(Bench(list=True)) == 0
    text = capsys.readouterr().out
    assert "lmgym-quick-1" in text and "  random\n" in text
    assert "entries of lmgym-quick-1" in text and "lmgym/Reverse-v0" in text
    assert run_bench(Bench(list=True, suite="probes")) == 0
    assert "entries of lmgym-probes-1" in capsys.readouterr().out


def test_what_a_first_try_lacks_is_said(bench, capsys):
    bench(only=("sums",), seeds=1)
    text = capsys.readouterr().out
    assert "1 of the 2 entries of lmgym-tiny-1 were run" in text and "1 (1 missing)" in text
    assert bench("fakes:good,fakes:fails", seeds=1, retry_failed=True) == 1
    text = capsys.readouterr().out
    assert (
        "fewer than 3 seeds: all agents are tied" in text and "--retry-failed does failed jobs again" in text
    )
