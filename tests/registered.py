"""The environments that can be made here: some need programs that are not installed everywhere.

Tests that go through all environments go through these; ``tests/lmgym/tasks/test_rocq.py`` skips with the
reason where Rocq is absent.
"""

from __future__ import annotations

from lmgym.errors import MissingDependencyError
from lmgym.logic.lean.repl import find_command
from lmgym.logic.rocq.programs import find_programs
from lmgym.registration import TABLE, Entry


def has_rocq() -> bool:
    """Whether a Rocq prover is installed."""
    try:
        find_programs()
    except MissingDependencyError:
        return False
    return True


def has_lean() -> bool:
    """Whether a REPL of Lean is installed."""
    try:
        find_command()
    except MissingDependencyError:
        return False
    return True


_NEEDS = {"lmgym/Rocq-v0": has_rocq, "lmgym/Lean-v0": has_lean}
INSTALLED: tuple[Entry, ...] = tuple(entry for entry in TABLE if entry.id not in _NEEDS or _NEEDS[entry.id]())
"""The entries of the table that can be made here."""
