"""Runs a benchmark that was asked for: finds what there is to do, does it, shows what came out."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from lmgym.bench.leaderboard import failure_lines, leaderboard_table
from lmgym.bench.result_record import Result
from lmgym.bench.results import merge_results, read_results, write_results
from lmgym.bench.suites import Suite, load_suite, suite_ids
from lmgym.errors import InvalidValueError
from lmgym_agents.agent_specs import ENTRY_POINT_GROUP, parse_agent_spec
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
        return _print_lists(console)
    suite = load_suite(config.suite)
    agents = () if config.merge and not config.agents else split_agents(config.agents)
    if config.out is None and not agents:
        return _show_merged(config, suite, console)
    if config.out is None:
        raise InvalidValueError("--out is missing: the folder for the results, such as --out runs/quick.")
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
        merge_results(folder.results, *others)  # before the long work: whatever is wrong with them
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
        console.print(
            f"{folder.suite.id}: {len(jobs)} jobs{went_on}; {len(slots)} at a time on {limits.device}"
        )
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


def _print_lists(console: Console) -> int:
    table = Table("suite", "entries", "seeds", "what it is for", box=None, pad_edge=False)
    for name in suite_ids():
        suite = load_suite(name)
        table.add_row(name, str(len(suite.entries)), str(len(suite.seeds)), suite.summary)
    console.print(table)
    console.print("\nagents:")
    for name in dict.fromkeys([*BUILTIN, *entry_points(group=ENTRY_POINT_GROUP).names]):
        console.print(f"  {name}")
    console.print("  module:Class\n  http://host:8000/v1#model")
    return 0


def _print_results(console: Console, suite: Suite | None, results: Sequence[Result]) -> None:
    table = leaderboard_table(results, suite)
    console.print(f"\n{results[0].suite}")
    console.print(table)
    failures = failure_lines(results)
    if failures:
        console.print("failed; these are in no number:")
        for line in failures:
            console.print(f"  {line}", soft_wrap=True)
