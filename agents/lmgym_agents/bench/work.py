"""What the process of a job runs: an order in plain values becomes a warm start, or a job with its result.

``result.json`` is written last and in one step, so that whoever finds it finds a finished job. The order is
made by ``plan``.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from lmgym.bench.result_record import Failure, Result, parse_result
from lmgym.bench.results import to_json_line
from lmgym.bench.suites import Entry, parse_suite
from lmgym_agents.bench.failures import describe_error, kind_of, place_of
from lmgym_agents.bench.job import Job, OnProgress, discard_checkpoints, run_job
from lmgym_agents.bench.job_process import Report
from lmgym_agents.bench.outcomes import make_failed_result
from lmgym_agents.bench.warm_start import DONE, make_warm_start
from lmgym_agents.runs.durable_files import write_atomically
from lmgym_agents.runs.strict_json import to_json

RESULT: Final = "result.json"
WARM_FAILURE: Final = "failure.json"
"""Where a warm start says why it could not be made."""

RunJob = Callable[[Job, Path, OnProgress], Result]
MakeWarmStart = Callable[[Entry, int, Path, str, int], object]


def work(order: Mapping[str, Any], folder: Path, report: Report) -> None:
    """Does an order in ``folder``, which exists."""
    do_order(order, folder, report, run=_run_job, warm_up=_make_warm_start)


def do_order(
    order: Mapping[str, Any], folder: Path, report: Report, *, run: RunJob, warm_up: MakeWarmStart
) -> None:
    """Does an order by the two functions that are given."""
    entry = parse_suite(order["suite"]).entry(order["entry"])
    if order["kind"] == "warm":
        try:
            warm_up(entry, order["seed"], folder, order["device"], order["threads"])
        except Exception as error:
            # Whatever it is, the jobs that need this model must be able to say it.
            traceback.print_exc()
            failure = vars(_failure_of(error))
            write_atomically(folder / WARM_FAILURE, to_json(failure, WARM_FAILURE))
        return
    job = make_job(order, entry)
    try:
        result = run(job, folder, report)
        line = to_json_line(result)
        parse_result(json.loads(line))  # as whoever reads it will
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # foreign code may raise any of them
        traceback.print_exc()
        result = make_failed_result(job, _failure_of(error))
        line = to_json_line(result)
    if result.failure is not None:
        print(f"failed: {result.failure.kind}: {result.failure.message} ({result.failure.where})")
    write_atomically(folder / RESULT, line.encode() + b"\n")
    discard_checkpoints(folder)


def make_job(order: Mapping[str, Any], entry: Entry) -> Job:
    """Returns the job that an order describes."""
    return Job(
        suite_id=order["suite_id"], suite_hash=order["suite_hash"], entry=entry, agent=order["agent"],
        seed=order["seed"], warm=Path(order["warm"]), device=order["device"], threads=order["threads"],
    )  # fmt: skip


def is_warm(folder: Path) -> bool:
    """Returns whether the folder of a warm start holds a whole model."""
    return (folder / DONE).is_file()


def _failure_of(error: BaseException) -> Failure:
    return Failure(kind=kind_of(error), message=describe_error(error), where=place_of(error) or "log.txt")


def _run_job(job: Job, folder: Path, on_progress: OnProgress) -> Result:
    return run_job(job, folder, on_progress=on_progress)


def _make_warm_start(entry: Entry, seed: int, folder: Path, device: str, threads: int) -> object:
    return make_warm_start(entry, seed, folder, device=device, threads=threads)
