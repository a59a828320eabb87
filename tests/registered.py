"""The environments that can be made here: some need programs that are not installed everywhere.

Tests that go through all environments go through these; the tests of the others skip with the reason.
"""

from __future__ import annotations

from lmgym.envs.setup import make_task
from lmgym.errors import MissingDependencyError
from lmgym.registration import TABLE, Entry

_NEED_PROGRAMS = ("lmgym/Rocq-v0", "lmgym/Lean-v0")


def is_installed(entry: Entry) -> bool:
    """Whether all that the environment needs is here; False only for those that need other programs."""
    if entry.id not in _NEED_PROGRAMS:
        return True
    try:
        make_task(entry.task, {})
    except MissingDependencyError:
        return False
    return True


INSTALLED: tuple[Entry, ...] = tuple(filter(is_installed, TABLE))
"""The entries of the table that can be made here."""
