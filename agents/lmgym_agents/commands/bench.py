"""``lmgym bench``: agents compared on a suite."""

from __future__ import annotations

import os

from lmgym.errors import MissingDependencyError
from lmgym_agents.bench.options import Bench
from lmgym_agents.bench.processes import WORK


def run_bench(config: Bench, *, work: str = WORK) -> int:
    """Runs ``lmgym bench``; returns the exit code.

    Args:
        config: the options.
        work: what the jobs' processes run, see ``Processes``.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    if not hasattr(os, "fork"):
        raise MissingDependencyError(
            "lmgym bench starts its jobs by fork, which this system does not have. Use Linux, macOS, or the "
            "Windows Subsystem for Linux."
        )
    from lmgym_agents.bench.running import run_asked

    return run_asked(config, work=work)
