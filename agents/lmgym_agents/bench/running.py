"""Runs a benchmark that was asked for: finds what there is to do, does it, shows what came out."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmgym.bench.comparison import MIN_COMMON_RUNS
from lmgym.bench.leaderboard import failure_lines, leaderboard_table
from lmgym.bench.result_record import Result
from lmgym.bench.results import merge_results, read_results, write_results
from lmgym.bench.scores import score_table
from lmgym.bench.suites import Suite, load_suite, suite_ids
from lmgym.errors import InvalidValueError
from lmgym_agents.agent_specs import ENTRY_POINT_GROUP, check_agents_exist, parse_agent_spec
from lmgym_agents.bench.bench_folder import BenchFolder, find_all_results
from lmgym_agents.bench.builtin import BUILTIN
from lmgym_agents.bench.display import BenchDisplay
from lmgym_agents.bench.machine import (
    MEMORY_SHARE,
    choose_device,
    find_gpus,
    find_memory_bytes,
    make_slots,
)
from lmgym_agents.bench.options import Bench, split_agents
from lmgym_agents.bench.plan import Task, choose_entries, choose_seeds, make_plan
from lmgym_agents.bench.processes import WORK, Processes
from lmgym_agents.bench.scheduler import Limits, Scheduler


def run_asked(config: Bench, *, work: str = WORK) -> int:
    """Does what was asked for; returns the exit code.

    Args:
        config: the options.
        work: what the jobs' processes run, see ``Processes``.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if config.list:
        return _print_lists(console, config.suite)
    suite = load_suite(config.suite)
    agents = () if config.merge and not config.agents else split_agents(config.agents)
    if config.out is None and not agents:
        return _show_merged(config, suite, console)
    if config.out is None:
        raise InvalidValueError("--out is missing: the folder for the results, such as --out runs/quick.")
    if work == WORK:
        check_agents_exist(agents)
    else:  # of other work only the form of names is known
        for agent in agents:
            parse_agent_spec(agent)
    entries = choose_entries(suite, config.only)
    plan = make_plan(entries, agents, choose_seeds(suite, config.seeds, config.seed_list))
    others = [read_results(path) for path in config.merge]
    gpus = find_gpus() if config.device != "cpu" else ()
    device = choose_device(config.device, gpus)
    slots = make_slots(config.jobs, device, gpus)
    limits = Limits(
        timeout_s=60 * config.timeout_minutes, memory_bytes=_memory_bytes(config), threads=config.threads,
        device=device,
    )  # fmt: skip
    with BenchFolder(config.out, suite, device=device, threads=config.threads) as folder:
        if config.retry_failed:
            _forget_failed(plan, folder)
        folder.collect(dict(find_all_results(config.out, suite)))
        _check_others(merge_results(folder.results, *others), suite)  # before the long work
        try:
            is_well = _run(plan, folder, slots, limits, console, work)
        except KeyboardInterrupt:
            console.print(f"stopped. The same command goes on with it; finished jobs are in {config.out}.")
            return 130
        merged = folder.results
        if others:
            merged = merge_results(folder.results, *others)
            write_results(config.out / "merged.jsonl", merged)
        _print_results(console, suite, merged)
        console.print(f"\nresults: {config.out / ('merged.jsonl' if others else 'results.jsonl')}")
    return 0 if is_well else 1


def _show_merged(config: Bench, suite: Suite, console: Console) -> int:
    """Shows results of others alone, of whatever suite they are."""
    results = merge_results(*map(read_results, config.merge))
    is_asked = any(result.suite == suite.id for result in results)
    _print_results(console, suite if is_asked else None, results)
    return 0


def _check_others(results: Sequence[Result], suite: Suite) -> None:
    """Raises LmgymError if results of others can't be compared with those of ``suite``."""
    if not results:
        return
    score_table(results, suite)
    if results[0].suite_hash != suite.hash:
        raise InvalidValueError(
            f"the results given by --merge are of {suite.id} under the hash {results[0].suite_hash[:12]}, "
            f"here it is {suite.hash[:12]}: they are of different problems and can't be compared."
        )


def _memory_bytes(config: Bench) -> float:
    return MEMORY_SHARE * find_memory_bytes() if config.memory_gb is None else config.memory_gb * 1e9


def _forget_failed(plan: Sequence[Task], folder: BenchFolder) -> None:
    """Lets failed tasks be done again; those that only lacked time go on from their checkpoints."""
    for task in plan:
        if task.kind == "warm":
            if folder.find_warm_failure(task) is not None:
                folder.forget(task)
        elif (result := folder.find_result(task)) is not None and result.failure is not None:
            folder.forget(task, keep_checkpoints=result.failure.kind == "timeout")


def _run(
    plan: Sequence[Task],
    folder: BenchFolder,
    slots: Sequence[Any],
    limits: Limits,
    console: Console,
    work: str,
) -> bool:
    """Returns whether all went well."""
    jobs = [task for task in plan if task.kind == "job"]
    num_done = sum(folder.find_result(task) is not None for task in jobs)
    if num_done < len(jobs):
        went_on = f", {num_done} of them done before" if num_done else ""
        many = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
        console.print(f"{folder.suite.id}: {many}{went_on}; {len(slots)} at a time on {limits.device}")
        with (
            _interruptible(),
            Processes(work=work, threads=limits.threads) as processes,
            BenchDisplay(console, num_jobs=len(jobs), num_done=num_done, num_slots=len(slots)) as display,
        ):
            scheduler = Scheduler(plan, folder, processes, slots=slots, limits=limits, listener=display)
            try:
                scheduler.run()
            except KeyboardInterrupt:
                processes.stop()
                raise
    return all((result := folder.find_result(task)) is not None and result.is_ok for task in jobs)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lets SIGTERM do what ctrl-c does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _print_lists(console: Console, chosen: str) -> int:
    table = Table("suite", "entries", "seeds", "what it is for", box=None, pad_edge=False)
    for name in suite_ids():
        suite = load_suite(name)
        table.add_row(name, str(len(suite.entries)), str(len(suite.seeds)), suite.summary)
    console.print(table)
    suite = load_suite(chosen)
    console.print(f"\nentries of {suite.id} (for --only; of another suite: --list --suite NAME):")
    entries = Table("entry", "environment", "token budget", "abilities", box=None, pad_edge=False)
    for entry in suite.entries:
        options = ", ".join(f"{name}={value}" for name, value in entry.options.items())
        about = ", ".join(entry.abilities)
        entries.add_row(entry.name, Text(f"{entry.env} {options}"), f"{entry.budget:,}", about)
    console.print(entries)
    console.print("\nagents:")
    first: dict[str, str] = {}
    for name, target in BUILTIN.items():
        is_alias = first.setdefault(target, name) != name
        console.print(f"  {name}" + (f" (the same as {first[target]})" if is_alias else ""))
    for name in sorted(entry_points(group=ENTRY_POINT_GROUP).names - BUILTIN.keys()):
        console.print(f"  {name} (of a package that is installed)")
    console.print("  module:Class\n  http://host:8000/v1#model")
    return 0


def _notes(suite: Suite, results: Sequence[Result]) -> Iterator[str]:
    """Yields what keeps the agents from ranks and intervals, so that a small first try is no riddle."""
    done = {entry: {r.seed for r in results if r.entry == entry} for entry in {r.entry for r in results}}
    if len(done) < len(suite.entries):
        yield (
            f"{len(done)} of the {len(suite.entries)} entries of {suite.id} were run: agents get a rank and "
            "an IQM (interquartile mean of scores, 0 random to 1 optimal) by running them all."
        )
    elif min(map(len, done.values())) < MIN_COMMON_RUNS:
        yield (
            f"fewer than {MIN_COMMON_RUNS} seeds: all agents are tied, and intervals say little; of one run "
            "they have no width."
        )


def _print_results(console: Console, suite: Suite | None, results: Sequence[Result]) -> None:
    seeds = {result.seed for result in results}
    if suite is not None:  # fewer seeds were asked for: the others are not missing
        suite = dataclasses.replace(suite, seeds=tuple(sorted(seeds)))
    table = leaderboard_table(results, suite)
    console.print(f"\n{results[0].suite}")
    console.print(table)
    if suite is not None:
        for note in _notes(suite, results):
            console.print(note, soft_wrap=True)
    failures = failure_lines(results)
    if failures:
        console.print("failed; these are in no number:")
        for line in failures:
            console.print(f"  {line}", soft_wrap=True)
        is_late = any(result.failure is not None and result.failure.kind == "timeout" for result in results)
        more = "; --timeout-minutes gives them more time" if is_late else ""
        console.print(
            f"What a job has printed is in its log.txt; --retry-failed does failed jobs again{more}."
        )
