"""What the end of a job's process means where the job has left no result: kind, message, line of code.

Left out: exceptions that a job tells of itself (``failures``).
"""

from __future__ import annotations

import re
import signal
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import lmgym
from lmgym.bench.result_record import Failure, Result
from lmgym_agents.agent_specs import parse_agent_spec
from lmgym_agents.bench.job import Job, command_of, describe_machine
from lmgym_agents.bench.processes import Ended
from lmgym_agents.runs.versions import collect_versions

_OURS: Final = (str(Path(lmgym.__file__).parent), str(Path(__file__).parents[1]))
_STDLIB: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), sys.base_prefix)
_INSTALLED: Final = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
_OF_THE_BENCH: Final = ("job_process.py", "fork_server.py")
_TAIL_BYTES: Final = 65536
# Of a stack as Python's faulthandler prints it, innermost call first.
_STACK_LINE: Final = re.compile(
    r'^  File "(?P<path>.{1,4000})", line (?P<line>\d{1,9}) in (?P<name>.{1,200})'
)


def describe_end(ended: Ended, log: Path, *, timeout_s: float, memory_bytes: float) -> Failure:
    """Returns why a job has failed whose process ended without a result.

    Args:
        ended: how it ended.
        log: what the job has printed; the stacks of its threads where it was killed or crashed.
        timeout_s: how long it had.
        memory_bytes: how much memory it had.
    """
    if ended.cause == "timeout":
        words = f"was not done after {timeout_s / 60:g} minutes and was killed"
        return Failure(kind="timeout", message=words, where=place_in_log(log))
    if ended.cause == "memory":
        words = f"used more than the {memory_bytes / 2**30:.1f} GiB of memory that are allowed and was killed"
        return Failure(kind="memory", message=words, where=place_in_log(log))
    if ended.exit_code is None:
        words = "the process was lost again and again, together with the one that starts the jobs"
        return Failure(kind="died", message=words, where=log.name)
    if ended.exit_code < 0:
        name = _signal_name(-ended.exit_code)
        hint = " (by the system, perhaps for want of memory)" if name == "SIGKILL" else ""
        words = f"the process was killed by {name}{hint}"
        return Failure(kind="died", message=words, where=place_in_log(log))
    words = f"the process ended with exit code {ended.exit_code} and left no result"
    return Failure(kind="died", message=words, where=log.name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def place_in_log(log: Path) -> str:
    """Returns ``FILE:LINE in FUNCTION`` of foreign code in the stacks at the end of a log, else its name."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return log.name
    found = [match for line in text.splitlines() if (match := _STACK_LINE.match(line))]
    ranked = [(rank, match) for match in found if (rank := _rank(match["path"])) is not None]
    if not ranked:
        return log.name
    match = min(ranked, key=lambda pair: pair[0])[1]  # of equal ones the first, which is the innermost
    return f"{Path(match['path']).name}:{match['line']} in {match['name']}"


def _rank(path: str) -> int | None:
    """Returns 0 for a person's own code, more for what is further from it, None for what says nothing."""
    if path.startswith("<") or Path(path).name in _OF_THE_BENCH:
        return None
    if path.startswith(_OURS):
        return 2
    if path.startswith(_INSTALLED):
        return 1
    return None if path.startswith(_STDLIB) else 0


def make_failed_result(job: Job, failure: Failure, *, wall_s: float = 0.0, peak_bytes: int = 0) -> Result:
    """Returns the result of a job that can't tell of itself."""
    versions = collect_versions()
    return Result(
        suite=job.suite_id, suite_hash=job.suite_hash, entry=job.entry.name, env=job.entry.env,
        options=job.entry.options, agent=job.agent, config=parse_agent_spec(job.agent).options, seed=job.seed,
        status="failed", failure=failure, scores={}, start_scores={}, curve=(), num_tokens=0,
        num_read_tokens=0, num_gradient_steps=0, flops=None, weights_hash=None,
        commit=versions.pop("commit"), versions=versions, command=command_of(job),
        machine=describe_machine("cpu"), date=datetime.now(UTC).isoformat(timespec="seconds"),
        timing={"wall_s": wall_s, "peak_memory_bytes": float(peak_bytes)},
    )  # fmt: skip
