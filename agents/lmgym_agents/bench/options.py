"""What can be asked of a benchmark on the command line; light, so that reading it imports no agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from lmgym.errors import InvalidValueError

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Compares agents on a suite, with confidence intervals.

    Every agent gets the same environments, models, tokens and seeds. Called again with the same command it
    goes on where it was stopped or killed. In --out: results.jsonl with a line for each job, and a folder for
    each job with its log.

    An agent is a built-in (ppo), a class (mypackage.mine:Agent), a plug-in's name, or a served model
    (http://host:8000/v1#model); options follow as in "ppo?learning_rate=3e-4".

    Exit code 0: all jobs went well; 1: some failed, and are listed; 2: a mistake in what was asked for.
    """

    suite: str = "quick"
    """name of a suite (quick), its id (lmgym-quick-1), or a JSON file"""
    agents: str = ""
    """agents, with commas between them (within an option: %2C); not needed to merge results alone"""
    seeds: int | None = None
    """how many seeds: 5 means 0 to 4; none: the suite's"""
    seed_list: tuple[int, ...] = ()
    """these seeds instead, such as --seed-list 3 4"""
    out: Path | None = None
    """folder of the results; needed unless --list or --merge is all that is asked for"""
    only: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["--entries"])] = ()
    """entries of the suite to run (--list names them); none: all"""
    jobs: int | None = None
    """jobs at a time; none: as many as GPUs, or cores"""
    device: Device = "auto"
    """cpu, cuda, or auto: the GPUs if there are any"""
    threads: int = 1
    """threads of each job on the CPU; its numbers depend on them"""
    timeout_minutes: float = 60.0
    """after which a job or a warm start is killed and has failed"""
    memory_gb: float | None = None
    """gigabytes (10^9 bytes) above which a job is killed and has failed; none: 80 % of the machine's"""
    retry_failed: bool = False
    """do failed jobs again, too"""
    merge: tuple[Path, ...] = ()
    """files of results of others, shown beside these and written to merged.jsonl"""
    list: bool = False
    """print suites, the entries of --suite, and agents, and do nothing"""

    def __post_init__(self) -> None:
        for name in ("timeout_minutes", "memory_gb", "threads"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidValueError(f"--{name.replace('_', '-')} must be positive, got {value}.")


def split_agents(text: str) -> tuple[str, ...]:
    """Returns the agents of a list with commas, each once.

    Raises:
        InvalidValueError: there is none.
    """
    agents = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not agents:
        raise InvalidValueError(
            "--agents is missing: agents with commas between them, such as --agents ppo,random. "
            "See lmgym bench --list."
        )
    return agents
